"""Seeds and clocks in experiments and whole runs: what they decide is steadied, a product's defect never."""

import socket
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest
from healing_experiments_projects import MakeLaboratory, run
from maestro.healing.experiments import Experiment
from support.machine import LocalMachine


def test_each_repetition_has_the_next_seed_and_a_seed_gives_the_same_again(laboratory: MakeLaboratory) -> None:
    test = "tests/test_draw.py::test_draw"
    place = laboratory({"tests/test_draw.py": "import random\n\ndef test_draw():\n    assert random.random() < 0.5\n"})

    told = [place.observe(Experiment(name, (test,), "alone", repeat=6, draws=1)) for name in ("one", "two")]

    # What Python documents to be the same in every version: the draws of a seed.
    assert told[0].outcomes[test] == ("passed", "failed", "passed", "passed", "failed", "failed")
    assert told[0].outcomes == told[1].outcomes


def test_the_clock_begins_where_it_is_told_to(laboratory: MakeLaboratory) -> None:
    test = "tests/test_clock.py::test_clock"
    files = {
        "tests/test_clock.py": """\
            import datetime
            import time
            from datetime import date, datetime as moment
            from time import time as seconds

            def test_clock():
                assert moment.now().year == moment.today().year == date.today().year == 2019
                assert datetime.datetime.now(datetime.timezone.utc).date() == date(2019, 12, 30)
                assert time.gmtime()[:3] == time.localtime()[:3] == (2019, 12, 30)
                assert time.strftime("%Y") == "2019"
                assert 0 <= seconds() - 1577664000 < 60 and 0 <= time.time_ns() / 1e9 - 1577664000 < 60
                assert isinstance(moment.now(), datetime.datetime)
        """,
    }
    place = laboratory(files)

    there = place.observe(Experiment("there", (test,), "alone", clock=1577664000.0))
    here = place.observe(Experiment("here", (test,), "alone"))

    assert (there.outcomes[test], here.outcomes[test]) == (("passed",), ("failed",))


def dice(roll: str, claim: str, unlucky: int = 9) -> dict[str, str]:
    """A product that draws, and a test whose first run meets the one seed of twelve that fails ``claim``."""
    return {
        "shop/__init__.py": "",
        "shop/dice.py": roll,
        "tests/test_dice.py": f"""\
            import os
            import random

            from shop.dice import roll


            def first_run_of_all():
                try:
                    os.close(os.open(os.path.join("{{mark}}"), os.O_CREAT | os.O_EXCL))
                except FileExistsError:
                    return False
                return True


            def test_mean():
                if first_run_of_all():
                    random.seed({unlucky})
                rolls = [roll() for _ in range(430)]
                {claim}
        """,
    }


ROLL = "import random\n\n\ndef roll():\n    return random.randint(1, 6)\n"


def marked(files: Mapping[str, str], mark: Path) -> dict[str, str]:
    return {name: text.replace("{mark}", str(mark)) for name, text in files.items()}


def test_a_claim_of_a_sample_is_seeded_and_a_person_decides(machine: LocalMachine, tmp_path: Path) -> None:
    files = marked(dice(ROLL, "assert abs(sum(rolls) / 430 - 3.5) < 0.21"), tmp_path / "mark")

    outcome = run(machine, tmp_path / "project", files)

    (repair,) = outcome.accepted
    assert "+    random.seed(1)" in repair.patch
    assert repair.generator == "seeded_draws"
    assert repair.tier in ("pull_request", "report")
    assert "its random numbers decide: it fails for 1 of 12 seeds" in outcome.failures[0].cause
    assert "may be bad luck, or a defect of the product" in repair.summary


def test_what_must_hold_for_each_draw_is_not_seeded(machine: LocalMachine, tmp_path: Path) -> None:
    # given a product that is wrong for some draws, which one seed of the twelve meets
    roll = "import random\n\n\ndef roll():\n    return 0 if random.random() < 0.0003 else 1\n"
    files = marked(dice(roll, "assert min(rolls) == 1", unlucky=7), tmp_path / "mark")

    outcome = run(machine, tmp_path / "project", files)

    assert outcome.accepted == ()
    assert outcome.document["flaky"] or outcome.failures  # the second where it also failed when it ran again


TOKENS = """\
    import time


    def valid(expires):
        return time.time() < expires
"""
CHANGES = "1.0 (2017-05-01)\n\n- first release\n"
TOKEN_TEST = """\
    from shop.tokens import valid


    def test_a_token_is_valid():
        assert valid(1577836800)


    def test_an_old_one_is_not():
        assert not valid(1000)
"""


def test_a_date_of_the_test_that_has_passed_is_set_before(machine: LocalMachine, tmp_path: Path) -> None:
    files = {
        "CHANGES.txt": CHANGES,
        "shop/__init__.py": "",
        "shop/tokens.py": TOKENS,
        "tests/test_tokens.py": TOKEN_TEST,
    }

    outcome = run(machine, tmp_path, files)

    assert outcome.run.status == "healed", [(f.cause, f.diagnosis) for f in outcome.failures]
    (repair,) = outcome.accepted
    assert repair.generator == "clock_set_back"
    assert repair.tier in ("pull_request", "report")
    assert '+@pytest.mark.usefixtures("clock_set_back")' in repair.patch
    assert '+    monkeypatch.setattr("time.time", lambda: 1577664000.0)' in repair.patch
    assert "fails after 2020-01-01, a date that it states" in outcome.failures[0].cause


@pytest.mark.parametrize(
    ("product", "test", "changes"),
    [
        # It looks at the clock although it is told what the time is.
        (
            "import time\n\n\ndef valid(expires, now=None):\n    return time.time() < expires\n",
            "from shop.tokens import valid\n\n\ndef test_valid():\n    assert valid(1577836800, now=1500)\n",
            CHANGES,
        ),
        # It has a day of its own, from which on it refuses everything.
        (
            "import time\n\n\ndef valid(expires):\n    return time.time() < 1577836800\n",
            "from shop.tokens import valid\n\n\ndef test_valid():\n    assert valid(1577836800)\n",
            CHANGES,
        ),
        # Its comparison is turned round: the date was over when the test was written.
        (
            "import time\n\n\ndef expired(end):\n    return time.time() < end\n",
            "from shop.tokens import expired\n\n\ndef test_expired():\n    assert expired(1577836800)\n",
            "1.0 (2021-05-01)\n\n- first release\n",
        ),
    ],
    ids=["told-the-time", "own-day", "turned-round"],
)
def test_a_product_that_is_wrong_about_time_is_not_hidden(
    machine: LocalMachine, tmp_path: Path, product: str, test: str, changes: str
) -> None:
    files = {
        "CHANGES.txt": changes,
        "shop/__init__.py": "",
        "shop/tokens.py": product,
        "tests/test_tokens.py": test,
    }

    outcome = run(machine, tmp_path, files)

    assert outcome.accepted == ()
    assert outcome.run.status == "failed"


SERVER = """\
    import socketserver
    import threading


    class Hello(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.sendall(b"hello")


    class Server:
        def __init__(self, port):
            self.server = socketserver.TCPServer(("127.0.0.1", port), Hello)
            threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

        def stop(self):
            self.server.shutdown()
            self.server.server_close()
"""
SERVER_TEST = """\
    import socket

    from shop.server import Server

    PORT = {port}


    def said():
        server = Server(PORT)
        with socket.create_connection(("127.0.0.1", PORT)) as client:
            heard = client.recv(10)
        server.stop()
        return heard


    def test_it_says_hello():
        assert said() == b"hello"
"""


def served(port: int, server: str = SERVER, more: str = "") -> dict[str, str]:
    test = textwrap.dedent(SERVER_TEST.format(port=port)) + textwrap.dedent(more)
    return {"shop/__init__.py": "", "shop/server.py": server, "tests/test_server.py": test}


def test_a_port_that_another_process_has_taken_is_left_to_it(machine: LocalMachine, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        outcome = run(machine, tmp_path, served(other.getsockname()[1]))

    assert outcome.run.status == "healed", [f.cause for f in outcome.failures]
    (repair,) = outcome.accepted
    assert repair.generator == "free_port"
    assert "+PORT = _free_port()" in repair.patch


def test_a_taken_port_that_the_calls_of_a_file_state_is_left_to_its_owner(
    machine: LocalMachine, tmp_path: Path
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        files = served(port)
        text = (
            files["tests/test_server.py"].replace(f"PORT = {port}\n", "").replace("Server(PORT)", "Server(port=PORT)")
        )
        outcome = run(machine, tmp_path, {**files, "tests/test_server.py": text.replace("PORT", str(port))})

    assert outcome.run.status == "healed", [f.cause for f in outcome.failures]
    (repair,) = outcome.accepted
    assert repair.generator == "free_port"
    assert '+    with socket.create_connection(("127.0.0.1", _PORT)) as client:' in repair.patch


def test_a_server_that_the_product_leaves_open_is_still_in_the_way(machine: LocalMachine, tmp_path: Path) -> None:
    # given a product that ends without closing: what it left is in the way of the next test
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    kept = SERVER.replace("            self.server.server_close()\n", "            OPEN.append(self.server)\n")
    kept = kept.replace("    class Hello", "    OPEN = []\n\n\n    class Hello")
    again = "\n\ndef test_it_says_hello_again():\n    assert said() == b'hello'\n"

    outcome = run(machine, tmp_path, served(port, kept, again))

    assert outcome.accepted == ()
    assert outcome.document["flaky"] or outcome.failures
