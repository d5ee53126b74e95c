"""Both views of a change, file by file, and counts over all files."""

import ast
import copy
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from maestro.healing import _configuration
from maestro.healing._forms import Difference, Knowledge, canonical, last_name, meant
from maestro.healing._roles import is_test_file
from maestro.healing._trees import Change, changes, parse, project_names, translated
from maestro.healing.known_forms import config_given, plain_logging, plain_warnings
from maestro.healing.known_forms.endings import read_as_returns
from maestro.healing.known_forms.fields import renamed_field
from maestro.healing.known_forms.free_port import stated_again
from maestro.healing.known_forms.own_files import put_back as put_back_files
from maestro.healing.known_forms.polling import looked_once
from maestro.healing.known_forms.readings import settled
from maestro.healing.known_forms.signatures import asked_for
from maestro.healing.known_forms.unordered import put_back
from maestro.healing.known_forms.warned import filters
from maestro.healing.weakening import scans
from maestro.healing.weakening.added import inserted
from maestro.healing.weakening.baselines import Baseline, baselines
from maestro.healing.weakening.equivalence import Comparer
from maestro.healing.weakening.finding import Finding
from maestro.healing.weakening.tokens import token_difference
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
    warned = frozenset(line for failure in failures for line in filters(failure))
    return Knowledge(project_names(root), frozenset(missing), frozenset(alive - missing), said, asked, fields, warned)


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
            found += [Finding(*seen) for seen in _configuration.compare(change, own, knowledge.filters)]
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
    for base in baselines(change):  # the translations are made only where the file itself explains too little
        bases.append(base.before)
        found = list(_scanned(path, bases, after))
        if is_test_file(path):
            found += _walked(path, base, knowledge)
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
    for base in baselines(Change("", before, after)):
        old, now = read_as_returns(base.before, base.after, knowledge.messages)
        comparer = Comparer(canonical(old), canonical(now), knowledge, translated=base.translated)
        found.append(tuple(comparer.differences()))
        if not found[-1]:
            return ()
    if not found:
        problem = token_difference(before, after)
        return () if problem is None else (Difference(problem, 0),)
    return found[0]


def _fewer_assertions(change: Change) -> Iterator[Finding]:
    """Count a file's assertions by syntax, translated where it is Python 2; by words where nothing parses it."""
    before, after = change.before or "", change.after or ""
    old = parse(before) or parse(settled(before)) or translated(before)
    new = parse(after)
    if old is None or new is None:
        counts = (_words(before), _words(after))
    else:
        counts = (scans.assertions(old), scans.assertions(new))
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
                totals[side] += _words(text) if tree is None else scans.assertions(tree, nose=False)
    if totals[1] < totals[0]:
        yield Finding("fewer_counted_assertions", "", 0, f"{totals[0]} counted assertions became {totals[1]}")


def _scanned(path: str, bases: list[ast.Module], after: ast.Module) -> Iterator[Finding]:
    for rule, scan in scans.RULES.items():
        if rule == "dynamic_rebinding" and not is_test_file(path):
            continue
        seen = list(scan(after))
        known = max(len(list(scan(base))) for base in bases)
        if len(seen) > known:
            line, detail = _new_one(seen, [list(scan(base)) for base in bases])
            yield Finding(rule, path, line, detail)
    old, new = Counter(scans.named_tests(bases[0])), Counter(scans.named_tests(after))
    for name in old - new:
        yield Finding("removed_test", path, 0, f"{name} is gone")
    for name in (n for n, count in (new - old).items() if old[n] and new[n] > 1 and count):
        yield Finding("shadowed_test", path, 0, f"{name} is defined again")


def _new_one(seen: list[tuple[int, str]], known: list[list[tuple[int, str]]]) -> tuple[int, str]:
    details = {detail for each in known for _, detail in each}
    return next(((line, detail) for line, detail in seen if detail not in details), seen[-1])


def _walked(path: str, base: Baseline, knowledge: Knowledge) -> Iterator[Finding]:
    read = read_as_returns(copy.deepcopy(base.before), copy.deepcopy(base.after), knowledge.messages)
    old, new = (config_given.without(plain_warnings.undone(plain_logging.undone(looked_once(t)))) for t in read)
    new = put_back(stated_again(new, base.before), base.before, knowledge.names.sets)
    new = put_back_files(new, base.before, knowledge.names.strings)
    old, new = canonical(meant(old)), canonical(meant(new))
    comparer = Comparer(old, new, knowledge, tests=True, translated=base.translated)
    for difference in list(comparer.differences()):
        yield Finding(_rule_of(difference), path, difference.line, difference.detail)
    yield from inserted(path, comparer.inserted, comparer.before, comparer.after, knowledge)


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
    return f"{verb}_assertion" if any(map(scans.is_assertion, ast.walk(node))) else f"{verb}_test_code"


def _by_tokens(change: Change, after: ast.Module) -> Iterator[Finding]:
    """Compare a file that nothing could parse before: only punctuation may differ."""
    problem = token_difference(change.before or "", change.after or "")
    if problem is not None:
        yield Finding("changed_test" if is_test_file(change.path) else "changed_code", change.path, 0, problem)
    for line, detail in scans.unreachable(after):
        yield Finding("unreachable_assertion", change.path, line, detail)
