"""Tests that lean on others get that from the very tests that leave it behind, in whatever order they run."""

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from maestro.healing._roles import Role
from maestro.healing.base import Project, Proposal
from maestro.healing.errors import LeftAloneError
from maestro.healing.known_forms.establishing import (
    FIXTURE,
    LOOP,
    LOOP_WITH_FIXTURES,
    functions,
    gives_back,
    only_asks,
    ready,
    sets_state,
    shared_fixtures,
    taken,
)
from maestro.healing.sourcetree import SourceTree
from maestro.healing.strategies.flaky_stabilization.giving_back import below_imports
from maestro.healing.strategies.flaky_stabilization.scopes import narrowed
from maestro.healing.strategies.imports import parse
from maestro.model import Failure, Strategy

_WIDE = 100  # columns, after which a list of helpers is written one by one
_SAID = "Bring about what some of these tests lean on, by the tests that leave it behind."


@dataclass(frozen=True, slots=True)
class _Place:
    """A module (``owner`` is "") or a class of it: which of its tests need which others, by name."""

    owner: str
    needs: Mapping[str, tuple[str, ...]]
    resets: tuple[str, ...] = ()  # functions that take state back
    handed: frozenset[str] = frozenset()  # fixtures that the helpers take


class StateSetters:
    """Where tests fail alone and pass after others of their file, a fixture runs those others before them."""

    name = "state_setters"
    strategy = Strategy.FLAKY_STABILIZATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield one proposal for all files of the failure, then one that takes state back before each test as well.

        And one in which what the helpers are handed is made for each test.
        """
        told = failure.diagnosis
        needs: Mapping[str, Sequence[str]] = told.get("needs") or {}
        if told.get("verdict") != "brittle" or not told.get("stress"):
            return
        tree = SourceTree(project.root, project.test_paths)
        plain: dict[str, str | None] = {}
        cleaned: dict[str, str | None] = {}
        fresh: dict[str, str | None] = {}
        said: list[str] = []
        for path in dict.fromkeys(test.partition("::")[0] for test in told.get("victims", ())):
            text = tree.text(path)
            module = parse(text or "")
            if text is None or module is None or FIXTURE in text or tree.role(path) not in (Role.TEST, Role.FIXTURE):
                return
            places = _places(path, needs, told["victims"], module)
            if not places:
                return
            plain[path] = _with_fixtures(text, module, places, resets=False)
            cleaned[path] = _with_fixtures(text, module, places, resets=True)
            handed = {name for place in places for name in place.handed}
            fresh[path] = narrowed(plain[path] or "", handed) or plain[path] if handed else plain[path]
            said += [f"`{name}`" for place in places for name in place.needs]
        shown = f"{', '.join(said[:4])}{' and others' if len(said) > 4 else ''}"
        summary = f"{shown} lean on tests written before them, which a fixture runs first"
        yield Proposal(plain, summary, 0.6, workaround=True)
        if fresh != plain:
            yield Proposal(fresh, f"{summary}, on what is made for each test", 0.6, workaround=True)
        if cleaned != plain:
            yield Proposal(cleaned, f"{summary}, after what these leave is taken back", 0.6, workaround=True)


def _places(path: str, needs: Mapping[str, Sequence[str]], victims: Sequence[str], module: ast.Module) -> list[_Place]:
    """Sort what leans on what by where it is written; empty where a helper of a victim cannot be called.

    Raises :class:`LeftAloneError` where such a helper only asks the product: it is the product that keeps something.
    """
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    used: dict[str, frozenset[str]] = {}
    shared = shared_fixtures(module)
    for test, helpers in needs.items():
        if test.partition("::")[0] != path or not helpers:
            continue
        owner, name = _named(test)
        known = functions(module, owner)
        called = [known.get(_named(h)[1]) if _beside(h, test) else None for h in helpers]
        leaning = known.get(name)
        handed = shared & set(taken(leaning, owner)) if leaning is not None else frozenset()
        asking = [h for h, f in zip(helpers, called, strict=True) if f is not None and only_asks(f, owner, handed)]
        if asking and test in victims:
            said = f"{test} passes only after {asking[0]}, which asks the product and changes nothing itself"
            raise LeftAloneError(f"{said}: what the product keeps of the question may be its defect")
        fine = leaning is not None and ready(module, owner)
        if fine and all(f is not None and sets_state(f, owner, handed) for f in called):
            used[owner] = used.get(owner, frozenset()) | {a for f in called if f is not None for a in taken(f, owner)}
            found.setdefault(owner, {})[name] = tuple(_named(h)[1] for h in helpers)
        elif test in victims:
            return []
    return [_Place(owner, table, _resets(module, owner), used[owner]) for owner, table in found.items()]


def _beside(helper: str, test: str) -> bool:
    """Whether a helper is a test without parameters of the same file and class."""
    return "[" not in helper and (helper.partition("::")[0], _named(helper)[0]) == (
        test.partition("::")[0],
        _named(test)[0],
    )


def _named(test: str) -> tuple[str, str]:
    """Return the class, "" for none, and the function of a test's id."""
    owner, _, name = test.partition("[")[0].partition("::")[2].rpartition("::")
    return owner, name


def _resets(module: ast.Module, owner: str) -> tuple[str, ...]:
    return tuple(name for name, function in functions(module, owner).items() if gives_back(function, owner))


def _with_fixtures(text: str, module: ast.Module, places: Sequence[_Place], *, resets: bool) -> str:
    """Write a fixture for each place: below the imports, or at the top of the class."""
    for place in sorted(places, key=lambda p: p.owner == ""):  # the module's own last: it moves all lines below it
        lines = _fixture(place, place.resets if resets else ())
        current = parse(text) or module
        if not place.owner:
            wanted = ["inspect", "pytest"] if place.handed else ["pytest"]
            text = below_imports(text, current, wanted, lines)
            continue
        found = [n for n in current.body if isinstance(n, ast.ClassDef) and n.name == place.owner]
        first = next((s for s in found[0].body if not isinstance(s, ast.Expr)), found[0].body[-1])
        decorated = getattr(first, "decorator_list", [])
        line = min([first.lineno, *(d.lineno for d in decorated)])
        indent = " " * first.col_offset
        before = text.splitlines(keepends=True)
        added = [f"{indent}{part}\n" for part in lines]
        text = "".join([*before[: line - 1], *added, "\n", *before[line - 1 :]])
    for name in ("pytest", *(["inspect"] if any(place.handed for place in places) else [])):
        if not any(isinstance(n, ast.Import) and any(a.name == name and a.asname is None for a in n.names)
                   for n in (parse(text) or module).body):  # fmt: skip
            text = f"import {name}\n{text}"
    return text


def _fixture(place: _Place, resets: Sequence[str]) -> list[str]:
    own = "self." if place.owner else ""
    table: list[str] = []
    for name, helpers in place.needs.items():
        line = f'        "{name}": [{", ".join(own + helper for helper in helpers)}],'
        if len(line) > _WIDE:
            table += [f'        "{name}": [', *(f"            {own}{helper}," for helper in helpers), "        ],"]
        else:
            table.append(line)
    return [
        "@pytest.fixture(autouse=True)",
        f"def {FIXTURE}({'self, ' if place.owner else ''}request):",
        f'    """{_SAID}"""',
        *(f"    {own}{name}()" for name in resets),
        "    needed = {",
        *table,
        "    }",
        *(f"    {line}" for line in (LOOP_WITH_FIXTURES if place.handed else LOOP).splitlines()),
    ]
