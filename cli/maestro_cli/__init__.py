"""The `maestro` command and the embedded stack; never deployed."""
