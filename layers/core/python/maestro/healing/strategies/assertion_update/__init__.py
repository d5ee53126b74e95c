"""Expectations that follow a dependency, where experiments showed that it changed its contract."""
