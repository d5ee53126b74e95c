"""Requirements that a project states outside of its packaging files: a lock's source, a CI job, a built distribution.

Each reader takes a file's text and yields lines as ``requirements.txt`` would hold them; what cannot be read yields
nothing. Nothing of the project is run.
"""

import re
import shlex
import tomllib
from collections.abc import Iterator
from typing import Any

import yaml
from packaging.requirements import InvalidRequirement, Requirement

from maestro.healing.sourcetree import SourceTree

_COMMANDS = re.compile(
    r"(?:^.*\.(?:ya?ml|cfg|sh)$)|(?:(?:^|/)(?:Makefile|Dockerfile|noxfile\.py|tasks\.py|fabfile\.py)$)"
)
_CI_FOLDERS = (".github/workflows/", ".circleci/", ".azure-pipelines/", ".gitlab/", ".ci/", "ci/")
_INSTALLS = re.compile(r"(?:\bpip[\d.]*\s+install|\beasy_install|\bsession\.install\()\s*(?P<rest>[^\n;&|]*)")
_WITH_VALUE = frozenset({"-r", "--requirement", "-c", "--constraint", "-e", "--editable", "-i", "--index-url", "-f",
                         "--find-links", "--extra-index-url", "-t", "--target"})  # fmt: skip
_SECTION = re.compile(r"^\[(?P<extra>[^:\]]*)(?::(?P<marker>[^\]]*))?\]$")
_CONDA = re.compile(r"^(?:[\w-]+::)?(?P<name>[A-Za-z][\w.-]*)\s*(?P<range>[<>=!~][^ ]*)?")


def declared_elsewhere(tree: SourceTree) -> Iterator[str]:
    """Yield requirement lines of the metadata of a built distribution, Pipfile, environment.yml and CI files."""
    for path in _egg_info(tree):
        yield from egg_requirements(tree.text(path) or "")
    yield from metadata_requirements(tree.text("PKG-INFO") or "")
    yield from pipfile_requirements(tree.text("Pipfile") or "")
    for path in tree.files:
        name = path.rpartition("/")[2]
        if re.fullmatch(r"(?:conda[_-]?)?env(?:ironment)?[\w-]*\.ya?ml", name):
            yield from conda_requirements(tree.text(path) or "")
        elif _holds_commands(path):
            yield from installed_by_commands(tree.text(path) or "")


def _egg_info(tree: SourceTree) -> Iterator[str]:
    """Yield the ``requires.txt`` that setuptools left in a source distribution (its folder is no part of the tree)."""
    for base in ("", "src", "lib"):
        folder = tree.root / base
        if folder.is_dir() and not folder.is_symlink():
            for place in sorted(folder.glob("*.egg-info")):
                file = place / "requires.txt"
                if file.is_file() and not (place.is_symlink() or file.is_symlink()):
                    yield file.relative_to(tree.root).as_posix()


def _holds_commands(path: str) -> bool:
    if not _COMMANDS.search(path):
        return False
    hidden = path.startswith((".travis", ".gitlab-ci", "appveyor", ".appveyor", "azure-pipelines", ".cirrus"))
    return hidden or path.startswith(_CI_FOLDERS) or "/" not in path


def egg_requirements(text: str) -> Iterator[str]:
    """Read setuptools' ``requires.txt``: sections are an extra, a marker, or both (``[test:python_version<"3"]``)."""
    extra = marker = ""
    for raw in text.splitlines():
        line = raw.strip()
        section = _SECTION.match(line)
        if section:
            extra, marker = section["extra"], section["marker"] or ""
        elif line:
            conditions = [f"({marker})"] * bool(marker) + [f"extra == '{extra}'"] * bool(extra)
            yield f"{line} ; {' and '.join(conditions)}" if conditions else line


def metadata_requirements(text: str) -> Iterator[str]:
    """Read the ``Requires-Dist`` fields of core metadata."""
    for line in text.partition("\n\n")[0].splitlines():
        name, colon, value = line.partition(":")
        if colon and name.lower() == "requires-dist":
            yield value.strip()


def pipfile_requirements(text: str) -> Iterator[str]:
    """Read a Pipfile's packages and development packages."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    for section in ("packages", "dev-packages"):
        wanted = data.get(section)
        for name, want in wanted.items() if isinstance(wanted, dict) else ():
            ranged = want.get("version", "") if isinstance(want, dict) else want
            if isinstance(want, dict) and want.keys() & {"path", "git", "file"}:
                continue
            yield name + (ranged if isinstance(ranged, str) and ranged[:1] in ("<", ">", "=", "!", "~") else "")


def conda_requirements(text: str) -> Iterator[str]:
    """Read a conda environment's dependencies by their names, and the list for pip within it as it is."""
    try:
        data: Any = yaml.safe_load(text)
    except yaml.YAMLError:
        return
    listed = data.get("dependencies") if isinstance(data, dict) else None
    for item in listed if isinstance(listed, list) else ():
        if isinstance(item, str):
            found = _CONDA.match(item)
            if found and found["name"] != "python":
                yield found["name"]
        elif isinstance(item, dict):
            yield from (line for line in item.get("pip") or () if isinstance(line, str))


def installed_by_commands(text: str) -> Iterator[str]:
    """Read what ``pip install`` lines of scripts and CI files name: distributions, not options, files or folders."""
    for found in _INSTALLS.finditer(text):
        try:
            words = [word.strip("(),") for word in shlex.split(found["rest"])]
        except ValueError:
            continue
        skip = False
        for word in words:
            if skip or word.startswith("-"):
                skip = not skip and word in _WITH_VALUE
                continue
            if not word or re.search(r"[/$\\{}]|^\.|\.(?:txt|whl|zip|gz|in)$", word):
                continue
            try:
                yield str(Requirement(word))
            except InvalidRequirement:
                break  # the rest is prose or something of a shell
