"""Placeholder docstring of maestro.workflow."""
