"""Placeholder docstring of maestro.healing."""
