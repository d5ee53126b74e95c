"""Experiments in real processes: orders are kept, changed state is seen, load ends."""

import os
import time
from pathlib import Path

import pytest
from healing_experiments_projects import MakeLaboratory
from maestro.healing.experiments import Experiment
from maestro.orchestration.experimenting import busy, ordered

SHARED = {
    "shop/__init__.py": "",
    "shop/cart.py": """\
        CACHE = {}
        class Cart:
            made = []
            def __init__(self, name):
                CACHE[name] = self
                self.made.append(name)
    """,
    "tests/test_cart.py": """\
        import logging
        import os
        from shop.cart import CACHE, Cart

        ROWS = [{"price": 1}]
        LIMIT = 10

        def test_first():
            Cart("first")
            ROWS[0]["price"] = 2
            os.environ["SHOP"] = "open"
            logging.getLogger("shop").setLevel(logging.ERROR)

        def test_second():
            assert not CACHE

        def test_rebinds():
            global LIMIT
            LIMIT = 11
    """,
}
FIRST, SECOND, REBINDS = (f"tests/test_cart.py::test_{n}" for n in ("first", "second", "rebinds"))


def test_the_stated_order_is_the_order_of_the_run(laboratory: MakeLaboratory) -> None:
    place = laboratory(SHARED)

    after = place.observe(Experiment("after", (FIRST, SECOND), repeat=2, watch=(SECOND,)))
    before = place.observe(Experiment("before", (SECOND, FIRST)))
    mirrored = place.observe(Experiment("mirrored", (FIRST, SECOND), "reversed"))
    alone = place.observe(Experiment("alone", (FIRST, SECOND), "alone"))

    assert after.ran == (FIRST, SECOND)
    assert after.outcomes == {SECOND: ("failed", "failed")}
    assert before.ran == (SECOND, FIRST)
    assert [o.outcomes[SECOND] for o in (before, mirrored, alone)] == [("passed",)] * 3


def test_what_a_test_leaves_changed_is_seen(laboratory: MakeLaboratory) -> None:
    seen = laboratory(SHARED).observe(Experiment("all", (FIRST, SECOND, REBINDS), record=True)).changed

    first = {(c["module"], c["path"]): c for c in seen[FIRST]}
    cache = next(c for (_, path), c in first.items() if path == "CACHE")
    rows = next(c for (_, path), c in first.items() if path == "ROWS")
    assert (cache["how"], cache["type"], cache["deep"], cache["plain"]) == ("inside", "dict", False, False)
    assert (rows["how"], rows["type"], rows["deep"], rows["plain"]) == ("inside", "list", True, True)
    assert first["shop.cart", "Cart.made"]["how"] == "inside"
    assert first["os.environ", "SHOP"]["how"] == "inside"
    assert first["logging", "shop"]["type"] == "level"
    assert SECOND not in seen
    assert [(c["path"], c["how"]) for c in seen[REBINDS]] == [("LIMIT", "rebound")]


def test_a_test_that_is_not_there_is_absent_and_no_pass(laboratory: MakeLaboratory) -> None:
    gone = "tests/test_cart.py::test_gone"
    seen = laboratory(SHARED).observe(Experiment("gone", (gone,), watch=(gone,)))
    assert seen.outcomes[gone] != ("passed",)


def test_without_time_nothing_is_claimed(laboratory: MakeLaboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    place = laboratory(SHARED)
    later = time.monotonic() + 3600
    monkeypatch.setattr(time, "monotonic", lambda: later)

    seen = place.observe(Experiment("late", (FIRST,)))

    assert seen.outcomes == {FIRST: ()}
    assert seen.problem


def test_load_is_real_and_ends() -> None:
    def children() -> list[str]:
        task = Path(f"/proc/self/task/{os.getpid()}/children")
        return task.read_text().split() if task.exists() else []

    before = set(children())
    with busy(1, 5.0):
        started = set(children()) - before
        assert len(started) == 1
        stat = Path(f"/proc/{next(iter(started))}/stat")
        deadline = time.monotonic() + 5
        while int(stat.read_text().rsplit(")", 1)[1].split()[11]) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert int(stat.read_text().rsplit(")", 1)[1].split()[11]) >= 3  # it used the processor
    assert set(children()) == before


def test_a_seed_mixes_the_same_way_every_time() -> None:
    tests = tuple(f"t.py::{n}" for n in range(30))
    mixed = ordered(Experiment("mixed", tests, "shuffled", seed=5))
    assert mixed is not None
    assert mixed == ordered(Experiment("again", tests, "shuffled", seed=5))
    assert sorted(mixed) == sorted(tests) != list(mixed)


def test_folders_are_listed_in_the_order_that_is_asked_for(laboratory: MakeLaboratory) -> None:
    test = "tests/test_listing.py::test_listing"
    place = laboratory(
        {
            "data/b": "", "data/a": "", "data/c": "",
            "tests/test_listing.py": """\
                import glob
                import os
                import pathlib

                def test_listing():
                    with os.scandir("data") as found:
                        scanned = [entry.name for entry in found]
                    assert os.listdir("data") == scanned == ["a", "b", "c"]
                    assert [p.name for p in pathlib.Path("data").iterdir()] == ["a", "b", "c"]
                    assert sorted(glob.glob("data/*")) == ["data/a", "data/b", "data/c"]
            """,
        }
    )  # fmt: skip

    told = [place.observe(Experiment(way, (test,), "alone", listing=way)) for way in ("sorted", "reversed")]

    assert [o.outcomes[test] for o in told] == [("passed",), ("failed",)]


WIDER = {
    "shop/__init__.py": "",
    "shop/stock.py": """\
        import functools
        import time

        class Shelf:
            def __init__(self):
                self.boxes, self.opened = [], 0
                self.door = Door()

            def now(self):
                return time.time()

        class Door:
            def __init__(self):
                self.marks = {}

        @functools.lru_cache(maxsize=None)
        def price(name):
            return len(name)

        def load():
            return 1

        shelf = Shelf()
    """,
    "tests/test_stock.py": """\
        import sys
        import time
        from shop import stock
        from shop.stock import shelf, price

        def test_objects():
            shelf.boxes.append(1)
            shelf.opened += 1
            shelf.door.marks["x"] = 1

        def test_replaced():
            stock.load = lambda: 2
            stock.Shelf.now = lambda self: 0
            time.time = lambda: 0.0

        def test_cached():
            price("mug")

        def test_process():
            sys.argv = ["shop"]
            open("left.txt", "w").close()

        def test_nothing():
            shelf.boxes.append(2)
            shelf.boxes.pop()
            assert price("mug") == 3
    """,
}


def test_objects_functions_caches_and_files_are_watched(laboratory: MakeLaboratory) -> None:
    # given tests that change what an object holds, replace functions, fill a cache and leave a file
    ids = {
        name: f"tests/test_stock.py::test_{name}" for name in ("objects", "replaced", "cached", "process", "nothing")
    }

    seen = laboratory(WIDER).observe(Experiment("all", tuple(ids.values()), record=True)).changed

    # then each is told where it is held, with the class of the object that holds it
    told = {name: {(c["module"], c["path"]): c for c in seen.get(test, ())} for name, test in ids.items()}
    assert {path: c["how"] for (_, path), c in told["objects"].items()} == {
        "shelf.boxes": "inside",
        "shelf.opened": "rebound",
        "shelf.door.marks": "inside",
    }
    boxes = told["objects"]["shop.stock", "shelf.boxes"]
    assert boxes["holder"] == "shop.stock.Shelf"
    assert ["tests.test_stock", "shelf.boxes"] in boxes["also"] or ["test_stock", "shelf.boxes"] in boxes["also"]
    assert {key for key, c in told["replaced"].items() if c["how"] == "rebound"} == {
        ("shop.stock", "load"),
        ("shop.stock", "Shelf.now"),
        ("time", "time"),
    }
    assert [c["how"] for c in told["cached"].values()] == ["cached"]
    assert told["process"]["files", "left.txt"]["how"] == "added"
    assert told["process"]["sys", "argv"]["how"] == "rebound"
    assert told["nothing"] == {}
