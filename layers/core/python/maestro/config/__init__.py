"""Placeholder docstring of maestro.config."""
