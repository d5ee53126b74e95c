"""Constructs that make tests say less, found in a syntax tree: each scan yields (line, what was seen)."""

import ast
import re
from collections.abc import Callable, Iterator
from typing import TypeGuard

from maestro.healing import _names
from maestro.healing._forms import dotted, last_name
from maestro.healing.known_forms.config_given import gives

Seen = Iterator[tuple[int, str]]
SKIPS = frozenset(
    [
        "skip",
        "xfail",
        "skipif",
        "skipIf",
        "skipUnless",
        "importorskip",
        "SkipTest",
        "expectedFailure",
        "skipTest",
        "exit",
        "_exit",
        "expected_failure",
        "deselect",
        "skip_if",
    ]
)
_SNIFFED = frozenset({"pytest", "unittest", "nose", "_pytest", "py.test", "PYTEST_CURRENT_TEST", "PYTEST_VERSION"})
_BROAD = frozenset({"Exception", "BaseException", "AssertionError", "builtins.Exception", "builtins.BaseException"})
_HARMLESS_CONFIGURE = re.compile(r"\w+\.addinivalue_line$")
_GIVEN_UP = re.compile(r"^pytest_(namespace$|funcarg__)")  # no tests, by names that pytest itself gave a meaning
_ABSENT = frozenset({"ImportError", "ModuleNotFoundError"})
_IMPORTS = (ast.Import, ast.ImportFrom)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _shown(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())[:90]


def is_assertion(node: ast.AST) -> TypeGuard[ast.Assert | ast.Call]:
    """Whether a node is an assertion: a statement, or a call of unittest's, pytest's, mock's or nose's."""
    return isinstance(node, ast.Assert) or (isinstance(node, ast.Call) and _names.asserts(last_name(node.func)))


def assertions(tree: ast.AST, *, nose: bool = True) -> int:
    """Count the assertions in a tree, with or without the short names of nose."""
    short = ("eq_", "ok_", "deprecated_call", "DocTestSuite")
    return sum(
        is_assertion(node) and (nose or not (isinstance(node, ast.Call) and last_name(node.func) in short))
        for node in ast.walk(tree)
    )


def skips(tree: ast.AST) -> Seen:
    """Skips, expected failures, exits, and marks that hide tests from collection."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Attribute, ast.Name)) and last_name(node) in SKIPS:
            yield node.lineno, _shown(node)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if last_name(target) in ("__test__", "collect_ignore", "collect_ignore_glob", "__unittest_skip__"):
                    yield node.lineno, _shown(node)


def returns(tree: ast.AST) -> Seen:
    """Returns that leave a test function, whose later lines then may not run."""
    for function in ast.walk(tree):
        if isinstance(function, _FUNCTIONS) and function.name.startswith("test"):
            for node in _own_nodes(function):
                if isinstance(node, ast.Return):
                    yield node.lineno, f"{_shown(node)} in {function.name}"


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(function):
        if isinstance(child, (*_FUNCTIONS, ast.ClassDef, ast.Lambda)):
            continue
        yield child
        yield from _own_nodes(child)


def unreachable(tree: ast.AST) -> Seen:
    """Assertions that stand after a return, raise, break or continue of their block, or under a false condition."""
    for node in ast.walk(tree):
        for body in (getattr(node, name, None) for name in ("body", "orelse", "finalbody")):
            if not isinstance(body, list):
                continue
            ended = False
            for statement in body:
                dead = ended or _never(node, body)
                if dead:
                    yield from ((n.lineno, _shown(n)) for n in ast.walk(statement) if is_assertion(n))
                ended = ended or isinstance(statement, (ast.Return, ast.Raise, ast.Break, ast.Continue))


def _never(node: ast.AST, body: list[ast.stmt]) -> bool:
    if not isinstance(node, (ast.If, ast.While)):
        return False
    match node.test:
        case ast.Constant(value=value):
            return bool(value) != (body is node.body)
        case ast.Name(id="TYPE_CHECKING"):
            return body is node.body
    return False


def swallowed(tree: ast.AST) -> Seen:
    """Handlers that let an error pass, but for an import in place of one that failed, and ``contextlib.suppress``."""
    for node in ast.walk(tree):
        match node:
            case ast.ExceptHandler(type=kind, body=body):
                names = _handled(kind)
                quiet = not any(isinstance(n, ast.Raise) or is_assertion(n) for s in body for n in ast.walk(s))
                another = names <= _ABSENT and any(isinstance(n, _IMPORTS) for s in body for n in ast.walk(s))
                if quiet and not another:
                    yield node.lineno, f"except {', '.join(sorted(names)) or 'everything'} goes on"
            case ast.Call(func=func) if last_name(func) == "suppress":
                yield node.lineno, _shown(node)


def _handled(kind: ast.expr | None) -> set[str]:
    if kind is None:
        return set()
    parts = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return {dotted(part) or "?" for part in parts}


def guarded(tree: ast.AST) -> Seen:
    """Assertions inside a ``try`` that catches them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Try) and any(
            handler.type is None or _handled(handler.type) & _BROAD for handler in node.handlers
        ):
            yield from ((n.lineno, _shown(n)) for s in node.body for n in ast.walk(s) if is_assertion(n))


def broad_raises(tree: ast.AST) -> Seen:
    """Expected errors so wide that any error meets them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and last_name(node.func).startswith(("raises", "assertRaises", "assert_raises")):
            for argument in node.args[:1]:
                if _handled(argument) & _BROAD or isinstance(argument, ast.Tuple):
                    yield node.lineno, _shown(node)


def vacuous(tree: ast.AST) -> Seen:
    """Assertions that cannot fail; so does no name of a mock that only sounds like one."""
    for node in ast.walk(tree):
        if (isinstance(node, ast.Assert) and _always(node.test)) or (
            isinstance(node, ast.Call) and (_vacuous_call(node) or last_name(node.func) in _names.MOCK_MISTAKES)
        ):
            yield node.lineno, _shown(node)


def _vacuous_call(node: ast.Call) -> bool:
    name = last_name(node.func)
    name = _names.ASSERTION_ALIASES.get(name, name)
    if name in ("assertTrue", "assert_", "failUnless", "ok_") and node.args:
        return _always(node.args[0])
    if name in ("assertFalse", "failIf") and node.args:
        return isinstance(node.args[0], ast.Constant) and not node.args[0].value
    same = len(node.args) > 1 and ast.dump(node.args[0]) == ast.dump(node.args[1])
    if name == "assertIsInstance" and len(node.args) > 1:
        return dotted(node.args[1]) == "object"
    return same and name in (
        "assertEqual",
        "assertEquals",
        "assertIs",
        "assertAlmostEqual",
        "assertCountEqual",
        "assertListEqual",
        "assertDictEqual",
        "assertGreaterEqual",
        "assertLessEqual",
        "eq_",
        "assert_equal",
    )


def _always(test: ast.expr) -> bool:  # noqa: PLR0911 - one line per way to be true
    match test:
        case ast.Constant(value=value):
            return bool(value)
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            return bool(elements)
        case ast.BoolOp(op=ast.Or(), values=values):
            dumps = [ast.dump(v) for v in values]
            negated = [ast.dump(v.operand) for v in values if isinstance(v, ast.UnaryOp) and isinstance(v.op, ast.Not)]
            return any(map(_always, values)) or bool(set(dumps) & set(negated))
        case ast.BoolOp(op=ast.And(), values=values):
            return all(map(_always, values))
        case ast.UnaryOp(op=ast.Not(), operand=ast.Constant(value=value)):
            return not value
        case ast.Compare(left=left, ops=[ast.Eq() | ast.Is() | ast.LtE() | ast.GtE()], comparators=[right]) if ast.dump(
            left
        ) == ast.dump(right):
            return True
        case ast.Compare(left=ast.Call(func=ast.Name(id="len")), ops=[ast.GtE()], comparators=[ast.Constant(value=0)]):
            return True
        case ast.Compare(left=ast.Call(func=ast.Name(id="len")), ops=[ast.Gt()], comparators=[right]):
            return ast.unparse(right) == "-1"
        case ast.Call(func=ast.Name(id="isinstance"), args=[_, ast.Name(id="object")]):
            return True
    return False


def sniffs(tree: ast.AST) -> Seen:
    """Code that behaves differently under a test tool."""
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value="PYTEST_CURRENT_TEST" | "PYTEST_VERSION"):
                yield node.lineno, _shown(node)
            case ast.Name(id="__debug__"):
                yield node.lineno, "__debug__"
            case ast.Compare(left=ast.Constant(value=str(text)), comparators=[other]) if (
                text in _SNIFFED and "modules" in ast.unparse(other)
            ):
                yield node.lineno, _shown(node)
            case ast.Attribute(attr="_called_from_test"):
                yield node.lineno, _shown(node)
            case ast.Call(func=func) if dotted(func) in ("sys.settrace", "sys.gettrace"):
                yield node.lineno, _shown(node)


def hooks(tree: ast.AST) -> Seen:
    """Hooks of pytest, which can deselect tests or force their outcomes."""
    for node in ast.walk(tree):
        if not isinstance(node, _FUNCTIONS) or not node.name.startswith("pytest_"):
            continue
        harmless = node.name == "pytest_configure" and all(
            gives(s)
            or (
                isinstance(s, ast.Expr)
                and (
                    isinstance(s.value, ast.Constant)
                    or (isinstance(s.value, ast.Call) and _HARMLESS_CONFIGURE.match(ast.unparse(s.value.func)))
                )
            )
            for s in node.body
        )
        if not harmless and node.name != "pytest_plugins":
            yield node.lineno, f"hook {node.name}"


def stubs(tree: ast.AST) -> Seen:
    """Modules put into ``sys.modules`` that are made up rather than an alias of a real one."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    made_up = dotted(value) is None
                    if isinstance(target, ast.Subscript) and dotted(target.value) == "sys.modules" and made_up:
                        yield node.lineno, _shown(node)
            case ast.Call(func=ast.Attribute(value=base)) if dotted(base) == "sys.modules" and (
                last_name(node.func) in ("setdefault", "update", "__setitem__")
            ):
                yield node.lineno, _shown(node)


def rebinding(tree: ast.AST) -> Seen:
    """Names bound by dynamic means, which no comparison of names can see."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and (
                dotted(node.func) in ("setattr", "delattr", "exec", "eval", "globals", "vars", "__import__", "compile")
                or last_name(node.func) in ("__setattr__", "__delattr__", "register_assert_rewrite")
            )
        ) or isinstance(node, ast.Delete):
            yield node.lineno, _shown(node)


RULES: dict[str, Callable[[ast.AST], Seen]] = {
    "new_skip": skips,
    "early_return": returns,
    "unreachable_assertion": unreachable,
    "swallowed_error": swallowed,
    "guarded_assertion": guarded,
    "widened_raises": broad_raises,
    "vacuous_assertion": vacuous,
    "detects_tests": sniffs,
    "collection_hook": hooks,
    "stubbed_module": stubs,
    "dynamic_rebinding": rebinding,
}


def named_tests(tree: ast.AST, prefix: str = "") -> list[str]:
    """Return the qualified names of the tests and test classes in a module, in order, with repetitions."""
    found: list[str] = []
    for node in getattr(tree, "body", []):
        if isinstance(node, ast.ClassDef):
            inner = named_tests(node, f"{prefix}{node.name}.")
            if inner or "test" in node.name.lower():
                found.append(prefix + node.name)
            found.extend(inner)
        elif isinstance(node, _FUNCTIONS) and "test" in _GIVEN_UP.sub("", node.name.lower()):
            found.append(prefix + node.name)
        elif isinstance(node, (ast.If, ast.Try, ast.With)):
            found.extend(named_tests(node, prefix))
    return found
