"""What a file is to its project, told from its path alone: the one place that says what a test file is."""

import fnmatch
import re
from collections.abc import Collection
from enum import StrEnum
from pathlib import PurePosixPath

_CONFIGURATION = (
    "setup.cfg", "setup.py", "tox.ini", "noxfile.py", "pytest.ini", ".pytest.ini", "pyproject.toml", "maestro.yaml",
    "maestro.yml", "Pipfile", "environment.yml", "*requirements*.txt", "*requirements*.in", "requirements/*",
    "*/requirements/*", "constraints*.txt",
)  # fmt: skip
_TEST_FOLDERS = frozenset({"test", "tests", "testing", "testsuite", "unittests", "t"})
_NAMED_AFTER = re.compile(r"test_.+|.+_tests")
_TEST_FILE = re.compile(r"(tests?|tests?[_-].*|.*[_-]tests?|.*_unittest|test[A-Z].*)\.pyw?")
_FIXTURE_FOLDERS = frozenset(
    {"fixtures", "data", "testdata", "test_data", "resources", "golden", "snapshots", "__snapshots__"}
)


class Role(StrEnum):
    """What a file is to the project; it decides who may change it."""

    TEST = "test"
    FIXTURE = "fixture"
    PRODUCT = "product"
    CONFIGURATION = "configuration"


def role(path: str, test_files: Collection[str] = ()) -> Role:
    """Classify a relative path by the conventions of Python projects and of test tools."""
    pure = PurePosixPath(path)
    folders = [part.lower() for part in pure.parts[:-1]]
    in_tests = any(folder in _TEST_FOLDERS or _NAMED_AFTER.fullmatch(folder) for folder in folders)
    if path in test_files:
        return Role.TEST
    if pure.name == "conftest.py":
        return Role.FIXTURE
    if any(fnmatch.fnmatch(path, p) or fnmatch.fnmatch(pure.name, p) for p in _CONFIGURATION) and not in_tests:
        return Role.CONFIGURATION
    if in_tests:
        python = pure.suffix in (".py", ".pyw")
        return Role.TEST if python and not _FIXTURE_FOLDERS.intersection(folders) else Role.FIXTURE
    return Role.TEST if _TEST_FILE.fullmatch(pure.name) else Role.PRODUCT


def is_test_file(path: str) -> bool:
    """Whether a project's file holds tests or their support."""
    return role(path) in (Role.TEST, Role.FIXTURE)


def package_in_doubt(path: str, files: Collection[str]) -> str:
    """Return the folder that makes a path a test file by the form of its name only, though no test lies in it.

    ``test_cart/`` beside ``cart/`` holds tests; a product may be called ``test_server`` as well, and have its tests
    elsewhere. ``files`` are the tree's; "" where there is no such doubt.
    """
    pure = PurePosixPath(path)
    if _TEST_FILE.fullmatch(pure.name) or pure.name == "conftest.py":
        return ""
    folders = pure.parts[:-1]
    if any(folder.lower() in _TEST_FOLDERS for folder in folders):
        return ""
    for depth, folder in enumerate(folders, start=1):
        if _NAMED_AFTER.fullmatch(folder.lower()):
            below = "/".join(folders[:depth]) + "/"
            inside = [PurePosixPath(file[len(below) :]) for file in files if file.startswith(below)]
            own = any(_TEST_FILE.fullmatch(f.name) and not _TEST_FOLDERS.intersection(f.parts[:-1]) for f in inside)
            return "" if own else below
    return ""
