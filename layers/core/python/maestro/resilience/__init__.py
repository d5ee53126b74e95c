"""Placeholder docstring of maestro.resilience."""
