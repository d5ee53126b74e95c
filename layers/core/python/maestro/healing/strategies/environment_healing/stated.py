"""The values that a project's own files give environment variables: tox, examples, CI, runners, what people type."""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

import yaml

from maestro.healing._forms import dotted
from maestro.healing._roles import Role
from maestro.healing.sourcetree import SourceTree
from maestro.healing.strategies.imports import parse

_LINE = re.compile(r"(?m)^[ \t]*(?:[DR]+:)?([A-Z][A-Z0-9_]{1,})[ \t]*=[ \t]*(\S[^\n#]*?)[ \t]*$")
_SETENV = re.compile(r"(?m)^(?:set_?env|env)[ \t]*=[ \t]*([^\n]*(?:\n[ \t]+[^\n]*|\n(?=[ \t]*\n[ \t]))*)")
_FILES = ("tox.ini", "setup.cfg", "pytest.ini", "pyproject.toml")
_DOTENV = (".env.example", ".env.sample", ".env.test", ".env.dist", "env.example", ".env.testing", ".env.ci")
_EXPORT = re.compile(r"(?m)^[ \t>$]*(?:export|set|ENV)[ \t]+([A-Z][A-Z0-9_]{1,})[= ]([^\s`'\"]+)[ \t]*$")
_BEFORE = re.compile(r"(?m)\b([A-Z][A-Z0-9_]{1,})=([^\s`'\";&|]+)[ \t]+(?:[A-Z][A-Z0-9_]*=\S+[ \t]+)*"
                     r"(?:python\S*|py\.test|pytest|nosetests|tox|coverage|make)\b")  # fmt: skip
_CI = re.compile(r"^(\.travis\.yml|\.gitlab-ci\.yml|\.appveyor\.yml|appveyor\.yml|docker-compose[\w.-]*\.ya?ml|"
                 r"azure-pipelines\.yml|\.(github/workflows|circleci)/[^/]+\.ya?ml)$")  # fmt: skip
_TOLD = re.compile(r"(?i)^(readme|contributing|makefile|dockerfile|justfile|docs/(contributing|testing|development))"
                   r"[^/]*$|^[^/]*test[^/]*\.sh$")  # fmt: skip
_MAKE = re.compile(r"(?m)^(?:export +)?(\w+) *[:?]?= *(\S+)$")
_RUNNERS = re.compile(r"(^|/)(conftest|manage|run_?tests?|noxfile|tasks|setup|settings|__init__)\.py$")
_NEVER = re.compile(r"(?i)secret|token|password|passwd|api_?key|credential|\$\{|\{\{|\$\(|\{(env|tox|posargs)|%\(")
# What steers the tools rather than the tests.
_TOOLS = re.compile(r"^(PYTHON(?!ASYNCIODEBUG|UTF8|IOENCODING|HASHSEED)\w*|PIP_\w+|UV_\w+|TOX\w*|COVERAGE\w*|COV\w*|"
                    r"PATH|HOME|VIRTUAL_?ENV\w*|PYTEST\w*|LD_\w+|PY_COLORS|FORCE_COLOR|CI|GITHUB_\w+|TRAVIS\w*|DEBIAN_\w+|"
                    r"CC|CFLAGS|CIBW\w*|TWINE\w*|CODECOV\w*|TMPDIR|NOX\w*|PRE_COMMIT\w*)$")  # fmt: skip
_MAX_VALUE = 200


def values_of(tree: SourceTree, name: str) -> Iterator[tuple[str, str]]:
    """Yield (value, file) for each value that the project's own files give a variable; secrets never."""
    for value, where in _all_values(tree, name):
        if acceptable(name, value):
            yield value, where


def acceptable(name: str, value: str) -> bool:
    """Whether a variable may be set to a value: a plain text that is no secret and refers to nothing."""
    return bool(value) and len(value) <= _MAX_VALUE and "\n" not in value and not _NEVER.search(f"{name}={value}")


def for_tests(tree: SourceTree) -> dict[str, str]:
    """Return the variables that the project's configuration of its test runs sets: tox's or pytest's own."""
    found: dict[str, str] = {}
    for path in _FILES:
        for block in _SETENV.findall(tree.text(path) or ""):
            for name, value in _LINE.findall(block):
                plain = value.strip("'\"")
                if acceptable(name, plain) and not _TOOLS.match(name):
                    found.setdefault(name, plain)
    return found


def _all_values(tree: SourceTree, name: str) -> Iterator[tuple[str, str]]:
    """Yield (value, file): settings of tox and examples first, then CI, runners, and what people are told to type."""
    for path in (*_FILES, *_DOTENV):
        yield from ((value.strip("'\""), path) for key, value in _LINE.findall(tree.text(path) or "") if key == name)
    for path in filter(_CI.match, tree.files):
        yield from ((value, path) for value in _in_yaml(tree.text(path) or "", name))
    for path in tree.python_files:
        if _RUNNERS.search(path) or tree.role(path) in (Role.TEST, Role.FIXTURE):
            yield from ((value, path) for value in _in_python(tree.text(path) or "", name))
    for path in filter(_TOLD.match, tree.files):
        text = tree.text(path) or ""
        yield from ((value, path) for key, value in [*_EXPORT.findall(text), *_BEFORE.findall(text)] if key == name)
        if PurePosixPath(path).name.lower() == "makefile":
            yield from ((v, path) for key, v in _MAKE.findall(text) if key == name)


def _in_python(text: str, name: str) -> Iterator[str]:
    """Yield what a runner sets a variable to: ``os.environ["NAME"] = "x"``, ``os.environ.setdefault("NAME", "x")``."""
    module = parse(text) if name in text else None
    for node in ast.walk(module) if module is not None else ():
        match node:
            case ast.Assign(
                targets=[ast.Subscript(value=holder, slice=ast.Constant(value=key))],
                value=ast.Constant(value=str(value)),
            ) if key == name and (dotted(holder) or "").endswith("environ"):
                yield value
            case ast.Call(func=func, args=[ast.Constant(value=key), ast.Constant(value=str(value))]) if (
                key == name and (dotted(func) or "").endswith(("environ.setdefault", "monkeypatch.setenv", "os.putenv"))
            ):
                yield value


def _in_yaml(text: str, name: str) -> Iterator[str]:
    try:
        todo: list[object] = [yaml.safe_load(text)]
    except (yaml.YAMLError, RecursionError):
        return
    for _ in range(10_000):
        if not todo:
            return
        node = todo.pop()
        if isinstance(node, dict):
            if isinstance(node.get(name), (str, int, float)) and not isinstance(node.get(name), bool):
                yield str(node[name])
            todo.extend(node.values())
        elif isinstance(node, list):
            todo.extend(node)
        elif isinstance(node, str):
            yield from (value for found, value in [*_LINE.findall(node), *_BEFORE.findall(node)] if found == name)
