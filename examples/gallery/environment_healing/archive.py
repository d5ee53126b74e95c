"""Where letters are filed."""

import os


def shelf(name):
    """Return the folder of a letter: the archive's, then the first letter of its sender."""
    return os.path.join(os.environ["ARCHIVE_ROOT"], name[0].lower(), name)
