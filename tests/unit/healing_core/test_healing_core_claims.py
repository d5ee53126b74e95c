"""Which changes of a test file leave what its tests claim."""

import pytest
from maestro.healing._claims import untouched
from maestro.healing._trees import Change

TEST = """\
import unittest

from shop import cart


class CartTest(unittest.TestCase):
    def test_total(self):
        self.assertEquals(cart.total(), 15)
"""
RESTORING = """\

@pytest.fixture(autouse=True)
def _restored_state():
    \"\"\"Give back what tests leave changed.\"\"\"
    kept = list(cart.items)
    yield
    cart.items[:] = kept
"""


def change(after: str | None, before: str | None = TEST) -> Change:
    return Change("tests/test_cart.py", before, after)


@pytest.mark.parametrize(
    "after",
    [
        TEST.replace("assertEquals", "assertEqual"),
        TEST.replace("import unittest\n", "import unittest\n\nimport pytest\n") + RESTORING,
        TEST.replace("import unittest", "# a comment\nimport unittest"),
    ],
    ids=["an assertion's other name", "a fixture that gives state back", "a comment"],
)
def test_what_only_renames_an_assertion_or_gives_state_back_claims_the_same(after: str) -> None:
    assert untouched(change(after))


def test_a_new_file_of_nothing_but_such_fixtures_claims_nothing() -> None:
    assert untouched(change("import pytest\nimport os\n" + RESTORING, before=None))


@pytest.mark.parametrize(
    "after",
    [
        TEST.replace("15", "14"),
        TEST.replace("assertEquals(cart.total(), 15)", "assertTrue(cart.total())"),
        TEST.replace("assertEquals", "assertAlmostEqual"),
        TEST.replace("from shop import cart", "from fake import cart"),
        TEST + "\n\ncart.total = lambda: 15\n",
        "import pytest\n" + TEST + RESTORING.replace("    yield", "    cart.total = lambda: 15\n    yield"),
        TEST.replace("import unittest\n", "import unittest\nimport shop.fake\n"),
        TEST[: TEST.index("    def")] + "    pass\n",
        "def (",
        None,
    ],
    ids=["a value", "less", "another assertion", "another product", "a stand-in", "a fixture with one", "an import",
         "nothing", "no Python", "no file"],
)  # fmt: skip
def test_anything_else_may_claim_another_thing(after: str | None) -> None:
    assert not untouched(change(after))
