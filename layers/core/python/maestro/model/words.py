"""Words that fit their numbers."""


def counted(number: int, word: str) -> str:
    """Say how many there are of something.

    >>> counted(1, "test"), counted(2, "test")
    ('1 test', '2 tests')
    """
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
