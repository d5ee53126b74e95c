"""A project that turns warnings into errors, and a library that another one uses in a way that it gives up."""

import re
import tomllib
from collections.abc import Iterable

from maestro.healing.base import Project, Proposal
from maestro.healing.known_forms.warned import filters
from maestro.healing.sourcetree import SourceTree
from maestro.model import Failure, Strategy

_SECTIONS = {"pytest.ini": "pytest", ".pytest.ini": "pytest", "tox.ini": "pytest", "setup.cfg": "tool:pytest"}
_ARRAY = re.compile(r"(?m)^filterwarnings[ \t]*=[ \t]*\[")
_STRING = re.compile(r"\"(?:\\.|[^\"\\])*\"|'[^']*'|#[^\n]*|\]")


class ForeignWarning:
    """Lets one deprecation pass that third-party code causes in third-party code, where warnings are errors."""

    name = "foreign_warning"
    strategy = Strategy.ENVIRONMENT_HEALING

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield a filter per module that the warning may be attributed to, in the file that makes errors of them."""
        tree = SourceTree(project.root, project.test_paths)
        for line in filters(failure):
            for path in ("pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg"):
                text = tree.text(path)
                new = None if text is None else with_filter(path, text, line)
                if new is not None:
                    module = line.rpartition(":")[2]
                    words = f"{module}, which is not the project's, uses what is deprecated; its warning is no error"
                    yield Proposal({path: new}, f"{words} ({line})", 0.6, workaround=True)
                    break


def with_filter(path: str, text: str, line: str) -> str | None:
    """Return a configuration with one more filter, after those that make errors; None where it makes none."""
    return _in_toml(text, line) if path.endswith(".toml") else _in_ini(_SECTIONS[path], text, line)


def _in_ini(section: str, text: str, line: str) -> str | None:
    lines = text.splitlines(keepends=True)
    inside, place, found = False, 0, []
    for number, one in enumerate(lines):
        if one.startswith("["):
            inside = one.split("]")[0] == f"[{section}"
        elif inside and re.match(r"filterwarnings\s*[=:]", one):
            place, found = number, [re.split(r"[=:]", one, maxsplit=1)[1].strip()]
        elif found and place == number - 1 and one[:1] in " \t" and one.strip():
            place = number
            found.append(one.strip())
    if not any(re.match(r"error\b", one) for one in found) or line in found:
        return None
    before = lines[place]
    space = before[: len(before) - len(before.lstrip())] if len(found) > 1 else "    "
    lines[place] = f"{before.rstrip()}\n{space}{line}\n"
    return "".join(lines)


def _in_toml(text: str, line: str) -> str | None:
    start = _ARRAY.search(text)
    if start is None:
        return None
    old = _filters(text)
    end = next((m.start() for m in _STRING.finditer(text, start.end()) if m[0] == "]"), None)
    if end is None or not any(re.match(r"error\b", one) for one in old) or line in old:
        return None
    body = text[start.end() : end].rstrip()
    comma = "" if not body or body.endswith(",") else ","
    if "\n" in body:
        last = body.rsplit("\n", 1)[1]
        new = f"{body}{comma}\n{last[: len(last) - len(last.lstrip())]}'{line}',\n"
    else:
        new = f"{body}{comma} '{line}'"
    made = text[: start.end()] + new + text[end:]
    return made if _filters(made) == [*old, line] else None


def _filters(text: str) -> list[str]:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return []
    found = data.get("tool", {}).get("pytest", {}).get("ini_options", {}).get("filterwarnings", [])
    return [str(one) for one in found] if isinstance(found, list) else []
