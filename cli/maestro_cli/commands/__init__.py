"""The commands of `maestro`, one module for each family."""
