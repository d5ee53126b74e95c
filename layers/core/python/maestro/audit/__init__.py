"""Placeholder docstring of maestro.audit."""
