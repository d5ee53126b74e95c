"""Break a project in a known way: edits of its tests, its product or its settings, each with what answers it."""

import ast
import random
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

LISTED = Path(__file__).with_name("breakages.yaml")
REGRESSION = "regression"
IN_TESTS = 0.6  # how often a place in the tests is preferred: such breakages can be run together
PLACES = ("test", "product", "test-module", "product-module")


@dataclass(frozen=True, slots=True)
class Breakage:
    """One way to break: ``label`` is the strategy that answers it, or "regression"; ``spec`` an entry of the list."""

    id: str
    label: str
    spec: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a breakage may be put: files relative to ``root``, and the functions that a test of ``tests`` enters."""

    root: Path
    tests: tuple[str, ...]
    modules: tuple[str, ...]
    imported: str  # the product's module under its dotted name
    covered: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Broken:
    """What to change: new texts of files, what else to install, and variables to set."""

    edits: Mapping[str, str]
    install: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


def breakages() -> list[Breakage]:
    """Return the listed breakages and those of syntax; the regressions are the traps (``support.traps``)."""
    listed = yaml.safe_load(LISTED.read_text("utf-8"))
    found = [
        Breakage(f"{label}-{number:03d}", label, spec)
        for label, specs in listed.items()
        for number, spec in enumerate(specs)
    ]
    names = sorted(_SYNTAX)
    found += [Breakage(f"syntax_repair-{n:03d}", "syntax_repair", {"syntax": name}) for n, name in enumerate(names)]
    return found


def broken(breakage: Breakage, ground: Ground, rng: random.Random) -> Broken | None:
    """Put a breakage into a project at a place that ``rng`` picks; None where it does not fit."""
    spec = breakage.spec
    if "syntax" in spec:
        edits = _misspelt(spec["syntax"], ground, rng)
    elif "code" in spec:
        places = list(spec.get("at", PLACES))
        rng.shuffle(places)
        if rng.random() < IN_TESTS:
            places.sort(key=lambda place: place.startswith("product"))
        edits = next((e for e in (_placed(spec["code"], place, ground, rng) for place in places) if e), {})
    elif "test" in spec:
        edits = _added(spec, ground, rng)
    elif "ini" in spec:
        edits = {"pytest.ini": f"[pytest]\n{spec['ini']}\n"}
    else:
        file = str(Path(ground.tests[0]).parent / "conftest.py")
        edits = {file: f"{_read(ground.root, file)}\n\n{spec['conftest']}\n"}
    return Broken(edits, tuple(spec.get("install", ())), spec.get("variables", {})) if edits else None


def _read(root: Path, file: str) -> str:
    path = root / file
    return path.read_text("utf-8") if path.is_file() else ""


def _named(text: str, ground: Ground) -> str:
    text = text.replace("import PRODUCT\n", f"import {ground.imported} as subject\n").replace("PRODUCT.", "subject.")
    return text.replace("PRODUCT", ground.imported.partition(".")[0])


def _module_file(ground: Ground) -> str:
    tail = ground.imported.replace(".", "/")
    return next(m for m in ground.modules if m.endswith((f"{tail}.py", f"{tail}/__init__.py")))


def _added(spec: Mapping[str, Any], ground: Ground, rng: random.Random) -> dict[str, str]:
    """Append tests to a module, and what they test to the product."""
    file = rng.choice(ground.tests)
    edits = {file: f"{_read(ground.root, file)}\n\n{_named(spec['test'], ground)}\n"}
    if "product" in spec:
        module = _module_file(ground)
        edits[module] = f"{_read(ground.root, module)}\n{spec['product']}"
    return edits


def _placed(code: str, place: str, ground: Ground, rng: random.Random) -> dict[str, str]:
    """Put statements to the top of a module, or to the start of a function that is run."""
    if place.endswith("-module"):
        entered = [m for m in ground.modules if m in ground.covered]
        file = rng.choice(ground.tests if place.startswith("test") else entered or ground.modules)
        text = _read(ground.root, file)
        return {file: _inserted(text, _after_imports(ast.parse(text)), code, "")}
    files = ground.tests if place == "test" else [m for m in ground.modules if m in ground.covered]
    if not files:
        return {}
    file = rng.choice(sorted(files))
    text = _read(ground.root, file)
    functions = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef)
        and (node.name.startswith("test") if place == "test" else _entered(node.name, ground.covered.get(file, ())))
        and node.body[0].lineno > node.lineno
    ]
    if not functions:
        return {}
    first = next((n for n in rng.choice(functions).body if not _is_text(n)), None)
    return {} if first is None else {file: _inserted(text, first.lineno, code, " " * first.col_offset)}


def _entered(name: str, covered: Sequence[str]) -> bool:
    return any(one.rsplit(".", 1)[-1] == name for one in covered)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _after_imports(module: ast.Module) -> int:
    """The line of the first statement that is neither the docstring nor an import from the future."""
    for node in module.body:
        if not _is_text(node) and not (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            decorators: list[ast.expr] = getattr(node, "decorator_list", [])
            return min([node.lineno, *(d.lineno for d in decorators)])
    return 1


def _inserted(text: str, line: int, code: str, indent: str) -> str:
    lines = text.splitlines(keepends=True)
    return "".join([*lines[: line - 1], textwrap.indent(code, indent) + "\n", *lines[line - 1 :]])


# ------------------------------------------------------------------ slips of syntax

Slip = Callable[[str, int], str]


def _missing_colon(lines: str, _: int) -> str:
    return re.sub(r"(?m)^(\s*def \w+\(.*\)):$", r"\1", lines, count=1)


def _conflict(lines: str, at: int) -> str:
    rows = lines.splitlines(keepends=True)
    return "".join([*rows[:at], "<<<<<<< HEAD\n", rows[at], "=======\n", rows[at], ">>>>>>> other\n", *rows[at + 1 :]])


def _statement(code: str) -> Slip:
    def put(text: str, at: int) -> str:
        rows = text.splitlines(keepends=True)
        indent = re.match(r"\s*", rows[at])
        return "".join([*rows[:at], textwrap.indent(code, indent.group() if indent else "") + "\n", *rows[at:]])

    return put


_SYNTAX: Mapping[str, Slip] = {
    "colon": _missing_colon,
    "conflict": _conflict,
    "bracket": lambda text, _: re.sub(r"(?m)^(\s*(?:assert )?\w.*\(.*)\)$", r"\1", text, count=1),
    "bracket-more": lambda text, _: re.sub(r"(?m)^(\s*assert .*\))$", r"\1)", text, count=1),
    "quote": lambda text, _: re.sub(r"(?m)^(\s+\w.*)(['\"])\)$", r"\1)", text, count=1),
    "indent": lambda text, _: re.sub(r"(?m)^    (return|assert) ", r"     \1 ", text, count=1),
    "dedent": lambda text, _: re.sub(r"(?m)^    (return|assert) ", r"  \1 ", text, count=1),
    "tab": lambda text, _: re.sub(r"(?m)^    (return|assert) ", "\t\\1 ", text, count=1),
    "unindented": lambda text, _: re.sub(r"(?m)^(def \w+\(.*\):\n)    ", r"\1", text, count=1),
    "assign": lambda text, _: re.sub(r"(?m)^(\s+)assert (\w+) == (.+)$", r"\1if \2 = \3: pass", text, count=1),
    "print": _statement("print 'value', 3"),
    "print-to": _statement("import sys\nprint >>sys.stderr, 'a'"),
    "print-format": _statement("print 'a: %s' % 3"),
    "except": _statement("try:\n    pass\nexcept ValueError, error:\n    pass"),
    "except-many": _statement("try:\n    pass\nexcept (KeyError, ValueError), e:\n    pass"),
    "raise": _statement("if 0:\n    raise ValueError, 'bad'"),
    "exec": _statement("exec 'x = 1' in {}"),
    "backticks": _statement("x = `3`"),
    "unequal": _statement("x = 3 <> 4"),
    "octal": _statement("x = 0755"),
    "long": _statement("x = 10L"),
    "ur": _statement("x = ur'a'"),
    "async": _statement("async = True"),
    "await": _statement("def later(await):\n    return await"),
    "nonlocal": _statement("None = 3"),
    "tuple-parameter": _statement("x = lambda (a, b): a"),
    "def-tuple": _statement("def pair((a, b)):\n    return a"),
    "true": _statement("True = 1"),
    "fstring": _statement("x = f'{'"),
    "else": _statement("else:\n    pass"),
    "comma": _statement("x = [1, 2\ny = 3"),
    "dict": _statement("x = {'a': 1 'b': 2}"),
    "return": _statement("x = return 3"),
    "walrus": _statement("x := 3"),
    "lambda": _statement("x = lambda x: return x"),
    "nbsp": _statement("x =\u00a03"),
    "curly-quote": _statement("x = \u201ca\u201d"),
}


def _misspelt(name: str, ground: Ground, rng: random.Random) -> dict[str, str]:
    """Put a slip into a module that is run, at the start of a function where it needs a place."""
    files = [*ground.tests, *(m for m in ground.modules if m in ground.covered)]
    file = rng.choice(sorted(files))
    text = _read(ground.root, file)
    starts = [
        node.body[0].lineno - 1
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and not _is_text(node.body[0]) and node.body[0].lineno > node.lineno
    ]
    if not starts:
        return {}
    made = _SYNTAX[name](text, rng.choice(starts))
    return {file: made} if made != text else {}
