"""A maestro.yaml becomes a configuration, or a list of everything that is wrong with it."""

import json
import os
import re
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from maestro.config import ConfigError, json_schema, load_config, load_text, render
from maestro.config.templates import TEMPLATES
from maestro.model import EnvironmentSpec, MaestroError, SuiteKind, dump, load

RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text("def test(): pass\n")
    return tmp_path


def problems(text: str, root: Path) -> list[str]:
    with pytest.raises(ConfigError) as error:
        load_text(text, root)
    assert isinstance(error.value, MaestroError)
    assert error.value.code == "config_invalid"
    return str(error.value).split("\n")


def test_a_minimal_file_means_exactly_what_it_says(root: Path) -> None:
    (root / "maestro.yaml").write_text(
        yaml.safe_dump(
            {
                "project": "case",
                "environment": {
                    "python": "3.9",
                    "install": ["attrs==19.1.0", "pytest==7.4.4", "-e ."],
                    "pythonpath": [],
                    "variables": {"LC_ALL": "C.UTF-8", "TZ": "UTC"},
                },
                "suites": {
                    "tests": {
                        "kind": "test",
                        "adapter": "pytest",
                        "paths": [],
                        "args": ["-p", "no:cacheprovider", "-o", "addopts="],
                    }
                },
                "healing": {"enabled": True},
            },
            sort_keys=False,
        )
    )

    config = load_config(root)

    environment = EnvironmentSpec(
        "3.9", ("attrs==19.1.0", "pytest==7.4.4", "-e ."), (), {"LC_ALL": "C.UTF-8", "TZ": "UTC"}
    )
    (suite,) = config.suites
    assert config.environment == suite.environment == environment
    assert (suite.name, suite.kind, suite.adapter, suite.paths) == ("tests", SuiteKind.TEST, "pytest", ())
    assert suite.args == ("-p", "no:cacheprovider", "-o", "addopts=")
    assert (config.detected, config.config_file) == (False, "maestro.yaml")
    assert config.healing.enabled
    assert (config.healing.thresholds.applied, config.healing.max_attempts) == (0.90, 6)


def test_what_the_file_leaves_out_is_detected(root: Path) -> None:
    (root / "requirements.txt").write_text("six\n")

    config = load_text("project: shop\n", root)

    assert config.environment == EnvironmentSpec(RUNNING, ("-r requirements.txt", "pytest"), (".",))
    assert [suite.paths for suite in config.suites] == [("tests",)]


@pytest.mark.parametrize(
    ("written", "read"),
    [("3.10", "3.10"), ("'3.10'", "3.10"), ("3.9.18", "3.9.18"), ("/usr/bin/python3", "/usr/bin/python3")],
)
def test_a_version_is_read_as_it_was_written(root: Path, written: str, read: str) -> None:
    assert load_text(f"environment: {{python: {written}}}", root).environment.python == read


def test_variables_are_read_as_they_were_written(root: Path) -> None:
    text = "environment: {variables: {A: yes, B: 1_000, C: , D: 2024-01-01, E: 0x10, F: '~', G: 1.10}}"

    variables = load_text(text, root).environment.variables

    assert variables == {"A": "yes", "B": "1_000", "C": "", "D": "2024-01-01", "E": "0x10", "F": "~", "G": "1.10"}


def test_a_matrix_makes_a_suite_of_every_combination(root: Path) -> None:
    text = """
environment: {python: 3.9, install: [pytest, six==1.0], variables: {A: a}}
suites:
  unit:
    matrix: {python: [3.11, "3.12"], DB: [sqlite, pg/15]}
    environment: {install: [six==2.0, tomli], variables: {B: b}}
  end: {needs: [unit]}
"""

    config = load_text(text, root)

    names = [f"unit (python={v}, DB={d})" for v in ("3.11", "3.12") for d in ("sqlite", "pg_15")]
    assert [suite.name for suite in config.suites] == [*names, "end"]
    assert config.suites[-1].needs == tuple(names)
    assert config.suites[3].environment == EnvironmentSpec(
        "3.12", ("pytest", "six==2.0", "tomli"), (".",), {"A": "a", "B": "b", "DB": "pg/15"}
    )
    assert config.suites[-1].environment == config.environment


def test_every_problem_is_told_at_once_and_where(root: Path) -> None:
    text = """projct: x
environment:
  python: 2.7
  install: pytest
  pythonpath: [../x]
suites:
  unit:
    kind: tests
    timeout: abc
    retries: 99
    needs: [unitt, b]
  b:
    needs: [unit]
  c/d: {}
healing: {enabled: maybe, stratgies: [x], thresholds: {applied: 0.5}}
services: {a: {health: /x}}
"""

    assert [line.partition("; ") for line in problems(text, root)] == [
        ("maestro.yaml:1:1: unknown key 'projct'", "; ", "did you mean 'project'?"),
        (
            "maestro.yaml:3:11: 'environment.python': '2.7' is not a version of Python",
            "; ",
            'write one like "3.12", or the path of an interpreter',
        ),
        (
            "maestro.yaml:4:12: 'environment.install' is 'pytest'",
            "; ",
            'write a list, for example ["-e .", "pytest>=8"]',
        ),
        (
            "maestro.yaml:5:16: 'environment.pythonpath[0]': '../x' lies outside the project",
            "; ",
            "name a path below the project's folder",
        ),
        ("maestro.yaml:8:11: 'suites.unit.kind' cannot be 'tests'", "; ", "did you mean 'test'?"),
        ("maestro.yaml:9:14: 'suites.unit.timeout' is 'abc'", "; ", "write a number, for example 30"),
        ("maestro.yaml:10:14: 'suites.unit.retries' is '99'", "; ", "it must be 10 or less"),
        (
            "maestro.yaml:11:5: these suites wait for each other: 'unit' needs 'b' needs 'unit'",
            "; ",
            "remove one of these 'needs'",
        ),
        ("maestro.yaml:11:13: there is no suite 'unitt'", "; ", "did you mean 'unit'?"),
        (
            "maestro.yaml:14:3: 'c/d' cannot be a name",
            "; ",
            "begin with a letter or a digit, then letters, digits, '_', '-', '.' (at most 100)",
        ),
        ("maestro.yaml:15:20: 'healing.enabled' is 'maybe'", "; ", "write true or false, for example true"),
        ("maestro.yaml:15:27: unknown key 'stratgies'", "; ", "did you mean 'strategies'?"),
        (
            "maestro.yaml:15:55: 'healing.thresholds': the tiers are out of order",
            "; ",
            "applied >= review >= pull_request must hold",
        ),
        ("maestro.yaml:16:12: 'services.a.url' is missing", "; ", "add 'url: http://127.0.0.1:8080'"),
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("environment: {install: ['six=1']}", "1:25: .*'six=1' is not a requirement .*did you mean 'six==1'"),
        ("environment: {install: [-r no.txt]}", "1:25: .*there is no file 'no.txt'"),
        ("environment: {install: [-r ../x]}", "1:25: .*outside the project"),
        ("environment: {install: [-e /]}", "1:25: .*outside the project"),
        ("environment: {install: [--index-url http://x]}", "1:25: .*installer option"),
        ("environment: {install: ['']}", "1:25: .*an empty line"),
        ("environment: {install: [[a]]}", "1:25: .*is a list; write a text"),
        ("suites: {a: {paths: [/etc]}}", "1:22: .*outside the project"),
        ("suites: {a: {matrix: {python: [3.11, 3.11]}}}", r"1:14: two suites are named 'a \(python=3.11\)'"),
        ("suites: {a: {matrix: {python: [snake]}}}", "1:22: .*'snake' is not a version"),
        ("suites: {a: {matrix: {A: [%s], B: [%s]}}}" % (("1, " * 20,) * 2), "1:14: the matrix of 'a' makes 400 suites"),
        ("suites: {'a (X=1)': {}, a: {matrix: {X: [1]}}}", r"1:29: two suites are named 'a \(X=1\)'"),
        ("suites: {a: {adapter: mypy}}", "1:23: .*cannot be 'mypy'; values here: pytest"),
        ("suites: {}", "1:9: 'suites' holds 0 entries; give at least 1"),
        ("suites: {a: {timeout: .inf}}", "1:23: .*write a number"),
        ("suites: {a: {needs: [a]}}", "1:14: these suites wait for each other: 'a' needs 'a'"),
        ("extends: python-patent", "1:10: .*did you mean 'python-patient'"),
        ("notifications: {webhooks: [file:///etc/passwd]}", "1:28: .*is not a URL"),
    ],
)
def test_a_wrong_value_is_told_with_its_place_and_remedy(root: Path, text: str, problem: str) -> None:
    (line,) = problems(text, root)
    assert re.match(f"maestro.yaml:{problem}", line), line


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"a: b: c", "1:5: a second 'key: value' on the same line"),
        (b"a:\n\t- b", "2:1: a tab where YAML wants spaces; indent with spaces"),
        (b"project: a\nsuites: {}\nproject: b", "3:1: key 'project' again (first in line 1); keep one of them"),
        (b"suites: {u: {paths: [], paths: []}}", "1:25: key 'paths' again"),
        (b"x: &x [*x]", "1:4: an alias holds itself"),
        (b"x: *y", "1:4: alias '*y' has no anchor"),
        (b"x: 1\ry: *z", "2:4: alias '*z' has no anchor"),
        ("x: 1\u2028y: *z".encode(), "2:4: alias '*z' has no anchor"),
        (b"- a", "1:1: the file does not hold keys"),
        (b"project: [a\n", "2:1: not YAML: did not find expected ',' or ']'"),
        (b"project: 'a", "1:12: a quote is not closed"),
        (b"project: @a", "1:10: a value cannot begin with '@'; put it in quotes"),
        (b"a: 1\n---\nb: 2", "2:1: a second document"),
        (b"a: !!python/object/apply:os.system [x]", "1:4: tag 'tag:yaml.org,2002:python/object/apply:os.system'"),
        (b"? [a]\n: b", "1:3: a key that is itself a list"),
        (b"project: caf\xe9", "1:13: byte 0xe9 is not UTF-8; save the file as UTF-8"),
        ("project: é\x00".encode(), "1:11: control character U+0000"),
        ("project: a".encode("utf-16"), "1:1: byte 0xff is not UTF-8"),
        (b"#" * (1 << 20) + b"\n#", "1:1: the file is over 1 MiB"),
        (b"[" * 500_000, "1:33: over 32 levels deep"),
        (b"- " * 500_000, "1:65: over 32 levels deep"),
        (b"a: [" + b"1," * 400_000, "1:39999: over 20000 keys and values"),
    ],
)
def test_what_is_no_configuration_is_told_without_a_traceback(root: Path, data: bytes, problem: str) -> None:
    (root / "maestro.yaml").write_bytes(data)

    with pytest.raises(ConfigError) as error:
        load_config(root)

    lines = str(error.value).split("\n")
    assert len(lines) == 1
    assert lines[0].startswith(f"maestro.yaml:{problem}"), lines[0][:300]


def test_a_bomb_of_aliases_is_refused(root: Path) -> None:
    text = "a: &a [1]\n" + "".join(
        f"{y}: &{y} [{', '.join([f'*{x}'] * 40)}]\n" for x, y in zip("abcd", "bcde", strict=True)
    )

    (line,) = problems(text, root)

    assert line.endswith("aliases expand to too much; write the values out")


def test_merge_keys_and_anchors_work(root: Path) -> None:
    text = "suites:\n  a: &a {timeout: 5, args: [-x]}\n  b: {<<: *a, timeout: 6}\n  c: *a\n"

    suites = load_text(text, root).suites

    assert [(s.timeout, s.args) for s in suites] == [(5, ("-x",)), (6, ("-x",)), (5, ("-x",))]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_only_a_regular_file_inside_the_project_is_read(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret"
    outside.write_text("project: secret")
    for make in (lambda p: p.symlink_to(outside), os.mkfifo, Path.mkdir):
        make(root / "maestro.yml")
        with pytest.raises(ConfigError, match=r"maestro\.yml:1:1: this is not a regular file inside the project"):
            load_config(root)
        (root / "maestro.yml").rmdir() if make is Path.mkdir else (root / "maestro.yml").unlink()


def test_two_files_are_one_too_many(root: Path) -> None:
    for name in ("maestro.yaml", "maestro.yml"):
        (root / name).touch()

    with pytest.raises(ConfigError, match="keep one of the two"):
        load_config(root)


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_template_works_and_gives_way_to_the_file(root: Path, name: str) -> None:
    text = f"extends: {name}\nsuites: {{tests: {{timeout: 7}}}}\nhealing: {{max_attempts: 3}}\n"

    config = load_text(text, root)

    assert config.suites[0].adapter == "pytest"
    assert (config.suites[0].timeout, config.healing.max_attempts) == (7, 3)


def test_the_published_schema_knows_every_key_and_says_what_it_means() -> None:
    schema = json_schema()
    json.dumps(schema)
    assert set(schema["properties"]) == {
        "project",
        "extends",
        "environment",
        "services",
        "suites",
        "quality_gates",
        "healing",
        "notifications",
    }
    for name, part in {"": schema, **schema["$defs"]}.items():
        for key, value in part.get("properties", {}).items():
            assert value.get("description"), (name, key)
        assert part.get("type") != "object" or part["additionalProperties"] is False, name


WORDS = st.one_of(
    st.sampled_from(
        ["3.10", "yes", "", "~", "a: b", "# c", "'", '"', "é\n", "-", "- x", "[a]", "{", "1e3", "2024-01-01", "..."]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff", exclude_categories=["Cs"]), max_size=12),
)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_rendered_configuration_loads_back(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    draw = data.draw
    root = _ROOTS.setdefault("root", tmp_path_factory.mktemp("project"))
    lines = st.lists(
        st.sampled_from(["six", "attrs==1", "-e .", "foo; python_version<'3'", "x @ https://e.org/x.whl"]), unique=True
    )
    variables = st.dictionaries(WORDS.filter(lambda w: w and "=" not in w), WORDS, max_size=3)
    environment = {
        "install": draw(lines),
        "pythonpath": draw(st.lists(st.sampled_from(["src", ".", "a b"]), unique=True)),
    }
    names = draw(
        st.lists(st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_ .,()=+-]{0,9}\Z"), min_size=1, max_size=3, unique=True)
    )
    suites = {}
    for i, name in enumerate(names):
        suites[name] = {
            "args": draw(st.lists(WORDS, max_size=3)),
            "paths": draw(st.lists(st.sampled_from(["tests", "a b/c.py::T::x[1: 2]"]), unique=True)),
            "needs": draw(st.lists(st.sampled_from(names[:i]), unique=True)) if i else [],
            "timeout": draw(st.floats(0.001, 840)),
            "retries": draw(st.integers(0, 10)),
            "target_time": draw(st.none() | st.floats(1e-3, 1e9)),
            "environment": {
                "install": draw(lines),
                "variables": draw(variables),
                "python": draw(st.sampled_from(["3.9", "3.12"])),
            },
            "matrix": draw(st.sampled_from([{}, {"python": ["3.11", "3.12"]}, {"X": ["~", "1: 2"], "Y": ["1"]}])),
        }
    raw = {
        "project": "shop",
        "environment": {"python": "3.10", "variables": draw(variables), **environment},
        "suites": suites,
        "healing": draw(st.sampled_from([{}, {"enabled": False, "thresholds": {"applied": 0.95}, "allow": ["*.py"]}])),
        "services": draw(
            st.sampled_from([{}, {"db": {"url": "http://h:1/%20#x", "health": "/ok"}, "no": {"url": "redis://h"}}])
        ),
        "quality_gates": draw(st.sampled_from([{}, {"max_flaky": 0, "min_pass_rate": 0.123456789}])),
        "notifications": draw(st.sampled_from([{}, {"webhooks": ["https://e.org"], "events": ["failed"]}])),
    }
    config = load_text(yaml.safe_dump(raw), root)

    again = load_text(render(config), root)

    assert again == config
    assert load(type(config), dump(config)) == config


_ROOTS: dict[str, Path] = {}


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([*"abs:-[]{}&*!|>'\"%@`,#? \n\t~0é\x85\u2028", "suites: ", "<<: ", "*a", "&a "])).map(
        "".join
    )
)
def test_no_text_gives_anything_but_a_configuration_or_a_config_error(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    root = _ROOTS.setdefault("empty", tmp_path_factory.mktemp("empty"))
    try:
        load_text(text, root)
    except ConfigError as error:
        for problem in error.problems:
            assert problem.what
            assert problem.remedy
            assert 1 <= problem.line <= text.count("\n") + len(text.splitlines()) + 1
