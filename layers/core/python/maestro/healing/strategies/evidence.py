"""What a failure says, normalised: captured facts first, the tool's text where facts are missing.

Failures of the whole session come as text alone, so each reading has a pattern beside the structured attribute.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from packaging.requirements import Requirement

from maestro.healing._names import MOCK_MISTAKES
from maestro.healing._stated import stated_modules
from maestro.healing.base import Project
from maestro.healing.known_forms.signatures import refused_keywords
from maestro.healing.sourcetree import SourceTree
from maestro.healing.strategies.imports import parse
from maestro.healing.strategies.names import canonical, is_stdlib
from maestro.model import Failure

_TEXT_LIMIT = 60_000

_NO_MODULE = re.compile(r"No module named ['\"]?([A-Za-z_][\w.]*)['\"]?")
_CANNOT_IMPORT = re.compile(
    r"cannot import name ['\"]?(\w+)['\"]? from (?:partially initialized module )?['\"]([\w.]+)['\"]"
)
_MODULE_ATTRIBUTE = re.compile(r"module ['\"]([\w.]+)['\"] has no attribute ['\"](\w+)['\"]")
_OBJECT_ATTRIBUTE = re.compile(r"['\"]([\w.]+)['\"] object has no attribute ['\"](\w+)['\"]")
_TYPE_ATTRIBUTE = re.compile(r"type object ['\"]([\w.]+)['\"] has no attribute ['\"](\w+)['\"]")
_MOCK = re.compile(r"'(\w+)' is not a valid assertion")
_FIXTURE = re.compile(r"fixture ['\"](\w+)['\"] not found")
_INSTALLED_FILE = re.compile(r"site-packages/(\w+)(?:\.py|/)")
_TOOLS = frozenset({"", "pytest", "pluggy"})  # what calls everything else
_FILE_LINE = re.compile(r"File \"([^\"\n]+)\", line (\d+)")
_HOOK = re.compile(
    r"Plugin ['\"](?P<plugin>[^'\"\n]+)['\"]"
    r".{0,40}? for hook ['\"](?P<hook>\w+)['\"]\s+hookimpl definition: \w+\((?P<args>[^)\n]*)\)"
    r"\s+Argument\(s\) \{(?P<bad>[^}\n]*)\}",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class MissingName:
    """A name that a module or class no longer (or never) had.

    ``owner`` is the module ("collections", "PIL.Image") or the class ("InteractiveShell") it was looked up in;
    ``kind`` is "module", "class" or "instance"; ``distribution`` is normalised, "python" for the standard library,
    "" where unknown; ``available`` the public names that exist.
    """

    owner: str
    name: str
    kind: str
    distribution: str
    available: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()  # qualified names of the classes above the owner

    @property
    def qualified(self) -> str:
        """``owner.name``."""
        return f"{self.owner}.{self.name}"


@dataclass(frozen=True, slots=True)
class HookMismatch:
    """A pytest hook implementation whose parameters the installed pytest does not offer."""

    plugin: str
    hook: str
    arguments: tuple[str, ...]


class Evidence:
    """A failure read against its project."""

    def __init__(self, failure: Failure, project: Project) -> None:
        self.failure = failure
        self.project = project
        self.facts = failure.facts
        self.tree = SourceTree(project.root, project.test_paths)

    @cached_property
    def text(self) -> str:
        """Everything said about the failure, shortened: message, causes, the tool's report."""
        parts = [
            self.failure.message,
            self.facts.message,
            *(c.get("message", "") for c in self.facts.causes),
            self.facts.text,
        ]
        return "\n".join(dict.fromkeys(p for p in parts if p))[:_TEXT_LIMIT]

    @property
    def unasserted(self) -> bool:
        """Whether a mock refuses a name that only sounds like an assertion: older ones took it, and it said nothing."""
        found = _MOCK.search(self.text)
        return found is not None and found[1] in MOCK_MISTAKES

    def attribute(self, name: str, kind: type[Any] = str) -> Any:
        """Return one captured attribute, or the empty value of ``kind`` where it is missing or of another type."""
        value = self.facts.attributes.get(name)
        return value if isinstance(value, kind) else kind()

    def names(self, attribute: str) -> tuple[str, ...]:
        """Return a captured list of names."""
        value = self.facts.attributes.get(attribute)
        return tuple(str(v) for v in value) if isinstance(value, (list, tuple)) else ()

    def is_exception(self, *names: str) -> bool:
        """Whether the failure, or what it was caused by, is one of these exceptions (by their last component)."""
        seen = {self.facts.exception, *self.facts.bases, *(c.get("exception", "") for c in self.facts.causes)}
        if {n.rpartition(".")[2] for n in seen} & set(names):
            return True
        return any(re.search(rf"(?m)(?:^|^E\s+|: |\s){re.escape(n)}: ", self.text) for n in names)

    @cached_property
    def missing_modules(self) -> tuple[str, ...]:
        """Modules that could not be found, in full ("six.moves"), the captured one first."""
        found: list[str] = []
        if self.facts.exception.endswith("ModuleNotFoundError") and self.attribute("module"):
            found.append(self.attribute("module"))
        if self.is_exception("ModuleNotFoundError", "ImportError") or "No module named" in self.text:
            found += _NO_MODULE.findall(self.text)
        return tuple(dict.fromkeys(found))

    @cached_property
    def missing_names(self) -> tuple[MissingName, ...]:
        """Names that modules and classes do not have, of the standard library and of installed distributions only.

        A name missing from the project's own code is the product's defect and never listed.
        """
        found = list(self._captured_names())
        for name, module in _CANNOT_IMPORT.findall(self.text):
            found.append(self._name(module, name, "module"))
        for module, name in _MODULE_ATTRIBUTE.findall(self.text):
            found.append(self._name(module, name, "module"))
        for pattern, kind in ((_OBJECT_ATTRIBUTE, "instance"), (_TYPE_ATTRIBUTE, "class")):
            for owner, name in pattern.findall(self.text):
                found.append(self._name(owner, name, kind))
        first: dict[str, MissingName] = {}
        for item in found:
            first.setdefault(item.name, item)
        return tuple(first.values())

    def _captured_names(self) -> Iterator[MissingName]:
        kind, available = self.facts.exception.rpartition(".")[2], self.names("available")
        if kind == "AttributeError" and self.attribute("name") and self.attribute("owner"):
            owner_kind = self.attribute("owner_kind") or "instance"
            owner, distribution = self.attribute("owner"), self.attribute("owner_distribution")
            yield replace(
                self._name(owner, self.attribute("name"), owner_kind, distribution),
                available=available,
                bases=self.names("owner_bases"),
            )
        elif kind == "ImportError" and self.attribute("module") and self.attribute("name"):
            module, distribution = self.attribute("module"), self.attribute("module_distribution")
            yield replace(self._name(module, self.attribute("name"), "module", distribution), available=available)

    def _name(self, owner: str, name: str, kind: str, distribution: str = "") -> MissingName:
        known = "" if self.is_own(distribution) else canonical(distribution) or self.distribution_of(owner)
        return MissingName(owner, name, kind, known)

    def distribution_of(self, module: str) -> str:
        """Return the distribution that brings a module: "python" for the standard library, "" where unknown."""
        top = module.partition(".")[0]
        if self.tree.owns(top) and top not in self.modules:
            return ""
        if is_stdlib(top):
            return "python"
        return canonical(self.modules.get(top, ""))

    @cached_property
    def modules(self) -> Mapping[str, str]:
        """Import names that the environment brings -> distribution, the project itself left out."""
        return {m: d for m, d in self.project.facts.modules.items() if not (self.tree.owns(m) and self.is_own(d))}

    def is_own(self, distribution: str) -> bool:
        """Whether a distribution is the project itself, installed (editable) from the tree."""
        return any(canonical(distribution) == own for own in self.own_distributions)

    @cached_property
    def own_distributions(self) -> frozenset[str]:
        """Normalised names under which the project publishes itself."""
        from maestro.healing.strategies.metadata import own_names

        return own_names(self.tree)

    @cached_property
    def stated_own(self) -> Mapping[str, str]:
        """The top-level modules that the project's packaging files state as its own -> the file that does."""
        return stated_modules(self.tree)

    @cached_property
    def declared(self) -> Mapping[str, Requirement]:
        """Normalised name -> what the project's own files require, for whichever Python and in whichever extra.

        A requirement with a version range comes before one without, one for this Python before one for another.
        """
        from maestro.healing.strategies.metadata import requirements

        found: dict[str, Requirement] = {}
        for stated in (*requirements(self.tree, self.python), *requirements(self.tree)):
            known = found.setdefault(canonical(stated.name), stated)
            if stated.specifier and not known.specifier and stated.marker == known.marker:
                found[canonical(stated.name)] = stated
        return found

    @cached_property
    def raised_in(self) -> str:
        """The distribution in whose code the error was raised; "" where that is the project, Python, or not known."""
        frames = [frame for frame in self.facts.frames if frame.in_project or frame.distribution]
        if frames:
            return "" if frames[-1].in_project else canonical(frames[-1].distribution)
        named = [self.modules.get(module, "") for module in _INSTALLED_FILE.findall(self.text)]
        blamed = [canonical(name) for name in named if canonical(name) not in _TOOLS]
        return blamed[-1] if blamed else ""

    @cached_property
    def missing_fixture(self) -> str:
        """The fixture that no plugin provides, or ""."""
        name = str(self.attribute("fixture"))
        if not name:
            found = _FIXTURE.search(self.text)
            name = found[1] if found else ""
        return name

    @cached_property
    def keyword_errors(self) -> tuple[tuple[str, str], ...]:
        """(callee as Python names it, keyword) of calls with an argument that is no longer taken."""
        return refused_keywords(self.text)

    @cached_property
    def hook_mismatch(self) -> HookMismatch | None:
        """The pytest hook implementation that was refused."""
        found = _HOOK.search(self.text)
        if found is None:
            return None
        bad = tuple(re.findall(r"\w+", found["bad"]))
        return HookMismatch(found["plugin"], found["hook"], bad)

    @cached_property
    def syntax_location(self) -> tuple[str, int] | None:
        """The project file (relative) and line that does not parse."""
        if not self.is_exception("SyntaxError", "TabError", "IndentationError"):
            return None
        file, line = self.attribute("file"), self.attribute("line", int)
        if file and not file.endswith((".py", ".pyw")):
            return None  # a source made at run time: what is wrong with it stands in no file
        places = [(file, line)] if file else []
        places += [(f, int(n)) for f, n in reversed(_FILE_LINE.findall(self.text))]
        for name, number in places:
            path = self.locate(name)
            if path:
                return path, number
        return None

    @cached_property
    def unparsed(self) -> tuple[str, int, str] | None:
        """The project file that does not parse as its Python reads it: the path, the line, and the text."""
        place = self.syntax_location
        text = self.tree.text(place[0]) if place else None
        if place is None or text is None or parse(text, self.python) is not None:
            return None
        return *place, text

    def locate(self, name: str) -> str:
        """Return a file of the tree for a path as some tool printed it (absolute elsewhere, relative), or ""."""
        name = name.replace("\\", "/")
        if "/site-packages/" in name or "/lib/python" in name:
            return ""
        parts = [p for p in name.split("/") if p not in ("", ".")]
        for start in range(len(parts)):
            path = "/".join(parts[start:])
            if path in self._file_set:
                return path
        return ""

    @cached_property
    def _file_set(self) -> frozenset[str]:
        return frozenset(self.tree.files)

    @cached_property
    def project_files(self) -> tuple[str, ...]:
        """Project files in the traceback, the innermost first."""
        found = [self.locate(f.file) for f in reversed(self.facts.frames) if f.in_project]
        found += [self.locate(f) for f, _ in reversed(_FILE_LINE.findall(self.text))]
        found += [self.locate(f) for f in re.findall(r"(?m)^([\w./-]+\.py):\d+: ", self.text)[::-1]]
        return tuple(dict.fromkeys(f for f in found if f))

    @cached_property
    def python(self) -> tuple[int, int]:
        """The version of the project's interpreter."""
        found = re.search(r"(\d+)\.(\d+)", self.project.facts.python) or re.search(
            r"(\d+)\.(\d+)", self.project.environment.python
        )
        return (int(found[1]), int(found[2])) if found else (3, 11)

    def installed(self, distribution: str) -> str:
        """The installed version of a distribution, or ""."""
        wanted = canonical(distribution)
        for name, version in self.project.facts.distributions.items():
            if canonical(name) == wanted:
                return version
        return ""
