"""Write a change of the environment as the edit of one file of the project."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from packaging.requirements import InvalidRequirement, Requirement

from maestro.healing.base import Project
from maestro.healing.sourcetree import SourceTree
from maestro.healing.strategies.names import canonical


def add(project: Project, tree: SourceTree, added: Sequence[str]) -> dict[str, str]:
    """Return the edit that installs further requirement lines, in ``maestro.yaml`` or the requirements file in use."""
    from maestro.config import edit

    path, text = _configuration(project, tree)
    if path and not project.config_file:
        lines = "".join(f"{line}\n" for line in added)
        return {path: text + ("" if text.endswith("\n") or not text else "\n") + lines}

    def change(old: str) -> str:
        for line in added:
            old = edit.add_requirement(old, line, base=project.environment.install)
        return old

    return _edited(project, tree, change)


def replace(
    project: Project,
    tree: SourceTree,
    replaced: Sequence[Requirement],
    *,
    removed: Sequence[str] = (),
    python: str = "",
) -> dict[str, str]:
    """Return the edit that states these requirements instead of what was stated of the same distributions.

    Lines of distributions may be ``removed`` too. With ``python`` the environment gets another interpreter as well,
    which only ``maestro.yaml`` can say.
    """
    from maestro.config import edit

    stated, base = stated_names(project), project.environment.install
    path, text = _configuration(project, tree)
    anew = bool(python or removed)  # what a file of requirements does not say by its lines
    if path and not project.config_file and not anew:
        return {path: _replace_lines(text, replaced)}

    def change(old: str) -> str:
        if python:
            old = edit.set_python(old, python)
        for unwanted in removed:
            old = edit.remove_requirement(old, unwanted, base=base)
        for want in replaced:
            name = stated.get(canonical(want.name))
            old = (
                edit.replace_requirement(old, name, str(want), base=base)
                if name
                else edit.add_requirement(old, str(want), base=base)
            )
        return old

    return change_configuration(project, tree, change) if anew else _edited(project, tree, change)


def stated(project: Project) -> Iterator[Requirement]:
    """Yield the requirements that the environment asks for by itself; lines that are none (``-e .``) are left out."""
    for line in project.environment.install:
        try:
            yield Requirement(line)
        except InvalidRequirement:
            continue


def stated_lines(project: Project) -> dict[str, Requirement]:
    """Normalised name -> requirement, of the distributions that the environment asks for by itself."""
    return {canonical(requirement.name): requirement for requirement in stated(project)}


def stated_names(project: Project) -> dict[str, str]:
    """Normalised name -> name as written, of the distributions that the environment asks for by itself."""
    return {name: requirement.name for name, requirement in stated_lines(project).items()}


def _configuration(project: Project, tree: SourceTree) -> tuple[str, str]:
    """Return the file that states the environment and its text; ("", "") where a new one must be written."""
    if project.config_file:
        return project.config_file, tree.text(project.config_file) or ""
    for line in project.environment.install:
        if line.startswith(("-r ", "--requirement ")):
            path = line.split(None, 1)[1].strip().removeprefix("./")
            text = tree.text(path)
            if text is not None:
                return path, text
    return "", ""


def _edited(project: Project, tree: SourceTree, change: Callable[[str], str]) -> dict[str, str]:
    path, text = _configuration(project, tree)
    if not path:
        from maestro import config

        path, text = "maestro.yaml", config.render(config.detect(project.root))
    return {path: change(text)}


def change_configuration(project: Project, tree: SourceTree, change: Callable[[str], str]) -> dict[str, str]:
    """Return the edit of ``maestro.yaml`` (a new one where the project has none) by a text-to-text function."""
    if project.config_file:
        return {project.config_file: change(tree.text(project.config_file) or "")}
    from maestro import config

    return {"maestro.yaml": change(config.render(config.detect(project.root)))}


def replace_in_file(text: str, replaced: Sequence[Requirement], *, removed: Sequence[str] = ()) -> str:
    """Return a file of requirements in which lines state these instead, or are gone; nothing is added."""
    changed, _ = _with_lines(text, {canonical(r.name): r for r in replaced} | dict.fromkeys(map(canonical, removed)))
    return changed


def _replace_lines(text: str, replaced: Sequence[Requirement]) -> str:
    wanted = {canonical(r.name): r for r in replaced}
    changed, found = _with_lines(text, wanted)
    left = [str(r) for name, r in wanted.items() if name not in found]
    if changed and not changed.endswith("\n") and left:
        changed += "\n"
    return changed + "".join(f"{line}\n" for line in left)


def _with_lines(text: str, wanted: Mapping[str, Requirement | None]) -> tuple[str, set[str]]:
    """Return a file of requirements with other lines for these names (None: without them), and the names it states."""
    lines, found = text.splitlines(keepends=True), set[str]()
    for number, line in enumerate(lines):
        said = line.split(" #")[0].strip()
        try:
            name = canonical(Requirement(said).name)
        except InvalidRequirement:
            continue
        if name in wanted:
            found.add(name)
            new = wanted[name]
            lines[number] = "" if new is None else line.replace(said, str(new), 1)
    return "".join(lines), found
