"""Mutants: small defects put into the product's code on purpose, to see whether tests notice.

A mutant is one text edit of a product file at an exact place, so that everything else stays as it was. Which ones are
made depends on the seed alone. No project code is run here.

A function that removes files, ends processes or starts programs is never mutated: what a wrong path or a turned
condition would do there is not bounded by the test.
"""

import ast
import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from maestro.healing._roles import Role, role
from maestro.healing._trees import parse
from maestro.healing.mutation.places import LOOPS, Function, Mutant, Sites
from maestro.healing.sourcetree import SourceTree

LIMIT = 8
MAX_FILES = 60
_DANGEROUS = frozenset(
    {"rmtree", "unlink", "rmdir", "removedirs", "remove_tree", "kill", "killpg", "terminate", "truncate", "system",
     "popen", "Popen", "check_call", "check_output", "execv", "execve", "execvp", "spawn"}
)  # fmt: skip
_DANGEROUS_OF = {
    "os": frozenset({"remove", "replace", "rename", "renames"}),
    "shutil": frozenset({"move"}),
    "subprocess": frozenset({"run", "call"}),
}


def product_file(path: str, test_files: Collection[str] = ()) -> bool:
    """Whether a project's file is product code: neither tests nor their support nor configuration."""
    return path.endswith(".py") and role(path, test_files) is Role.PRODUCT


def mutants(
    root: Path,
    covered: Mapping[str, Collection[str]],
    *,
    seed: int,
    limit: int = LIMIT,
    near: Collection[str] = (),
    test_files: Collection[str] = (),
) -> tuple[Mutant, ...]:
    """Return at most ``limit`` mutants of the product functions that tests enter, spread over the functions.

    ``covered`` maps project files to the names of functions, qualified where the interpreter knows (3.11 and later).
    Functions with a name in ``near`` (what the tests themselves mention) come first. Files that do not parse here,
    links, and everything that is no product code are left out. Every mutant parses and differs from the source.
    """
    source = random.Random(seed)  # noqa: S311 - a choice, not a secret
    tree = SourceTree(root)
    groups: list[list[Mutant]] = []
    texts: dict[str, str] = {}
    known = set(tree.files)
    chosen = [f for f in sorted(covered) if f in known and product_file(f, test_files)]
    source.shuffle(chosen)
    for file in chosen[:MAX_FILES]:
        text = tree.text(file)
        if text is None:
            continue
        texts[file] = text
        by_function: dict[str, list[Mutant]] = {}
        for mutant in sites(file, text, covered[file]):
            by_function.setdefault(mutant.function, []).append(mutant)
        groups += [by_function[name] for name in sorted(by_function)]
    source.shuffle(groups)
    for group in groups:
        source.shuffle(group)
        group.sort(key=lambda m: (m.rank == LOOPS, not m.reached, m.rank))
    wanted = set(near)
    groups.sort(key=lambda g: (g[0].function.rpartition(".")[2] not in wanted, g[0].rank, not g[0].reached))
    return _dealt(groups, texts, limit)


def _dealt(groups: Sequence[list[Mutant]], texts: Mapping[str, str], limit: int) -> tuple[Mutant, ...]:
    """Take one of each function in turn, and none that does not parse or changes nothing."""
    found: list[Mutant] = []
    places: set[tuple[str, int, int]] = set()
    left = [list(group) for group in groups]
    while len(found) < limit and any(left):
        for group in left:
            while group and len(found) < limit:
                mutant = group.pop(0)
                place = (mutant.file, mutant.start, mutant.end)
                if place not in places and _sound(mutant, texts[mutant.file]):
                    places.add(place)
                    found.append(mutant)
                    break
    return tuple(found)


def _sound(mutant: Mutant, text: str) -> bool:
    before, after = parse(text), parse(mutant.apply(text))
    return before is not None and after is not None and ast.dump(before) != ast.dump(after)


def sites(file: str, text: str, names: Collection[str]) -> list[Mutant]:
    """Return every mutant of the named functions of one file, in the order of the text; none where it has no parse."""
    module = parse(text)
    if module is None:
        return []
    found: list[Mutant] = []
    defined = list(functions(module))
    qualified = {name for name, _ in defined}
    for name, node in defined:
        bare = name.rpartition(".")[2]
        # Before Python 3.11 a code object knows its bare name only.
        entered = name in names or (bare in names and bare not in qualified)
        if entered and not _dangerous(node):
            found += Sites(file, text, name).of(node)
    return sorted(found, key=lambda m: (m.start, m.end, m.text))


def functions(node: ast.AST, prefix: str = "") -> Iterator[tuple[str, Function]]:
    """Yield each function in a tree with its qualified name, as the interpreter makes it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            yield prefix + child.name, child
            yield from functions(child, f"{prefix}{child.name}.<locals>.")
        elif isinstance(child, ast.ClassDef):
            yield from functions(child, f"{prefix}{child.name}.")
        else:
            yield from functions(child, prefix)


def _dangerous(function: Function) -> bool:
    for node in ast.walk(function):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in _DANGEROUS:
                return True
            case ast.Call(func=ast.Attribute(attr=name)) if name in _DANGEROUS:
                return True
            case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=name)):
                if name in _DANGEROUS_OF.get(owner, ()):
                    return True
    return False


def write(root: Path, mutant: Mutant) -> None:
    """Put a mutant into a tree, in the file's own encoding."""
    tree = SourceTree(root)
    found = tree.file(mutant.file)
    if found is None:
        raise FileNotFoundError(f"{mutant.file} cannot be read as source; the mutant was made for another tree.")
    tree.resolve(mutant.file).write_bytes(found.encode(mutant.apply(found.text)))


__all__ = ["LIMIT", "Mutant", "functions", "mutants", "product_file", "sites", "write"]
