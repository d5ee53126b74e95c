"""Repairs of what surrounds the tests: the project itself, variables, locale, identity, folders."""
