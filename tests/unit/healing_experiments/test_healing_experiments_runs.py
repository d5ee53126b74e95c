"""Flaky tests in whole runs: one whose cause is found is steadied; one whose cause is not is named."""

from pathlib import Path

from healing_experiments_projects import run
from support.machine import LocalMachine


def test_state_that_leaks_between_tests_is_given_back(machine: LocalMachine, tmp_path: Path) -> None:
    files = {
        "shop/__init__.py": "RATES = {'full': 19}\n\n\ndef rate(name):\n    return RATES[name]\n",
        "tests/test_rates.py": """\
            import shop


            def test_a_changed_rate():
                shop.RATES["full"] = 16
                assert shop.rate("full") == 16


            def test_the_full_rate():
                assert shop.rate("full") == 19
        """,
    }

    outcome = run(machine, tmp_path, files)

    (repair,) = outcome.accepted
    assert repair.strategy == "flaky_stabilization"
    assert repair.tests_fixed == ("tests/test_rates.py::test_the_full_rate",)
    assert "kept = dict(shop.RATES)" in repair.patch or "kept = copy.deepcopy(shop.RATES)" in repair.patch
    assert outcome.run.status == "healed"
    (failure,) = outcome.document["failures"]
    assert "test_a_changed_rate" in failure["cause"]
    assert "Run Experiments" in outcome.states


def test_a_test_that_fails_by_chance_is_named_and_fails_no_run(machine: LocalMachine, tmp_path: Path) -> None:
    # Not by a die, which may fall right: the first process that runs it fails, the later ones pass.
    mark = tmp_path / "mark"
    files = {
        "tests/test_chance.py": f"""\
            import os


            def test_by_chance():
                try:
                    os.close(os.open({str(mark)!r}, os.O_CREAT | os.O_EXCL))
                except FileExistsError:
                    return
                assert False, "the first one loses"
        """,
    }

    outcome = run(machine, tmp_path / "project", files)

    assert outcome.accepted == ()
    assert outcome.run.status == "passed"
    (flaky,) = outcome.document["flaky"]
    assert flaky["id"] == "tests/test_chance.py::test_by_chance"
    assert "could not be made to fail again" in flaky["why"]
    assert outcome.document["failures"] == []


def test_a_defect_that_only_another_order_shows_is_not_hidden(machine: LocalMachine, tmp_path: Path) -> None:
    # The product itself forgets: what leaks is in a closure, which no fixture can give back.
    files = {
        "shop/__init__.py": """\
            def _counter():
                count = 0

                def following():
                    nonlocal count
                    count += 1
                    return count

                return following


            following = _counter()
        """,
        "tests/test_numbers.py": """\
            import shop


            def test_numbers_rise():
                assert shop.following() < shop.following()


            def test_the_first_number():
                assert shop.following() == 1
        """,
    }

    outcome = run(machine, tmp_path, files)

    assert outcome.accepted == ()
    assert [case["id"] for case in outcome.document["flaky"]] == ["tests/test_numbers.py::test_the_first_number"]
    assert "depends on the order" in outcome.document["flaky"][0]["why"]
    assert outcome.run.status == "passed"


def listing(folder: str) -> dict[str, str]:
    """A project with a helper that lists a folder, in the tests or in the product."""
    return {
        **{f"data/{n}.txt": "" for n in range(12)},
        f"{folder}/__init__.py": "",
        f"{folder}/files.py": """\
            import os


            def listed(folder):
                return list(os.listdir(folder))
        """,
        "tests/test_listing.py": f"""\
            from {folder}.files import listed


            def test_listed():
                found = listed("data")
                assert found == sorted(found)


            def test_count():
                assert len(listed("data")) == 12
        """,
    }


def test_the_order_of_a_listing_is_found_out_and_fixed_in_a_test(machine: LocalMachine, tmp_path: Path) -> None:
    outcome = run(machine, tmp_path, listing("tests"))

    if outcome.run.status == "passed":  # this file system lists by name: nothing failed, so nothing is changed
        assert outcome.accepted == ()
        assert os_lists_by_name(tmp_path / "data")
        return
    (repair,) = outcome.accepted
    assert "+    return list(sorted(os.listdir(folder)))" in repair.patch
    assert outcome.run.status == "healed"


def test_the_order_in_which_the_product_lists_is_not_changed(machine: LocalMachine, tmp_path: Path) -> None:
    outcome = run(machine, tmp_path, listing("shop"))

    assert outcome.accepted == ()


def os_lists_by_name(folder: Path) -> bool:
    """Whether the file system lists a folder in the order of the names."""
    found = [path.name for path in folder.iterdir()]
    return found == sorted(found)


def test_a_file_that_is_left_is_removed_and_what_the_product_keeps_by_mistake_is_reported(
    machine: LocalMachine, tmp_path: Path
) -> None:
    # given tests that leave a file, and a product whose objects share a list that was meant for each of them
    files = {
        "shop/__init__.py": "",
        "shop/basket.py": """\
            class Basket:
                items = []

                def add(self, item):
                    self.items.append(item)


            def export(path, basket):
                with open(path, "x") as stream:
                    stream.write("rows")
        """,
        "tests/test_basket.py": """\
            from shop.basket import Basket


            def test_a_mug():
                basket = Basket()
                basket.add("mug")
                assert basket.items == ["mug"]


            def test_a_cup():
                basket = Basket()
                basket.add("cup")
                assert basket.items == ["cup"]
        """,
        "tests/test_export.py": """\
            from shop.basket import Basket, export


            def test_a_new_file():
                assert export("rows.txt", Basket()) is None


            def test_its_text():
                export("rows.txt", Basket())
                assert open("rows.txt").read() == "rows"
        """,
    }

    outcome = run(machine, tmp_path, files)

    # then the file is removed after each test, the basket's tests are left as they are, and the list is named
    (repair,) = outcome.accepted
    assert repair.files == ("tests/test_export.py",)
    assert 'kept = os.path.exists("rows.txt")' in repair.patch
    (kept,) = [f for f in outcome.failures if "test_basket.py" in f.tests[0]]
    assert "Basket.items" in kept.cause
    assert kept.regression
    assert "no test changes that itself" in kept.cause
    assert "test_basket.py" in str(outcome.document["flaky"])
