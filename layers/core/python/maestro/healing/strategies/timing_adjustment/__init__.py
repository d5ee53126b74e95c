"""Repairs of tests that wait too short: longer waits, with the reason beside them."""
