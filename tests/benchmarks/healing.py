"""How long healing takes, and what the time is made of.

The whole bundle in one process (``support.machine``): both state machines, the real steps, real sandboxes, two at once;
only what lies between the parts (Step Functions, Lambda, S3) is a call. "waiting" is what is left: the copy of the
source, the patch, and other candidates that ended later. Printed are:

- a group of 100 failing tests with one cause: it must cost one diagnosis and one repair, else the exit code is 1;
- for projects that each fail for one cause, the time from the failure (the end of ``Aggregate Results``) to the proven
  repair (the end of the ``Judge`` that healed), with warm environments: each is healed once before, and that time is
  shown as "first" (its environments may be there from earlier runs; ``build/bench`` holds them). The
  floor is plain ``pytest`` of the same suite in the same environment, in the same run.

    python tests/benchmarks/healing.py [--only TEXT] [--json FILE]
"""

import argparse
import json
import logging
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from maestro.config import load_config
from maestro.model import Trial, TrialStatus, load_json
from maestro.registry import EnvironmentBuilder
from support.asl import Call
from support.machine import LocalMachine, LocalRun, RunOutcome

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "build" / "bench"
BUDGET = 15.0  # seconds, median, from the failure to the proven repair
STAGES = ("diagnose", "experiments", "environment", "target", "suite", "repeats", "mutants", "judge", "waiting")

CONFIGURATION = """\
project: sample
environment:
  python: "3.11"
  install: [pytest>=8]
  pythonpath: ["."]
suites:
  unit:
    paths: [tests]
"""
SHOP = "def total(prices, discount=0):\n    subtotal = sum(prices)\n    return subtotal - subtotal * discount / 100\n"


def tests_of(name: str, number: int, body: str) -> str:
    """Return a test module with a parametrized test."""
    return (
        f"import pytest\n{name}\n\n\n@pytest.mark.parametrize('number', range({number}))\n"
        f"def test_it(number):\n    {body}\n"
    )


def hundred() -> dict[str, str]:
    """One helper that calls what Python removed, and a hundred tests in four files that use it."""
    helper = "import collections\n\n\ndef is_basket(thing):\n    return isinstance(thing, collections.Mapping)\n"
    text = tests_of("from shop_support import is_basket", 25, "assert is_basket({'apples': number})")
    return {"tests/shop_support.py": helper, **{f"tests/test_{part}.py": text for part in ("a", "b", "c", "d")}}


OWN: Mapping[str, Mapping[str, str]] = {
    "a module is not installed": {
        "shop.py": SHOP,
        "tests/test_shop.py": tests_of(
            "import six\nfrom shop import total", 5, "assert total([number, six.MAXSIZE]) == number + six.MAXSIZE"
        ),
    },
    "a distribution that Python has taken over": {
        "shop.py": SHOP + "\n\ndef priced(read):\n    return total([read(), read()])\n",
        "tests/test_shop.py": tests_of(
            "from mock import Mock\nfrom shop import priced",
            5,
            "assert priced(Mock(return_value=number)) == 2 * number",
        ),
    },
    "a fixture of a plugin that is not installed": {
        "shop.py": SHOP,
        "tests/test_shop.py": (
            "import shop\n\n\ndef test_total(mocker):\n"
            "    mocker.patch.object(shop, 'sum', lambda prices: 7, create=True)\n    assert shop.total([1]) == 7\n"
        ),
    },
    "a helper of Python 2": {
        "shop.py": SHOP,
        "tests/support.py": "def shown(value):\n    print 'total', value\n    return value\n",
        "tests/test_shop.py": tests_of(
            "from shop import total\nfrom support import shown", 5, "assert shown(total([number, 1])) == number + 1"
        ),
    },
    "a colon is missing": {
        "shop.py": SHOP,
        "tests/support.py": "def prices(number)\n    return [number, 1]\n",
        "tests/test_shop.py": tests_of(
            "from shop import total\nfrom support import prices", 5, "assert total(prices(number)) == number + 1"
        ),
    },
}


@dataclass(slots=True)
class Healing:
    """One measured healing: seconds in all, and by stage; ``counts`` how often each state was entered."""

    name: str
    strategy: str = ""
    seconds: float = 0.0
    first: float = 0.0
    floor: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)
    tried: str = ""
    healed: int = 0
    counts: dict[str, int] = field(default_factory=dict)


def say(text: str) -> None:
    """Write a line."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", help="only what has this text in its name")
    parser.add_argument("--json", type=Path, help="write the figures")
    options = parser.parse_args(arguments)
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as scratch, LocalMachine(CACHE) as machine:
        projects = {name: path for name, path in laid_out(Path(scratch)).items() if options.only in name}
        done = [measured(machine, name, path) for name, path in projects.items()]
    table(done)
    many = next((h for h in done if h.name.startswith("100 tests")), None)
    once = many is None or said_once(many)
    unhealed = [h.name for h in done if not h.healed]
    if unhealed:
        say(f"not healed: {', '.join(unhealed)}")
    if options.json:
        options.json.write_text(json.dumps([asdict(h) for h in done], indent=1))
    return 0 if once and not unhealed else 1


def laid_out(scratch: Path) -> dict[str, Path]:
    """Lay out the projects: one for each cause."""
    found: dict[str, Path] = {}
    for number, (name, files) in enumerate({"100 tests, one cause": hundred(), **OWN}.items()):
        root = scratch / str(number)
        for file, text in {"maestro.yaml": CONFIGURATION, **files}.items():
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            (root / file).write_text(text)
        found[name] = root
    for folder in sorted((ROOT / "examples" / "gallery").iterdir()):
        if folder.is_dir():
            shutil.copytree(folder, scratch / folder.name)
            found[f"gallery: {folder.name}"] = scratch / folder.name
    return found


def measured(machine: LocalMachine, name: str, path: Path) -> Healing:
    """Heal a project twice, the first time to have its environments built, and time the second."""
    first, _ = healed(machine, name, path)
    result, outcome = healed(machine, name, path)
    result.first = first.seconds
    result.floor = plain(path, outcome)
    say(f"  {name}: {result.seconds:.1f} s")
    return result


def healed(machine: LocalMachine, name: str, path: Path) -> tuple[Healing, RunOutcome]:
    """Heal a project, and take apart the time of its one failure."""
    begun: dict[int, float] = {}
    calls: list[tuple[str, float, float]] = []

    def before(call: Call, _run: LocalRun) -> None:
        begun[call.number] = time.monotonic()

    def after(call: Call, _run: LocalRun) -> None:
        calls.append((call.state, begun[call.number], time.monotonic()))

    outcome = machine.run(path, before=before, after=after)
    result = Healing(name, counts=dict(Counter(state for state, _, _ in calls)))
    if not outcome.accepted:
        return result, outcome
    repair = outcome.accepted[0]
    start = next(end for state, _, end in calls if state == "Aggregate Results")
    end = next(end for state, _, end in reversed(calls) if state == "Judge")
    result.strategy, result.healed = repair.strategy, len(repair.tests_fixed)
    result.seconds = end - start
    tried = trials(outcome)
    proven = max(
        (t for t in tried if t.repeats), key=lambda t: (t.candidate in marked(outcome), t.seconds), default=None
    )
    spent = dict(proven.spent) if proven is not None else {}
    for stage, states in (("diagnose", {"Diagnose"}), ("experiments", {"Run Experiment"}), ("judge", {"Judge"})):
        spent[stage] = union([(b, e) for state, b, e in calls if state in states])
    spent["waiting"] = result.seconds - sum(spent.values())
    result.stages = {stage: round(spent.get(stage, 0.0), 3) for stage in STAGES}
    stopped = sum(t.status is TrialStatus.CANCELLED for t in tried)
    result.tried = f"{len(tried)}, {stopped} stopped"
    return result, outcome


def trials(outcome: RunOutcome) -> list[Trial]:
    """Return the trials of a run."""
    blobs = outcome.context.blobs
    keys = [k for k in blobs.list(f"local/runs/{outcome.run.id}/") if "/trial-" in k and not k.endswith(".order.json")]
    return [load_json(Trial, blobs.get(key)) for key in keys]


def marked(outcome: RunOutcome) -> set[str]:
    """Return the ids of the candidates that left the mark of their round."""
    blobs = outcome.context.blobs
    keys = [k for k in blobs.list(f"local/runs/{outcome.run.id}/") if k.endswith("/proven.json")]
    return {json.loads(blobs.get(key))["candidate"]["id"] for key in keys}


def union(spans: Sequence[tuple[float, float]]) -> float:
    """Return how long at least one of some spans lasted.

    >>> union([(0.0, 2.0), (1.0, 3.0), (5.0, 6.0)])
    4.0
    """
    total, reached = 0.0, float("-inf")
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return total


def plain(path: Path, outcome: RunOutcome) -> float:
    """Run the project's suite with plain pytest in the environment that the run had; return the seconds."""
    config = load_config(path)
    settings = outcome.context.settings
    builder = EnvironmentBuilder(settings.cache, settings.network, settings.path)
    environment = builder.ensure(config.suites[0].environment, path)
    started = time.monotonic()
    subprocess.run(
        [str(environment.python), "-m", "pytest", "-q", *config.suites[0].paths], cwd=path, capture_output=True,
        check=False, env={"PYTHONPATH": str(path), "PYTHONDONTWRITEBYTECODE": "1"}, timeout=120,
    )  # fmt: skip
    return time.monotonic() - started


def table(done: Sequence[Healing]) -> None:
    """Print the composition of each healing, and the median."""
    width = max((len(h.name) for h in done), default=10)
    say("from the failure to the proven repair, seconds; the floor is plain pytest of the suite")
    head = [*STAGES, "total", "first", "floor"]
    say(f"{'':{width}}  " + " ".join(f"{name:>11}" for name in head) + "  candidates")
    for h in done:
        cells = [*(h.stages.get(stage, 0.0) for stage in STAGES), h.seconds, h.first, h.floor]
        say(f"{h.name:{width}}  " + " ".join(f"{cell:11.2f}" for cell in cells) + f"  {h.tried}")
    found = [h for h in done if h.healed]
    if found:
        median = statistics.median(h.seconds for h in found)
        floor = statistics.median(h.floor for h in found)
        say(
            f"median of {len(found)} causes: {median:.1f} s from the failure to the proven repair "
            f"(budget {BUDGET:.0f} s: {'met' if median <= BUDGET else 'missed'}), {median / floor:.1f} x the floor "
            f"of {floor:.2f} s; the first healing of each: "
            f"{statistics.median(h.first for h in found):.1f} s"
        )


def said_once(many: Healing) -> bool:
    """Print what the group of a hundred cost; whether it was one diagnosis and one repair."""
    groups, diagnoses = many.counts.get("Heal Failure", 0), many.counts.get("Diagnose", 0)
    say(
        f"100 failing tests with one cause: {groups} group, {diagnoses} diagnosis, "
        f"1 repair for {many.healed} tests, {many.seconds:.1f} s"
    )
    return (groups, diagnoses, many.healed) == (1, 1, 100)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
