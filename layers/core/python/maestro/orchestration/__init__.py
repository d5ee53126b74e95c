"""Placeholder docstring of maestro.orchestration."""
