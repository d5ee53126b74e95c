"""Repairs of sources that do not parse, and of sources written for Python 2."""
