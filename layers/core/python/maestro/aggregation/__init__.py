"""Placeholder docstring of maestro.aggregation."""
