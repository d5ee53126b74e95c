"""Maestro CARS: the shared layer of the Continuous Auto-Repair Service."""
