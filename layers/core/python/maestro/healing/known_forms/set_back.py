"""Fixtures that do nothing but let the clock begin at a stated day, told by their exact form.

Tests ask for one by a mark. It cannot change what a test says of anything but of the day.
"""

import ast
import re
from datetime import UTC, datetime

FIXTURE = "clock_set_back"
_DAY = r"20\d\d-\d\d-\d\d"
_BODIES = {
    "freezegun": ("", 'with freezegun.freeze_time("{day}", tick=True):', "    yield"),
    "time_machine": ("", 'with time_machine.travel("{day}"):', "    yield"),
    "monkeypatch": ("monkeypatch", 'monkeypatch.setattr("time.time", lambda: {seconds})'),
}


def lines(way: str, day: str, stated: str) -> list[str]:
    """Return the fixture's lines: by ``way`` ("freezegun", "time_machine", "monkeypatch"), to a ``day`` (ISO).

    ``stated`` is the day that has passed since.
    """
    taken, *body = _BODIES[way]
    seconds = datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()
    return [
        "@pytest.fixture",
        f"def {FIXTURE}({taken}):",
        f'    """Let the clock be at {day}: the tests state {stated} as a day to come."""',
        *(f"    {line}".replace("{day}", day).replace("{seconds}", str(seconds)) for line in body),
    ]


def sets_back(node: ast.AST) -> bool:
    """Whether a function is such a fixture, to the letter."""
    if not isinstance(node, ast.FunctionDef) or node.name != FIXTURE:
        return False
    days = re.findall(_DAY, ast.get_docstring(node) or "")
    if len(days) != 2 or not all(map(_valid, days)):  # noqa: PLR2004 - the two that its form has
        return False
    return any(ast.dump(node) == ast.dump(ast.parse("\n".join(lines(way, *days))).body[0]) for way in _BODIES)


def _valid(day: str) -> bool:
    try:
        datetime.fromisoformat(day)
    except ValueError:
        return False
    return True
