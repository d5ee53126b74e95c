"""Laws of the mutants: they parse, differ in one place, are the same for a seed, and stay in covered product code."""

import ast
from pathlib import Path

import maestro
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from maestro.healing.mutation import making

SOURCES = sorted(
    path
    for name in ("model", "healing", "workflow", "registry")
    for path in Path(maestro.__path__[0], name).glob("*.py")
)


def names(text: str) -> set[str]:
    return {name for name, _ in making.functions(ast.parse(text))}


@given(path=st.sampled_from(SOURCES), seed=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_every_mutant_parses_and_differs_in_one_function_only(path: Path, seed: int) -> None:
    text = path.read_text()
    found = making.sites("x.py", text, names(text))
    if not found:
        return
    mutant = found[seed % len(found)]
    mutated = mutant.apply(text)
    data, new = text.encode(), mutated.encode()
    assert new[: mutant.start] == data[: mutant.start]
    assert new[len(new) - (len(data) - mutant.end) :] == data[mutant.end :]
    before, after = (dict(making.functions(ast.parse(t))) for t in (text, mutated))
    changed = {name for name in before if ast.dump(before[name]) != ast.dump(after[name])}
    assert mutant.function in changed
    assert all(mutant.function == name or mutant.function.startswith(f"{name}.<locals>.") for name in changed)
    rest = [ast.dump(node) for t in (text, mutated) for node in ast.parse(t).body if isinstance(node, ast.Import)]
    assert rest[: len(rest) // 2] == rest[len(rest) // 2 :]


@given(seed=st.integers(0, 2**32), limit=st.integers(0, 20))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_seed_decides(shop: Path, seed: int, limit: int) -> None:
    covered = {"shop/prices.py": ["total", "Cart.add"], "shop/tax.py": ["rate"]}
    first = making.mutants(shop, covered, seed=seed, limit=limit)
    assert first == making.mutants(shop, covered, seed=seed, limit=limit)
    assert len(first) <= limit
    assert len({(m.file, m.start, m.end) for m in first}) == len(first)
    if limit >= 3:
        assert {m.function for m in first} == {"total", "Cart.add", "rate"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shop")
    files = {
        "shop/prices.py": (
            "def total(a, b):\n    return a + b * 2\n\n\ndef unused(a):\n    return a - 1\n\n\n"
            "class Cart:\n    def add(self, a):\n        if a < 1:\n            return None\n        return a + 1\n\n"
            "    def total(self):\n        return 1\n"
        ),
        "shop/tax.py": "def rate(kind):\n    return 0.19 if kind == 'full' else 0.07\n",
        "shop/old.py": "def broken(:\n    print 1\n",
        "shop/wipe.py": "import shutil\n\n\ndef wipe(a):\n    if a > 1:\n        shutil.rmtree('x')\n    return 3\n",
        "tests/test_prices.py": "def test_total():\n    assert 1 + 1 == 2\n",
        "tests/helpers.py": "def helper():\n    return 1 + 1\n",
        "conftest.py": "def shop():\n    return 1 + 1\n",
        "setup.py": "def version():\n    return 1 + 1\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "shop/link.py").symlink_to(root / "shop/tax.py")
    return root


def test_only_covered_functions_of_product_files_are_mutated(shop: Path) -> None:
    covered = {
        "shop/prices.py": ["total"],
        "tests/test_prices.py": ["test_total"],
        "tests/helpers.py": ["helper"],
        "conftest.py": ["shop"],
        "setup.py": ["version"],
        "shop/old.py": ["broken"],
        "shop/link.py": ["rate"],
        "shop/wipe.py": ["wipe"],
        "../outside.py": ["total"],
        "gone.py": ["total"],
    }
    found = making.mutants(shop, covered, seed=1, limit=50)
    assert {(m.file, m.function) for m in found} == {("shop/prices.py", "total")}
    assert {m.line for m in found} == {2}


def test_a_file_that_holds_tests_of_this_suite_is_no_product(shop: Path) -> None:
    assert making.mutants(shop, {"shop/tax.py": ["rate"]}, seed=1)
    assert not making.mutants(shop, {"shop/tax.py": ["rate"]}, seed=1, test_files=["shop/tax.py"])


def test_bare_names_of_old_interpreters_find_methods(shop: Path) -> None:
    assert {m.function for m in making.mutants(shop, {"shop/prices.py": ["add"]}, seed=1)} == {"Cart.add"}


def test_what_the_tests_mention_comes_first(shop: Path) -> None:
    covered = {"shop/prices.py": ["total", "unused", "Cart.add"], "shop/tax.py": ["rate"]}
    for seed in range(10):
        assert making.mutants(shop, covered, seed=seed, near=["rate"])[0].function == "rate"


@pytest.mark.parametrize(
    ("line", "mutated"),
    [
        ("return a < b", {"return a <= b", "return a >= b", "return None"}),
        ("return (a) == (b)", {"return (a) != (b)", "return None"}),
        ("return a is not b", {"return a is b", "return None"}),
        ("return a not in b", {"return a in b", "return None"}),
        ("return a and b or c", {"return a or b or c", "return a and b and c", "return None"}),
        ("return not a", {"return (a)", "return None"}),
        ("return a - b", {"return a + b", "return None"}),
        ("return a // b", {"return a * b", "return None"}),
        ("a += b", {"a -= b", "pass"}),
        ("call(b, 'x')", {"pass", "call(b, 'XXx')"}),
        ("b = 3", {"b = 4"}),
        ("b = True", {"b = False"}),
        ("b = r'\\d'", {"b = r'XX\\d'"}),
        ("b = 'é' + c(1)", {"b = 'XXé' + c(1)", "b = 'é' + c(2)"}),  # places count bytes
        ("if a(): pass", {"if not (a()): pass"}),
        ("log.info('x', 1)", set()),  # words for people
        ("raise ValueError('x', 1)", set()),
        ("b = f'{a + 1}'", set()),
        ("'words'", set()),
        ("return None", set()),
    ],
)
def test_the_operators(line: str, mutated: set[str]) -> None:
    text = f'def f(a, b, c):\n    """Add 1 + 1."""\n    {line}  # a < b\n'
    found = {m.apply(text).splitlines()[2].removesuffix("  # a < b").strip() for m in making.sites("x.py", text, ["f"])}
    assert found == mutated


def test_places_that_are_perhaps_not_run_are_known() -> None:
    text = (
        "def f(a):\n    b = 1\n    for c in a:\n        b += 2\n    if b > 3:\n        return 4\n"
        "    g(5)\n    return 6\n"
    )
    reached = {m.line: m.reached for m in making.sites("x.py", text, ["f"])}
    assert reached == {2: True, 4: False, 5: True, 6: False, 7: False, 8: False}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_a_mutant_is_written_in_the_files_own_encoding(tmp_path: Path, newline: str, encoding: str) -> None:
    cookie = f"# coding: {encoding}" if encoding == "latin-1" else "#"
    text = newline.join([cookie, "def f():", "    x = 'é'", "    return x, 1", ""])
    (tmp_path / "a.py").write_bytes(text.encode(encoding))
    (mutant, *_) = [m for m in making.mutants(tmp_path, {"a.py": ["f"]}, seed=1, limit=9) if m.text == "2"]
    making.write(tmp_path, mutant)
    assert (tmp_path / "a.py").read_bytes() == text.replace("x, 1", "x, 2").encode(encoding)
