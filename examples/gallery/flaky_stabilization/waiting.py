"""A waiting list."""


class WaitingList:
    """First come, first served."""

    def __init__(self):
        self.names = []

    def add(self, name):
        self.names.append(name)

    def next(self):
        return self.names.pop(0) if self.names else None
