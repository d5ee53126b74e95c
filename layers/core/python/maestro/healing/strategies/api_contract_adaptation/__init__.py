"""Repairs of code that uses an interface which has changed."""
