"""A fixture that does nothing but let folders be listed in the order of their names, told by its exact form.

The system leaves the order of a listing open, so that a test may not depend on it; with the fixture the test meets one
of the orders that are possible. It cannot change what is listed.
"""

import ast
from dataclasses import dataclass

FIXTURE = "_folders_listed_by_name"


@dataclass(frozen=True, slots=True)
class Form:
    """How one way to list is put in order: the ``module`` to import, and where the ``function`` stands in it."""

    module: str
    owner: str
    function: str
    taken: str
    lazy: bool

    def lines(self, indent: str = "    ") -> list[str]:
        """Return the fixture's lines."""
        ordered = f"sorted(listed({self.taken}))"
        ordered = f"iter({ordered})" if self.lazy else ordered
        return [
            "@pytest.fixture(autouse=True)",
            f"def {FIXTURE}(monkeypatch):",
            f'{indent}"""List folders in the order of their names, which the system leaves open."""',
            f"{indent}listed = {self.owner}.{self.function}",
            f'{indent}monkeypatch.setattr({self.owner}, "{self.function}", lambda {self.taken}: {ordered})',
        ]


FORMS = {
    "os.listdir": Form("os", "os", "listdir", "*args", lazy=False),
    "glob.glob": Form("glob", "glob", "glob", "*args, **kwargs", lazy=False),
    "glob.iglob": Form("glob", "glob", "iglob", "*args, **kwargs", lazy=True),
    "iterdir": Form("pathlib", "pathlib.Path", "iterdir", "self", lazy=True),
    "glob": Form("pathlib", "pathlib.Path", "glob", "self, pattern", lazy=True),
    "rglob": Form("pathlib", "pathlib.Path", "rglob", "self, pattern", lazy=True),
}


def _written(form: Form) -> str:
    return ast.dump(ast.parse("\n".join(form.lines())).body[0])


_KNOWN = frozenset(map(_written, FORMS.values()))


def orders_listing(node: ast.AST) -> bool:
    """Whether a function is that fixture, to the letter."""
    return ast.dump(node) in _KNOWN
