"""Two files of tests run in processes of their own, and one lives on what the other imports."""

from collections.abc import Callable, Mapping
from pathlib import Path

from maestro.model import Strategy
from support.machine import LocalMachine

Write = Callable[[Mapping[str, str]], Path]
START = "import os\nimport sys\n\nsys.path.insert(0, os.path.dirname(os.path.dirname(__file__)))\n"
PROJECT = {
    "maestro.yaml": """\
project: sample
environment:
  python: "3.11"
  install: [pytest]
suites:
  unit:
    paths: [tests/test_cart.py]
  engine:
    paths: [tests/test_engine.py]
""",
    "shop/__init__.py": "from shop.cart import total\n",
    "shop/cart.py": "def total(prices):\n    from shop._engine import add\n\n    return add(prices)\n",
    "shop/_engine.py": "def add(prices):\n    return sum(prices)\n",
    "tests/test_cart.py": f"""\
{START}import shop


def test_total(monkeypatch):
    monkeypatch.setattr(shop._engine, "add", len)
    assert shop.total([2, 3]) == 2


def test_sum():
    assert shop.total([2, 3]) == 5
""",
    "tests/test_engine.py": f"{START}import shop._engine\n\n\ndef test_add():\n    assert shop._engine.add([1]) == 1\n",
}


def test_the_file_that_uses_a_submodule_imports_it(machine: LocalMachine, write: Write) -> None:
    outcome = machine.run(write(PROJECT))

    (repair,) = outcome.accepted
    assert outcome.run.status == "healed"
    assert (repair.strategy, repair.generator) == (Strategy.FLAKY_STABILIZATION, "imported_submodule")
    assert [line for line in outcome.patch.splitlines() if line.startswith("+")][1:] == ["+import shop._engine"]
