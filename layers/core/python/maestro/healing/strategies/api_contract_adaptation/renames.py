"""Things that were removed or renamed: rewrite every use to the successor that the catalogue knows."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from packaging.version import InvalidVersion, Version

from maestro.healing.base import Project, Proposal
from maestro.healing.strategies.api_contract_adaptation.homes import with_homes
from maestro.healing.strategies.catalogue import Change, changes
from maestro.healing.strategies.evidence import Evidence, MissingName
from maestro.healing.strategies.moving import moved
from maestro.healing.strategies.names import canonical
from maestro.healing.strategies.rewriting import changed_keywords, renamed_attributes, without_imports
from maestro.model import Failure, Strategy

_FRAME_LINE = re.compile(r"(?m)^(?:E\s+)?(?:File \"(?P<a>[^\"\n]+)\", line (?P<b>\d+)|(?P<c>[\w./-]+\.py):(?P<d>\d+):)")
_MOVES = frozenset({"move", "module"})
_BROAD_LIMIT = 400  # sources; beyond it only the failing construct is rewritten


class CatalogueRename:
    """Rewrites removed names to their successors, in every source that uses them."""

    name = "catalogue_rename"
    strategy = Strategy.API_CONTRACT_ADAPTATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield the rewrite of the failing construct's group, then of all that its distribution removed."""
        evidence = Evidence(failure, project)
        hits = list(matches(evidence))
        if not hits:
            return
        words = "; ".join(dict.fromkeys(f"{c.old} is now {c.new.replace(':', '.')} ({c.source})" for c in hits[:3]))
        groups = {c.group for c in hits}
        kinds = _MOVES if hits[0].kind in _MOVES else {hits[0].kind}
        narrow = [c for c in changes() if c.group in groups and c.kind in kinds]
        edits = rewrite(evidence, narrow, hits)
        if edits:
            yield with_homes(evidence, edits, f"adapt to a removed name: {words}", 0.9)
        broad = [c for c in changes() if c.distribution == hits[0].distribution and c.kind in ("move", "method")]
        broad = [c for c in broad if (c.kind == "move" or c.unique) and _removed(evidence, c)]
        wider = rewrite(evidence, [*narrow, *broad], hits)
        if wider and wider != edits:
            said = f"adapt to every name that {hits[0].distribution} has removed: {words}"
            yield with_homes(evidence, wider, said, 0.8)


def matches(evidence: Evidence) -> Iterator[Change]:
    """Yield the catalogue's changes that explain the failure."""
    for missing in evidence.missing_names:
        for change in changes():
            if change.kind in ("move", "method") and change.name == missing.name and _same(change, missing):
                yield change
    for module in evidence.missing_modules:
        for change in changes():
            if (change.kind == "module" and (module == change.old or _held(evidence, module, change))) or (
                change.kind == "move"
                and change.old.startswith(module + ".")
                and not evidence.tree.owns(module)
                and any(change.name in source.text for source in evidence.tree.sources(module))
            ):
                yield change


def _held(evidence: Evidence, module: str, change: Change) -> bool:
    """Whether a package that its distribution no longer has held a module that some source of the project imports."""
    held = change.old.startswith(module + ".") and not evidence.tree.owns(module)
    if not held or evidence.distribution_of(module) != change.distribution:
        return False
    package = change.old.rpartition(".")[0]
    return any(
        change.old in source.text or f"from {package} import" in source.text
        for source in evidence.tree.sources(change.name)
    )


def _same(change: Change, missing: MissingName) -> bool:
    if change.kind == "move":
        return missing.kind == "module" and change.old in (missing.qualified, _public(missing.qualified))
    if change.unique and not change.owners:
        return missing.kind != "module"  # a name of its own: "assertEquals", "isAlive"
    names = {missing.owner, *missing.bases}
    names |= {name.rpartition(".")[2] for name in names}
    return bool(names & set(change.owners))


def _public(qualified: str) -> str:
    return ".".join(
        part for part in qualified.split(".") if not part.startswith("_") or part == qualified.rpartition(".")[2]
    )


def _removed(evidence: Evidence, change: Change) -> bool:
    """Whether the environment's version is past the removal; False where either is not known."""
    here = (
        ".".join(map(str, evidence.python))
        if change.distribution == "python"
        else evidence.installed(change.distribution)
    )
    try:
        return bool(here and change.removed_in) and Version(here) >= Version(change.removed_in)
    except InvalidVersion:
        return False


def rewrite(evidence: Evidence, wanted: Sequence[Change], hits: Sequence[Change]) -> dict[str, str]:
    """Apply changes to every source; those whose name may mean something else only on the failing lines.

    What the project itself defines is its own, though a release of it stands in the catalogue.
    """
    moves = {c.old: c.new for c in wanted if c.kind in ("move", "module") and not evidence.tree.owns(c.old)}
    everywhere = {c.old: c.new for c in wanted if c.kind == "method" and c.unique}
    here = {c.old: c.new for c in hits if c.kind == "method" and not c.unique}
    needles = {key.rpartition(".")[2] for key in moves} | set(everywhere) | set(here)
    gone = {module for module in evidence.missing_modules if not evidence.tree.owns(module)}
    lines = failing_lines(evidence)
    edits: dict[str, str] = {}
    for number, source in enumerate(evidence.tree.sources(*needles)):
        if number >= _BROAD_LIMIT:
            break
        text = source.text
        used = {old: new for old, new in moves.items() if _mentions(text, old)}
        if used:
            changed = moved(text, used)
            if changed is None and source.path in lines:  # all its uses are guarded, and one failed all the same
                changed = moved(text, used, guarded=True)
            text = changed or text
            text = without_imports(text, gone) or text if text != source.text else text
        if any(name in text for name in everywhere):
            text = renamed_attributes(text, everywhere) or text
        if here and source.path in lines and text == source.text:
            text = renamed_attributes(text, here, lines=lines[source.path]) or text
        if text != source.text:
            edits[source.path] = text
    return edits


def _mentions(text: str, qualified: str) -> bool:
    """Whether a source may use a qualified name: it has the name, and the module that it came from."""
    module, _, name = qualified.rpartition(".")
    return name in text and module.partition(".")[0] in text and module.rpartition(".")[2] in text


def failing_lines(evidence: Evidence) -> dict[str, set[int]]:
    """Lines of project files in the traceback, by file."""
    found: dict[str, set[int]] = {}
    for frame in evidence.facts.frames:
        path = evidence.locate(frame.file) if frame.in_project else ""
        if path:
            found.setdefault(path, set()).add(frame.line)
    for hit in _FRAME_LINE.finditer(evidence.text):
        path = evidence.locate(hit["a"] or hit["c"])
        if path:
            found.setdefault(path, set()).add(int(hit["b"] or hit["d"]))
    return found


class CatalogueKeyword:
    """Renames or drops keyword arguments that a call no longer takes."""

    name = "catalogue_keyword"
    strategy = Strategy.API_CONTRACT_ADAPTATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield one proposal per group of changes that the refused keyword belongs to."""
        evidence = Evidence(failure, project)
        lines = failing_lines(evidence)
        catalogue = [_keyword(change) for change in changes() if change.kind == "keyword"]
        for callee, keyword in evidence.keyword_errors:
            if evidence.is_own(evidence.attribute("callee_distribution")):
                continue
            names = _callees(callee)
            hits = [
                c
                for c, target, argument in catalogue
                if argument == keyword and (target in names or (target == "*" and _theirs(evidence, c)))
            ]
            for group in dict.fromkeys(c.group for c in hits):
                members = [row for row in catalogue if row[0].group == group and row[2] == keyword]
                edits = self._edits(evidence, members, lines)
                if edits:
                    new, source = members[0][0].new, members[0][0].source
                    verb = f"is now called {new}" if new else "is no longer taken"
                    yield Proposal(edits, f"adapt calls of {callee}: the argument {keyword} {verb} ({source})", 0.75)

    def _edits(
        self, evidence: Evidence, members: Sequence[tuple[Change, str, str]], lines: Mapping[str, set[int]]
    ) -> dict[str, str]:
        """Change the calls of all members in every source; those of any callee only where the failure was."""
        edits: dict[str, str] = {}
        for source in evidence.tree.sources(members[0][2]):
            text = source.text
            for change, target, keyword in members:
                if target != "*":
                    text = changed_keywords(text, target, {keyword: change.new}) or text
                elif source.path in lines:
                    only = lines[source.path]
                    text = changed_keywords(text, target, {keyword: change.new}, lines=only) or text
            if text != source.text:
                edits[source.path] = text
        return edits


def _theirs(evidence: Evidence, change: Change) -> bool:
    """Whether a change that names no function is of the callee's distribution, or of one that is installed."""
    owner = canonical(str(evidence.attribute("callee_distribution")))
    return owner == change.distribution if owner else bool(evidence.installed(change.distribution))


def _keyword(change: Change) -> tuple[Change, str, str]:
    callee, _, argument = change.old.rstrip(")").partition("(")
    return change, callee, argument


def _callees(callee: str) -> set[str]:
    parts = [p for p in callee.split(".") if p not in ("<locals>", "__init__", "__new__")]
    return {parts[-1]} if parts else set()
