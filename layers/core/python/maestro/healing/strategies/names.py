"""Names of modules and distributions."""

import sys

from packaging.utils import canonicalize_name

# Part of the standard library once; an environment on an older interpreter still has them.
_REMOVED_STDLIB = frozenset(
    [
        "aifc",
        "asynchat",
        "asyncore",
        "audioop",
        "binhex",
        "cgi",
        "cgitb",
        "chunk",
        "crypt",
        "distutils",
        "formatter",
        "imghdr",
        "imp",
        "lib2to3",
        "macpath",
        "mailcap",
        "msilib",
        "nis",
        "nntplib",
        "ossaudiodev",
        "parser",
        "pipes",
        "smtpd",
        "sndhdr",
        "spwd",
        "sunau",
        "symbol",
        "telnetlib",
        "uu",
        "xdrlib",
    ]
)


def canonical(distribution: str) -> str:
    """Normalise a distribution's name (PEP 503)."""
    return str(canonicalize_name(distribution)) if distribution else ""


def is_stdlib(module: str) -> bool:
    """Whether a module is, or was in some Python 3, part of the standard library."""
    top = module.partition(".")[0]
    return top in sys.stdlib_module_names or top in _REMOVED_STDLIB
