"""Placeholder docstring of maestro.registry."""
