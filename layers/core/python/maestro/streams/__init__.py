"""Placeholder docstring of maestro.streams."""
