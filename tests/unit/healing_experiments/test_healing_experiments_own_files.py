"""Files in shared folders: what is left there is found out; tests get their own, but what a product leaves is told."""

import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from healing_experiments_projects import MakeLaboratory, run
from maestro.healing.experiments import Experiment
from maestro.orchestration.aside import moved_aside
from support.machine import LocalMachine

PRODUCT = """\
    def count(path):
        with open(path) as stream:
            return len(stream.read().split())
"""


@pytest.fixture(autouse=True)
def _alone(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what other tests of this machine try meanwhile out of it: the locks lie in the temporary folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("own")))


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[str]:
    """A name in the machine's own folder for temporary files, which is free, and free again afterwards."""
    name = f"maestro-test-{tmp_path.name}-{id(tmp_path)}"
    yield name
    path = Path("/tmp", name)
    for inner in path.iterdir() if path.is_dir() else ():
        inner.unlink()
    if path.is_dir():
        path.rmdir()
    path.unlink(missing_ok=True)


def test_what_is_moved_aside_comes_back_and_what_was_made_there_goes(tmp_path: Path) -> None:
    kept, folder, missing = tmp_path / "kept", tmp_path / "folder", tmp_path / "missing"
    kept.write_text("mine")
    folder.mkdir()
    (folder / "inner").write_text("mine too")

    def use() -> None:
        with moved_aside([str(kept), str(folder), str(missing)], time.monotonic() + 20):
            assert not kept.exists()
            assert not folder.exists()
            kept.write_text("other")
            folder.mkdir()
            (folder / "other").write_text("")
            raise KeyError

    with pytest.raises(KeyError):
        use()

    assert kept.read_text() == "mine"
    assert [path.name for path in folder.iterdir()] == ["inner"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "kept"]


def test_nothing_is_moved_while_others_try_something(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("mine")

    with moved_aside((), time.monotonic() + 20), moved_aside([str(kept)], time.monotonic() + 0.2):
        assert kept.read_text() == "mine"
    with moved_aside([str(kept)], time.monotonic() + 20):
        assert not kept.exists()
    assert kept.read_text() == "mine"


def test_who_wants_to_move_something_is_not_kept_waiting_by_those_who_come_later(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("mine")
    over = threading.Event()

    def others() -> None:  # three that take turns, so that one of them is always there
        while not over.is_set():
            with moved_aside((), time.monotonic() + 20):
                time.sleep(0.1)

    threads = [threading.Thread(target=others) for _ in range(3)]
    for number, thread in enumerate(threads):
        thread.start()
        time.sleep(0.03 * number)
    with moved_aside([str(kept)], time.monotonic() + 20):
        gone = not kept.exists()
    over.set()
    for thread in threads:
        thread.join(20)

    assert gone


def test_a_test_runs_as_if_nothing_was_left(laboratory: MakeLaboratory, tmp_path: Path) -> None:
    left, test = tmp_path / "left", "tests/test_left.py::test_left"
    left.write_text("mine")
    place = laboratory(
        {"tests/test_left.py": f"import os\n\ndef test_left():\n    assert not os.path.exists({str(left)!r})\n"}
    )

    told = [place.observe(Experiment("one", (test,), "alone", away=away)) for away in ((str(left),), ())]

    assert [o.outcomes[test] for o in told] == [("passed",), ("failed",)]
    assert left.read_text() == "mine"


COUNTED = """\
    import os
    import pathlib
    import tempfile

    import pytest

    from shop.words import count

    {head}

    def test_two():
        path = {place}
        with open(path, "{mode}") as stream:
            stream.write("two words ")
        assert count(path) == 2


    def test_three():
        path = {place}
        with open(path, "{mode}") as stream:
            stream.write("these three words ")
        assert count(path) == 3
"""


@pytest.mark.parametrize(
    ("head", "place", "wanted"),
    [
        (
            "",
            'os.path.join(tempfile.gettempdir(), "words.txt")',
            ["+def test_three(tmp_path):", '+    path = str(tmp_path / "words.txt")'],
        ),
        (
            'WORDS = tempfile.gettempdir() + "/words.txt"\n',
            "WORDS",
            ["+def _own_files(tmp_path):", "+    global WORDS", '+    WORDS = str(tmp_path / "words.txt")'],
        ),
    ],
    ids=["in-the-test", "for-all-tests"],
)
def test_tests_that_upset_each_other_by_a_file_have_it_to_themselves(
    machine: LocalMachine, tmp_path: Path, head: str, place: str, wanted: list[str]
) -> None:
    files = {"shop/words.py": PRODUCT, "tests/test_words.py": COUNTED.format(head=head, place=place, mode="a")}

    outcome = run(machine, tmp_path, files)

    (repair,) = outcome.accepted
    assert repair.generator == "own_files"
    assert set(wanted) <= set(repair.patch.splitlines())
    assert repair.tier in ("pull_request", "report")
    assert "depends on the order" in outcome.failures[0].cause


@pytest.mark.parametrize("outside", ["/tmp/{}", "/tmp/{}/words.txt"])
def test_what_an_earlier_run_left_is_found_out_and_each_test_has_its_own(
    machine: LocalMachine, tmp_path: Path, shared: str, outside: str
) -> None:
    # given a file that each test makes in one and the same place, and that was never removed
    place = outside.format(shared)
    made = f'os.makedirs("/tmp/{shared}", exist_ok=True)\n        ' if place.endswith(".txt") else ""
    text = COUNTED.format(head="", place=f'"{place}"', mode="a").replace("path = ", f"{made}path = ")
    if made:
        Path("/tmp", shared).mkdir()
    Path(place).write_text("some words that nobody knows ")

    outcome = run(machine, tmp_path, {"shop/words.py": PRODUCT, "tests/test_words.py": text})

    assert {test for repair in outcome.accepted for test in repair.tests_fixed} == {
        "tests/test_words.py::test_two", "tests/test_words.py::test_three"
    }  # fmt: skip
    assert {repair.generator for repair in outcome.accepted} == {"own_files"}
    assert all("passes where they are moved aside" in failure.cause for failure in outcome.failures)
    assert Path(place).read_text().startswith("some words that nobody knows ")


def test_a_test_that_passed_where_nothing_lay_yet_is_moved_with_the_one_that_met_what_it_left(
    machine: LocalMachine, tmp_path: Path, shared: str
) -> None:
    # given a first run: only the second test fails, and the first one would where it is run again
    text = COUNTED.format(head="", place=f'"/tmp/{shared}"', mode="a")

    outcome = run(machine, tmp_path, {"shop/words.py": PRODUCT, "tests/test_words.py": text})

    (repair,) = outcome.accepted
    assert repair.tests_fixed == ("tests/test_words.py::test_three",)
    assert {"+def test_two(tmp_path):", "+def test_three(tmp_path):"} <= set(repair.patch.splitlines())
    assert repair.tier in ("pull_request", "report")
    assert outcome.document["totals_after"]["passed"] == 2


def test_a_folder_that_a_test_case_makes_and_an_earlier_run_left(
    machine: LocalMachine, tmp_path: Path, shared: str
) -> None:
    # given a test that a breaking off between its lines makes fail for ever
    text = f"""\
        import os
        import shutil
        import unittest

        from shop.words import count

        FOLDER = "/tmp/{shared}"


        class WordsTest(unittest.TestCase):
            def test_words(self):
                os.mkdir(FOLDER)
                path = os.path.join(FOLDER, "words.txt")
                with open(path, "w") as stream:
                    stream.write("two words")
                self.assertEqual(count(path), 2)
                shutil.rmtree(FOLDER)
    """
    Path("/tmp", shared).mkdir()

    outcome = run(machine, tmp_path, {"shop/words.py": PRODUCT, "tests/test_words.py": text})

    (repair,) = outcome.accepted
    assert repair.generator == "own_files"
    assert f'+    FOLDER = str(tmp_path / "{shared}")' in repair.patch
    assert Path("/tmp", shared).is_dir()


@pytest.mark.parametrize(
    ("product", "tests"),
    [
        # it appends where it is to begin anew
        (
            "def keep(path, words):\n    with open(path, 'a') as stream:\n        stream.write(words)\n",
            """\
            def test_one():
                keep({place}, "a")
                assert open({place}).read() == "a"


            def test_two():
                keep({place}, "b")
                assert open({place}).read() == "b"
            """,
        ),
        # it does not remove what it is to remove
        (
            "def discard(path):\n    pass\n",
            """\
            def test_one():
                with open({place}, "x") as stream:
                    stream.write("a")
                discard({place})


            def test_two():
                with open({place}, "x") as stream:
                    stream.write("b")
                discard({place})
            """,
        ),
        # it remembers what a path held
        (
            """\
            KNOWN = {}

            def told(path):
                if path not in KNOWN:
                    KNOWN[path] = open(path).read()
                return KNOWN[path]
            """,
            """\
            def test_one():
                with open({place}, "w") as stream:
                    stream.write("a")
                assert told({place}) == "a"


            def test_two():
                with open({place}, "w") as stream:
                    stream.write("b")
                assert told({place}) == "b"
            """,
        ),
    ],
    ids=["appends", "leaves", "remembers"],
)
def test_what_the_product_does_wrong_with_a_file_that_is_there_is_not_hidden(
    machine: LocalMachine, tmp_path: Path, product: str, tests: str
) -> None:
    place = 'os.path.join(tempfile.gettempdir(), "words.txt")'
    head = "import os\nimport tempfile\n\nfrom shop.words import *\n\n\n"
    text = head + textwrap.dedent(tests).replace("{place}", place)

    outcome = run(machine, tmp_path, {"shop/words.py": product, "tests/test_words.py": text})

    assert [repair for repair in outcome.accepted if repair.generator == "own_files"] == []
    assert not any("tmp_path" in repair.patch for repair in outcome.accepted)
