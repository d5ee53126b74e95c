"""Repairs of tests that come and go: state that leaks is given back, shared fixtures are made anew."""
