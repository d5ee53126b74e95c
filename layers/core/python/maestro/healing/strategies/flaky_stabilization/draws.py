"""A test whose claim of a sample holds only mostly draws the same numbers in every run.

To seed a test that fails for some draws can hide a product that is wrong for those. So it is done only where the test
says something of many draws together (a mean, a share, a score) within limits of its own choice, the test itself and
not the product is what fails, and few of the seeds that experiments tried make it fail. What must hold for each draw
(a round trip, a limit that nothing may cross, two identifiers that differ) is left alone: it is a defect when it does
not. Whoever reads the repair is told that it may be one here as well.
"""

import ast
import re
from collections.abc import Iterable, Iterator

from maestro.healing._draws import NUMPY, PYTHON, SEEDS, texts
from maestro.healing._forms import last_name
from maestro.healing._roles import Role
from maestro.healing.base import Project, Proposal
from maestro.healing.errors import LeftAloneError
from maestro.healing.grouping import is_assertion
from maestro.healing.sourcetree import SourceTree
from maestro.healing.strategies.imports import parse
from maestro.healing.strategies.timing_adjustment.numbers import Function, functions
from maestro.healing.strategies.timing_adjustment.waits import failing_line, helpers
from maestro.model import Failure, Strategy

RARE = 0.25  # of the seeds; a claim that fails more often is not a matter of bad luck
MANY = 30  # draws; of fewer nobody claims a mean
COARSE = 0.005  # a smaller distance is a claim of exactness, not of a sample
_STATISTIC = re.compile(
    r"mean|means|avg|average|std|stdev|var|variance|median|sum|fsum|count|counts|counter|share|ratio|rate|fraction|"
    r"proportion|freq|frequency|frequencies|score|accuracy|auc|correlation|corr|corrcoef|hits|total"
)
_EACH = frozenset({"min", "max", "all", "any", "amin", "amax", "nanmin", "nanmax"})
_CLOSE = frozenset({"approx", "isclose", "allclose", "assertAlmostEqual", "assert_allclose", "assert_almost_equal"})
_LIMITS = frozenset({"assertLess", "assertLessEqual", "assertGreater", "assertGreaterEqual"})
_ORDERS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


class SeededDraws:
    """Seeds the random numbers at the beginning of a test that makes a claim of a sample."""

    name = "seeded_draws"
    strategy = Strategy.FLAKY_STABILIZATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield one proposal per test; only after experiments in which the seed alone decided.

        Raises
        ------
        LeftAloneError
            If the seed decides, and what fails may be the product.
        """
        told = failure.diagnosis.get("draws")
        if failure.diagnosis.get("verdict") != "random" or not told:
            return
        tree = SourceTree(project.root, project.test_paths)
        bad = len(told["bad"])
        for path, function in functions(failure, tree)[:1]:
            if why := _possible_defect(failure, path, function, tree, bad):
                raise LeftAloneError(f"the test fails for {bad} of {SEEDS} seeds of its random numbers: {why}")
            seed = int(told["good"][0])
            changed = seeded(tree.text(path) or "", function, _seeds("\n".join(texts(failure, project.root)), seed))
            if changed is not None and tree.role(path) in (Role.TEST, Role.FIXTURE):
                said = (
                    f"`{function.name}` draws the same numbers in every run: its claim of a sample failed for {bad} of "
                    f"{SEEDS} seeds, which may be bad luck, or a defect of the product"
                )
                yield Proposal({path: changed}, said, 0.5, workaround=True)


def _possible_defect(failure: Failure, path: str, function: Function, tree: SourceTree, bad: int) -> str:
    """Why the failure may be the product's; "" where it is a matter of the test's own luck."""
    last = next((f for f in reversed(failure.facts.frames) if f.in_project), None)
    line = failing_line(failure, path, function)
    if not is_assertion(failure.facts) or last is None or last.file != path or not line or last.line != line:
        return "an error comes up for some draws, which may be a defect of the product"
    if bad > RARE * SEEDS:
        return "too many for bad luck, the product or the test is wrong"
    check = next((s for s in ast.walk(function) if isinstance(s, ast.stmt) and not hasattr(s, "body")
                  and s.lineno <= line <= (s.end_lineno or 0)), None)  # fmt: skip
    if check is None or not of_sample(check, function):
        return "what it asserts must hold for every draw, so the product may be wrong for some"
    numbers = [n for f in (function, *helpers(path, function, tree)) for n in _numbers(f, check)]
    if max(numbers, default=0) < MANY:
        return "it makes too few draws to claim something of a sample"
    return ""


def of_sample(check: ast.stmt, function: ast.AST) -> bool:
    """Whether an assertion holds a figure of a sample against limits that are constants of the test's choice."""
    claims = list(_claims(check))
    return bool(claims) and all(
        _statistic(side, function) and not any(map(_natural, limits)) for side, limits in claims
    )


def _claims(check: ast.stmt) -> Iterator[tuple[ast.expr, list[ast.expr]]]:
    """Yield what is held against constants, and these; nothing for an assertion of another kind.

    Where a distance is allowed around a constant, that constant is no limit: zero may be expected of a mean.
    """
    match check:
        case ast.Assert(test=ast.Compare(left=left, ops=ops, comparators=rest)) if all(
            isinstance(op, _ORDERS) for op in ops
        ):
            yield from _held([left, *rest])
        case ast.Assert(test=ast.Compare(left=left, ops=[ast.Eq()], comparators=[ast.Call() as right])):
            if last_name(right.func) in _CLOSE and right.args and _constant(right.args[0]) and _coarsely(right):
                yield left, []
        case (
            ast.Assert(test=ast.Call(args=[left, right, *_]) as call)
            | ast.Expr(value=ast.Call(args=[left, right, *_]) as call)
        ) if _constant(left) != _constant(right):
            if last_name(call.func) in _LIMITS:
                yield from _held([left, right])
            elif last_name(call.func) in _CLOSE and _coarsely(call):
                yield (right if _constant(left) else left), []


def _held(sides: list[ast.expr]) -> Iterator[tuple[ast.expr, list[ast.expr]]]:
    """Yield the one side of a comparison that is no constant, and the limits around it."""
    limits = [side for side in sides if _constant(side)]
    others = [side for side in sides if not _constant(side)]
    if len(others) == 1 and limits and not any(_exact(limit) for limit in limits):
        yield others[0], ([] if _distance(others[0]) else limits)


def _coarsely(call: ast.Call) -> bool:
    """Whether a comparison of closeness states how close, and that with room for chance."""
    said = {k.arg: k.value for k in call.keywords if k.arg in ("abs", "rel", "abs_tol", "rel_tol", "atol", "rtol",
                                                               "delta", "places")}  # fmt: skip
    places = said.pop("places", None)
    if places is not None:
        return isinstance(places, ast.Constant) and type(places.value) is int and 10**-places.value > COARSE
    return bool(said) and all(_constant(v) and not _exact(v) for v in said.values())


def _constant(node: ast.expr) -> bool:
    """Whether an expression is a number that the source states."""
    return any(isinstance(n, ast.Constant) for n in ast.walk(node)) and all(
        isinstance(n, (ast.Constant, ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop)) for n in ast.walk(node)
    )


def _exact(limit: ast.expr) -> bool:
    """Whether a limit is so near to zero, zero left out, or written in powers, that it stands for exactness."""
    numbers = [n.value for n in ast.walk(limit) if isinstance(n, ast.Constant) and isinstance(n.value, (int, float))]
    return not numbers or any(0 < abs(n) < COARSE for n in numbers) or any(
        isinstance(n, (ast.Pow, ast.Div)) for n in ast.walk(limit)
    )  # fmt: skip


def _natural(limit: ast.expr) -> bool:
    """Whether a limit is one that nothing may cross by its nature, as nothing negative is a share."""
    return isinstance(limit, ast.Constant) and limit.value in (0, 1)


def _distance(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and last_name(node.func) in ("abs", "fabs", "absolute")


def _statistic(side: ast.expr, function: ast.AST) -> bool:
    """Whether an expression, or what its names were given, is a figure of many, and no limit or error of each."""
    names = {n.id for n in ast.walk(side) if isinstance(n, ast.Name)}
    given = [
        node.value
        for node in ast.walk(function)
        if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign)) and node.value is not None
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name) and target.id in names
    ]
    nodes = [n for part in (side, *given) for n in ast.walk(part)]
    words = set(map(_word, nodes))
    told = any(map(_counts, nodes)) or any(_STATISTIC.fullmatch(p) for word in words for p in word.lower().split("_"))
    return told and not _EACH & words and not any(map(_compares, nodes))


def _counts(node: ast.AST) -> bool:
    """Whether an expression counts those of many that are of a kind, or that differ."""
    match node:
        case ast.Call(func=ast.Name(id="len"), args=[ast.ListComp() | ast.Call(func=ast.Name(id="set"))]):
            return True
    return False


def _compares(node: ast.AST) -> bool:
    """Whether two things are compared of which neither is a number: a draw with what became of it, say."""
    match node:
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            return not (_constant(left) or _constant(right))
        case ast.Compare(left=left, ops=[ast.Eq() | ast.NotEq()], comparators=[right]):
            return not (isinstance(left, ast.Constant) or isinstance(right, ast.Constant))
    return False


def _word(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _numbers(function: ast.AST, check: ast.stmt) -> Iterator[int]:
    """The whole numbers that a function states outside of the assertion."""
    inside = set(map(id, ast.walk(check)))
    for node in ast.walk(function):
        if isinstance(node, ast.Constant) and type(node.value) is int and id(node) not in inside:
            yield node.value


def _seeds(text: str, seed: int) -> list[tuple[str, str]]:
    """The modules whose random numbers are drawn, and the calls that seed them."""
    found = [("random", f"random.seed({seed})")] if PYTHON.search(text) else []
    return [*found, ("numpy", f"numpy.random.seed({seed})")] if NUMPY.search(text) else found


def seeded(text: str, function: Function, seeds: list[tuple[str, str]]) -> str | None:
    """Seed at the beginning of a test, with the imports that takes; None where the names are taken."""
    module = parse(text)
    documented = isinstance(function.body[0], ast.Expr) and isinstance(function.body[0].value, ast.Constant)
    if module is None or not seeds or len(function.body) == documented:
        return None
    first = function.body[int(documented)]
    lines = text.splitlines(keepends=True)
    place = lines[first.lineno - 1]
    if first.lineno == function.lineno or place[: first.col_offset].strip():
        return None
    known = {
        alias.asname or alias.name: alias.name for n in module.body if isinstance(n, ast.Import) for alias in n.names
    }
    bound = {n.id for n in ast.walk(module) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    bound |= {
        alias.asname or alias.name for n in ast.walk(module) if isinstance(n, ast.ImportFrom) for alias in n.names
    }
    imports, calls = [], []
    for name, call in seeds:
        local = next((short for short, of in known.items() if of == name), "")
        if not local and name in bound | known.keys():
            return None
        imports += [] if local else [f"import {name}"]
        calls.append(call.replace(name, local or name, 1))
    newline = "\r\n" if place.endswith("\r\n") else "\n"
    margin = place[: first.col_offset]
    lines.insert(first.lineno - 1, "".join(f"{margin}{call}{newline}" for call in calls))
    for line in reversed(imports):
        lines.insert(_top(module), line + newline)
    changed = "".join(lines)
    return changed if parse(changed) is not None else None


def _top(module: ast.Module) -> int:
    """The line below a module's docstring and the imports from ``__future__``."""
    last = 0
    for number, node in enumerate(module.body):
        docstring = number == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if docstring or (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            last = node.end_lineno or 0
    return last
