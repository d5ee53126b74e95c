"""Repairs of what a project asks to be installed."""
