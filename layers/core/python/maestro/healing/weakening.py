"""Does a change make the tests say less? A static comparison of the trees before and after a patch.

It never runs project code. Two views are combined, and a repair is refused by either: scans that count
constructs known to weaken tests (:mod:`maestro.healing._scans`), and a walk of both syntax trees that allows only
a closed list of differences (:mod:`maestro.healing._equivalence`). What neither understands is refused.
"""

import ast
import copy
import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from maestro.healing import _configuration, _scans
from maestro.healing._equivalence import Comparer
from maestro.healing._fields import renamed_field
from maestro.healing._forms import Difference, Knowledge, canonical, dotted, last_name, origins, resolved
from maestro.healing._listing import orders_listing
from maestro.healing._names import stdlib_gone
from maestro.healing._polling import looked_once
from maestro.healing._readings import quotes_mended, settled
from maestro.healing._restoring import HELPERS, autouse, restoring
from maestro.healing._signatures import asked_for
from maestro.healing._trees import Change, changes, is_test_file, parse, project_names, translated
from maestro.model import Failure

_TOLERANCE = frozenset(
    [
        "approx",
        "round",
        "isclose",
        "allclose",
        "assert_allclose",
        "assertAlmostEqual",
        "assertAlmostEquals",
        "assert_almost_equal",
        "assertNotAlmostEqual",
        "assert_approx_equal",
        "assert_array_almost_equal",
    ]
)
_PATCHERS = frozenset({"patch", "object", "setattr", "delattr", "setitem", "delitem", "dict", "create_autospec"})
_LEXEMES = re.compile(
    r"""(?P<comment>\#[^\n]*)|(?P<string>[A-Za-z]{0,2}(?:\"\"\"(?:\\.|[^\\])*?\"\"\"|'''(?:\\.|[^\\])*?'''
    |"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))|(?P<name>[^\W\d]\w*)|(?P<number>\d[\w.]*)|(?P<op>[^\s\w])""",
    re.VERBOSE | re.DOTALL,
)
_REPAIRABLE_OPERATORS = frozenset(":()[]{},=;")
_KEYWORDS_SINCE = frozenset({"async", "await"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One way in which a change weakens the tests: the rule, where (1-based line), and what was seen."""

    rule: str
    file: str
    line: int
    detail: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.file}:{self.line}: {self.detail}"


def knowledge_of(root: Path, *failures: Failure) -> Knowledge:
    """Collect what is known of names: the project's own, and what the failures' facts say is gone or alive.

    A patch that was built over several rounds needs the failures of all of them.
    """
    missing: set[str] = set()
    alive: set[str] = set()
    for failure in failures:
        attributes = failure.facts.attributes
        owner = str(attributes.get("owner") or attributes.get("module") or "")
        for key in ("name", "module", "fixture", "argument"):
            value = attributes.get(key)
            if isinstance(value, str) and value:
                missing.add(value)
                if key == "name" and owner:
                    missing.add(f"{owner}.{value}")
        available = attributes.get("available")
        if owner and isinstance(available, (list, tuple)):
            alive |= {f"{owner}.{name}" for name in available if isinstance(name, str)}
    said = tuple(f"{failure.facts.message}\n{failure.facts.text}" for failure in failures)
    asked = tuple(filter(None, map(asked_for, failures)))
    fields = frozenset(filter(None, (renamed_field(root, failure) for failure in failures)))
    return Knowledge(project_names(root), frozenset(missing), frozenset(alive - missing), said, asked, fields)


def find(before: Path, after: Path, failure: Failure | None = None) -> tuple[Finding, ...]:
    """Compare two trees and return every weakening, by file and line; empty when there is none."""
    return inspect(before, changes(before, after), knowledge_of(before, *([] if failure is None else [failure])))


def inspect(before: Path, changed: Sequence[Change], knowledge: Knowledge) -> tuple[Finding, ...]:
    """Return every weakening in files that changed, as :func:`find` does."""
    found = [finding for change in changed for finding in compare(change, knowledge)]
    own = _configuration.project_distributions(before)
    found += _counted_from_outside(changed)
    for change in changed:
        if not change.python:
            found += [Finding(*seen) for seen in _configuration.compare(change, own)]
    return tuple(sorted(found, key=lambda f: (f.file, f.line, f.rule)))


def compare(change: Change, knowledge: Knowledge) -> Iterator[Finding]:
    """Compare one Python file; yields nothing for other files."""
    if not change.python:
        return
    path = change.path
    after = parse(change.after)
    if change.after is None:
        yield Finding("removed_file", path, 0, "a Python file was removed")
        return
    if change.before is not None:
        yield from _fewer_assertions(change)
    if after is None:
        yield Finding("unparseable", path, 0, "the changed file does not parse")
        return
    least: list[Finding] | None = None
    bases: list[ast.Module] = []
    for base in _bases(change.before):  # the translations are made only where the file itself explains too little
        bases.append(base)
        found = list(_scanned(path, bases, after))
        if is_test_file(path):
            found += _walked(path, change.before, base, knowledge, change.after)
        if least is None or len(found) < len(least):
            least = found
        if not found:
            return
    yield from _by_tokens(change, after) if least is None else least


def product_change(before: str | None, after: str | None, knowledge: Knowledge) -> tuple[Difference, ...]:
    """Return what a change of product code does beyond renamed imports, names, attributes and keywords.

    A file written in Python 2 is compared by its translation to Python 3. A file that did not parse at all may differ
    only in punctuation that makes it parse. A new or removed product file is always a difference.
    """
    if before is None or after is None:
        return (Difference("a product file was added or removed", 0),)
    new = parse(after)
    if new is None:
        return (Difference("the changed file does not parse", 0),)
    found: list[tuple[Difference, ...]] = []
    for number, base in enumerate(_bases(before)):
        other = number > 0 or (parse(before) or parse(settled(before))) is None
        comparer = Comparer(canonical(base), canonical(_copy(after)), knowledge, translated=other)
        found.append(tuple(comparer.differences()))
        if not found[-1]:
            return ()
    if not found:
        problem = _token_difference(before, after)
        return () if problem is None else (Difference(problem, 0),)
    return found[0]


def _copy(text: str) -> ast.Module:
    return ast.parse(text)


def _bases(before: str | None) -> Iterator[ast.Module]:
    """Yield what a file may be compared with: itself, then its translations from Python 2; nothing if none parses."""
    own = ast.Module([], []) if before is None else parse(before) or parse(settled(before))
    if own is not None:
        yield own
    for full in (False, True) if before is not None else ():
        tree = copy.deepcopy(translated(before, full=full)) if before is not None else None
        if tree is not None:
            yield tree


def _fewer_assertions(change: Change) -> Iterator[Finding]:
    """Count a file's assertions by syntax, translated where it is Python 2; by words where nothing parses it."""
    before, after = change.before or "", change.after or ""
    old = parse(before) or parse(settled(before)) or translated(before)
    new = parse(after)
    if old is None or new is None:
        counts = (_words(before), _words(after))
    else:
        counts = (_scans.assertions(old), _scans.assertions(new))
    if counts[1] < counts[0]:
        yield Finding("lost_assertion", change.path, 0, f"{counts[0]} assertions became {counts[1]}")


def _words(text: str) -> int:
    return len(re.findall(r"\bassert", text)) + len(re.findall(r"\b(?:raises|warns|approx|fail)\(", text))


def _counted_from_outside(changed: Iterable[Change]) -> Iterator[Finding]:
    """Count over all changed files as someone would who knows nothing of Python 2: by syntax, else by words.

    Such a count also sees words in comments and definitions of files that do not parse, so it can fall though
    nothing was lost. A repair after which an outsider counts fewer assertions is refused all the same.
    """
    totals = [0, 0]
    for change in changed:
        for side, text in enumerate((change.before, change.after)):
            if change.python and text:
                tree = parse(text)
                totals[side] += _words(text) if tree is None else _scans.assertions(tree, nose=False)
    if totals[1] < totals[0]:
        yield Finding("fewer_counted_assertions", "", 0, f"{totals[0]} counted assertions became {totals[1]}")


def _scanned(path: str, bases: list[ast.Module], after: ast.Module) -> Iterator[Finding]:
    for rule, scan in _scans.RULES.items():
        if rule == "dynamic_rebinding" and not is_test_file(path):
            continue
        seen = list(scan(after))
        known = max(len(list(scan(base))) for base in bases)
        if len(seen) > known:
            line, detail = _new_one(seen, [list(scan(base)) for base in bases])
            yield Finding(rule, path, line, detail)
    old, new = Counter(_scans.named_tests(bases[0])), Counter(_scans.named_tests(after))
    for name in old - new:
        yield Finding("removed_test", path, 0, f"{name} is gone")
    for name in (n for n, count in (new - old).items() if old[n] and new[n] > 1 and count):
        yield Finding("shadowed_test", path, 0, f"{name} is defined again")


def _new_one(seen: list[tuple[int, str]], known: list[list[tuple[int, str]]]) -> tuple[int, str]:
    details = {detail for each in known for _, detail in each}
    return next(((line, detail) for line, detail in seen if detail not in details), seen[-1])


def _walked(
    path: str, before: str | None, base: ast.Module, knowledge: Knowledge, after: str | None
) -> Iterator[Finding]:
    other = before is not None and (parse(before) is None or ast.dump(base) != ast.dump(ast.parse(before)))
    new = ast.parse(after or "")
    old = canonical(looked_once(copy.deepcopy(base)))
    comparer = Comparer(old, canonical(looked_once(new)), knowledge, tests=True, translated=other)
    for difference in list(comparer.differences()):
        yield Finding(_rule_of(difference), path, difference.line, difference.detail)
    yield from _inserted(path, comparer.inserted, comparer.before, comparer.after, knowledge)


def _rule_of(difference: Difference) -> str:
    """Name the rule that a difference in a test file breaks."""
    before = difference.before
    if before is None:
        return "changed_test"
    words = {last_name(n.func) for n in ast.walk(before) if isinstance(n, ast.Call)}
    if words & _TOLERANCE:
        return "loosened_tolerance"
    if "parametrize" in words:
        return "lost_parameters"
    if any(word.startswith(("raises", "assertRaises", "assert_raises", "warns", "assertWarns")) for word in words):
        return "widened_raises"
    if difference.detail.startswith("constant ") or "became" in difference.detail:
        return "changed_literal" if difference.detail.startswith("constant ") else _assertion_rule(before, "changed")
    return _assertion_rule(before, "lost")


def _assertion_rule(node: ast.AST, verb: str) -> str:
    return f"{verb}_assertion" if any(map(_scans.is_assertion, ast.walk(node))) else f"{verb}_test_code"


def _inserted(
    path: str, nodes: list[tuple[ast.AST, bool]], before: ast.Module, after: ast.Module, knowledge: Knowledge
) -> Iterator[Finding]:
    """Judge what was added to a test file: it may set things up, and nothing else."""
    bound = {n.id for n in ast.walk(before) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    bound |= {n.name for n in ast.walk(before) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))}
    bound |= {n.arg for n in ast.walk(before) if isinstance(n, ast.arg)}
    own, foreign = _imported(after, knowledge)
    bound |= own
    for node, inside in nodes:
        if autouse(node):
            yield from _added_fixture(path, node, bound, inside=inside)
            continue
        scope = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        if inside and not _harmless_inside(node, foreign):
            shown = " ".join(ast.unparse(node).split())[:80]
            yield Finding("over_fitted", path, getattr(node, "lineno", 0), f"added to a test: {shown}")
        for inner in ast.walk(node):
            if isinstance(inner, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
                targets = inner.targets if isinstance(inner, ast.Assign) else [inner.target]
                for target in targets:
                    if not _restores(target, inner.value, foreign, after, knowledge):
                        yield from _bound_target(path, target, bound if not scope else own, own)
            elif isinstance(inner, ast.Call) and last_name(inner.func) in _PATCHERS and dotted(inner.func) != "dict":
                detail = f"`{ast.unparse(inner)[:80]}` may replace what is tested"
                yield Finding("mocks_product", path, inner.lineno, detail)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node.name in bound:
            yield Finding("overwritten_name", path, node.lineno, f"{node.name} is defined again")


def _added_fixture(path: str, node: ast.AST, bound: set[str], *, inside: bool) -> Iterator[Finding]:
    """Judge a fixture that tests get without asking: it may give state back or sort listings, and do no more."""
    name, line = str(getattr(node, "name", "")), int(getattr(node, "lineno", 0))
    if inside or not (restoring(node) or orders_listing(node)) or bound & HELPERS:
        yield Finding(
            "over_fitted", path, line, f"the added fixture {name} does more than give back what a test changed"
        )
    elif name in bound:
        yield Finding("overwritten_name", path, line, f"{name} is defined again")


def _harmless_inside(node: ast.AST, foreign: set[str]) -> bool:
    """Whether a statement may be added to an existing test: it only calls what is not the project's."""
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Pass():
            return True
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Expr(value=ast.Call(func=func)) | ast.Expr(value=ast.Await(value=ast.Call(func=func))):
            name = dotted(func) or ""
            return name.split(".")[0] in foreign or name in (
                "monkeypatch.setenv",
                "monkeypatch.delenv",
                "monkeypatch.chdir",
            )
        case ast.Assign(value=ast.Call(func=func)):
            return (dotted(func) or "").split(".")[0] in foreign
    return False


def _restores(
    target: ast.expr, value: ast.expr | None, foreign: set[str], after: ast.Module, knowledge: Knowledge
) -> bool:
    """Whether an assignment gives back a name that is gone: ``collections.Mapping = collections.abc.Mapping``."""
    name = dotted(target)
    if not isinstance(target, ast.Attribute) or name is None or value is None or dotted(value) is None:
        return False
    if name.split(".")[0] not in foreign or dotted(value).split(".")[0] not in foreign:  # type: ignore[union-attr]
        return False
    return all(
        stdlib_gone(origin) or {origin, target.attr} & knowledge.missing for origin in resolved(name, origins(after))
    )


def _imported(module: ast.Module, knowledge: Knowledge) -> tuple[set[str], set[str]]:
    """Return the names that a file imports from its own project, and those from elsewhere."""
    own: set[str] = set()
    foreign: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                (own if top in knowledge.names.modules else foreign).add(alias.asname or top)
        elif isinstance(node, ast.ImportFrom):
            top = (node.module or "").split(".")[0]
            mine = node.level > 0 or top in knowledge.names.modules
            (own if mine else foreign).update(alias.asname or alias.name for alias in node.names)
    return own, foreign


def _bound_target(path: str, target: ast.expr, bound: set[str], own: set[str]) -> Iterator[Finding]:
    for node in target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]:
        base = node.value if isinstance(node, (ast.Attribute, ast.Subscript)) else node
        name = dotted(base)
        root = name.split(".")[0] if name else ""
        if isinstance(node, ast.Name) and node.id in bound:
            yield Finding("overwritten_name", path, node.lineno, f"{node.id} gets another value")
        elif isinstance(node, ast.Attribute) and root in own:
            yield Finding("mocks_product", path, node.lineno, f"{ast.unparse(node)} of the project is replaced")
        elif isinstance(node, ast.Attribute) and root not in ("self", "cls"):
            yield Finding("overwritten_name", path, node.lineno, f"{ast.unparse(node)} gets another value")
        elif isinstance(node, ast.Subscript) and root in bound:
            yield Finding("overwritten_name", path, node.lineno, f"an item of {root} gets another value")


def _by_tokens(change: Change, after: ast.Module) -> Iterator[Finding]:
    """Compare a file that nothing could parse before: only punctuation may differ."""
    problem = _token_difference(change.before or "", change.after or "")
    if problem is not None:
        yield Finding("changed_test" if is_test_file(change.path) else "changed_code", change.path, 0, problem)
    for line, detail in _scans.unreachable(after):
        yield Finding("unreachable_assertion", change.path, line, detail)


def _token_difference(before: str, after: str) -> str | None:
    if _fields_requoted(before) == _fields_requoted(after) or quotes_mended(before, after):
        return None
    old, new = _lexemes(before), _lexemes(after)
    for tag, a, b, c, d in difflib.SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        gone, came = old[a:b], new[c:d]
        renamed = len(gone) == len(came) and all(
            x == y or (x in _KEYWORDS_SINCE and y.startswith(x)) for x, y in zip(gone, came, strict=True)
        )
        renamed = renamed or [*old[a - 2 : a], *gone, *came] == ["asyncio", ".", "async", "ensure_future"]
        opened = "".join(gone) == "".join(came).replace(
            "(", "", 1
        )  # two names, or a name and a string, that ran together
        if not renamed and not opened and not set(gone) | set(came) <= _REPAIRABLE_OPERATORS:
            return f"`{' '.join(gone)[:60]}` became `{' '.join(came)[:60]}` in a file that did not parse before"
    return None


def _fields_requoted(text: str) -> str:
    """Write the fields of f-strings with one kind of quotes: before Python 3.12 they could not have the outer ones."""
    return re.sub(r"\{[^{}\n]*\}", lambda field: field[0].replace('"', "'"), text)


def _lexemes(text: str) -> list[str]:
    found = []
    for match in _LEXEMES.finditer(text):
        if match.lastgroup == "comment":
            continue
        found.append(match.group().lstrip("uU") if match.lastgroup == "string" else match.group())
    return found


__all__ = ["Finding", "compare", "find", "inspect", "knowledge_of", "product_change"]
