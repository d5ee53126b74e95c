"""Placeholder docstring of maestro.adapters."""
