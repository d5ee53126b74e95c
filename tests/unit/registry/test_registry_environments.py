"""Environments are built with a real uv, on real interpreters."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from maestro.model import EnvironmentSpec
from maestro.registry import EnvironmentBuilder, EnvironmentBuildError, PythonMissingError, Workspace, sandbox
from maestro.registry.environments import _uv_variables
from maestro.registry.interpreters import InterpreterFinder
from maestro.registry.requirements import parse_install
from maestro.settings import network_variables

RUNNING = "{}.{}".format(*sys.version_info[:2])


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> EnvironmentBuilder:
    return EnvironmentBuilder(tmp_path_factory.mktemp("cache"), network_variables(os.environ), os.environ["PATH"])


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Path]:
    def make(**files: str) -> Path:
        root = tmp_path / "project"
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        root.mkdir(exist_ok=True)
        return root

    return make


def python(workspace: Workspace, environment: object, spec: EnvironmentSpec, code: str) -> str:
    done = sandbox.run(
        [str(environment.python), "-c", code], cwd=workspace.tmp, seconds=60,  # type: ignore[attr-defined]
        environ=workspace.environ(environment, spec),  # type: ignore[arg-type]
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    return done.output.strip()


def test_interpreters_are_found_by_version_and_path(builder: EnvironmentBuilder) -> None:
    full = ".".join(map(str, sys.version_info[:3]))
    for wanted in (RUNNING, full, str(Path(sys.executable).resolve())):
        assert builder.find_python(wanted).version == full
    for wanted, words in (
        ("3.99", "No Python 3.99"),
        ("/no/python", "is not a Python"),
        ("three", "neither a version"),
    ):
        with pytest.raises(PythonMissingError, match=words) as caught:
            builder.find_python(wanted)
        assert caught.value.code == "environment_python_missing"
    with pytest.raises(PythonMissingError, match=full):  # those that are here are listed
        builder.find_python("3.99")


def test_the_remedy_for_a_missing_interpreter_is_one_that_can_be_typed_and_helps(
    builder: EnvironmentBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given an interpreter that is not there
    with pytest.raises(PythonMissingError, match="Install it") as caught:
        builder.find_python("3.99")

    # then the program that the message names is there, and is uv
    told = re.search(r"Install it \(`(.+?) python install 3\.99`\)", str(caught.value))
    assert told is not None
    said = subprocess.run([told.group(1), "--version"], capture_output=True, text=True, check=True).stdout
    assert said.startswith("uv ")

    # and what uv puts into its user's folder is found
    installed = tmp_path / ".local" / "share" / "uv" / "python" / f"cpython-{RUNNING}-any" / "bin" / "python"
    installed.parent.mkdir(parents=True)
    installed.symlink_to(Path(sys.executable).resolve())
    monkeypatch.setenv("HOME", str(tmp_path))
    finder = InterpreterFinder({"PATH": os.defpath}, tmp_path / "pythons", install=False)
    assert installed in [found.path for found in finder.candidates(RUNNING)]


def test_built_once_and_derived_quickly(builder: EnvironmentBuilder, project: Callable[..., Path]) -> None:
    root = project(**{"a.py": ""})
    first = builder.ensure(EnvironmentSpec(RUNNING, ("iniconfig",)), root)
    again = builder.ensure(EnvironmentSpec(RUNNING, ("iniconfig",)), root)
    more = builder.ensure(EnvironmentSpec(RUNNING, ("iniconfig", "six; python_version >= '3'")), root)
    assert (first.reused, again.reused, more.reused) == (False, True, False)
    assert again.path == first.path != more.path
    assert set(more.facts.distributions) - set(first.facts.distributions) == {"six"}
    assert more.facts.modules["six"] == "six"
    assert (
        more.facts.hash
        == more.path.name
        == builder.hash(EnvironmentSpec(RUNNING, ("iniconfig", "six; python_version >= '3'")), root)
    )
    print(f"derived environment: {more.seconds:.2f} s, reused: {again.seconds * 1000:.2f} ms")  # noqa: T201 - figures, no check


def test_concurrent_builders_build_once(builder: EnvironmentBuilder, project: Callable[..., Path]) -> None:
    root, built = project(**{"a.py": ""}), []

    def build() -> None:
        built.append(builder.ensure(EnvironmentSpec(RUNNING, ("packaging",)), root))

    threads = [threading.Thread(target=build) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.reused for one in built) == [False, True, True, True]


def test_an_interrupted_build_is_made_anew(builder: EnvironmentBuilder, project: Callable[..., Path]) -> None:
    root, spec = project(**{"a.py": ""}), EnvironmentSpec(RUNNING, ("six", "iniconfig"))
    place = builder.ensure(spec, root).path
    (place / "environment.json").unlink()
    (place / "venv" / "bin" / "python").unlink()
    again = builder.ensure(spec, root)
    assert not again.reused
    assert again.python.exists()


def test_the_hash_follows_requirement_files(builder: EnvironmentBuilder, project: Callable[..., Path]) -> None:
    root = project(
        **{"req/all.txt": "-r more.txt\n-c pins.txt\n", "req/more.txt": "six\n", "req/pins.txt": "six==1.16.0\n"}
    )
    spec = EnvironmentSpec(RUNNING, ("-r req/all.txt",))
    before = builder.hash(spec, root)
    assert builder.ensure(spec, root).facts.distributions == {"six": "1.16.0"}
    (root / "unrelated.py").write_text("x")
    assert builder.hash(spec, root) == before
    (root / "req" / "pins.txt").write_text("six==1.15.0\n")
    assert builder.hash(spec, root) != before
    assert builder.ensure(spec, root).facts.distributions == {"six": "1.15.0"}
    assert builder.hash(EnvironmentSpec(RUNNING, ("-r req/all.txt",), variables={"A": "1"}), root) == builder.hash(
        spec, root
    )
    with pytest.raises(EnvironmentBuildError, match=r"req/none\.txt, which is not in the project"):
        builder.hash(EnvironmentSpec(RUNNING, ("-r req/none.txt",)), root)


def test_the_installers_words_are_kept(builder: EnvironmentBuilder, project: Callable[..., Path]) -> None:
    root = project(**{"a.py": ""})
    with pytest.raises(EnvironmentBuildError, match=r"six==99\.0") as caught:
        builder.ensure(EnvironmentSpec(RUNNING, ("six==99.0",)), root)
    assert caught.value.code == "environment_build_failed"
    broken = project(**{"setup.py": "raise RuntimeError('this project is broken')"})
    with pytest.raises(EnvironmentBuildError, match="this project is broken"):
        builder.ensure(EnvironmentSpec(RUNNING, ("-e .",)), broken)


SETUP = "from setuptools import setup\nsetup(name='thing', version='1.2', {})\n"
BUILD = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
EDITABLES = {
    "flat": ({"setup.py": SETUP.format("packages=['thing']"), "thing/__init__.py": "V = 1"}, (".",)),
    "src": (
        {"setup.py": SETUP.format("packages=['thing'], package_dir={'': 'src'}"), "src/thing/__init__.py": "V = 1"},
        ("src",),
    ),
    "module": ({"setup.py": SETUP.format("py_modules=['thing']"), "thing.py": "V = 1"}, (".",)),
    "renamed": (
        {"setup.py": SETUP.format("packages=['thing'], package_dir={'thing': 'lib'}"), "lib/__init__.py": "V = 1"},
        (".maestro/roots",),
    ),
    "hatch": (
        {"pyproject.toml": '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
         '[project]\nname = "thing"\nversion = "1.2"\n', "src/thing/__init__.py": "V = 1"}, ("src",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("layout", EDITABLES)
def test_editable_installs_follow_the_copy_under_test(
    builder: EnvironmentBuilder, project: Callable[..., Path], layout: str
) -> None:
    files, roots = EDITABLES[layout]
    root, spec = project(**files), EnvironmentSpec(RUNNING, ("-e .",))
    before = sorted(path.name for path in root.rglob("*"))
    environment = builder.ensure(spec, root)
    assert environment.import_roots == roots
    assert environment.facts.distributions["thing"] == "1.2"
    assert environment.facts.modules["thing"] == "thing"
    assert sorted(path.name for path in root.rglob("*")) == before  # the submitted tree is not written
    with Workspace(root, environment=environment) as workspace:
        module = next(path for path in workspace.source.rglob("*.py") if "V = 1" in path.read_text())
        module.write_text("V = 2")
        code = "import thing, os; print(thing.V, os.path.realpath(thing.__file__))"
        assert python(workspace, environment, spec, code) == f"2 {module}"
    # a change of the product needs no other environment; a change of the metadata does
    same = builder.hash(spec, root)
    (root / "thing_test.txt").write_text("x")
    next(path for path in root.rglob("*.py") if "V = 1" in path.read_text()).write_text("V = 3")
    assert builder.hash(spec, root) == same
    (root / "setup.cfg").write_text("[metadata]\n")
    assert builder.hash(spec, root) != same


def test_an_installed_copy_is_rebuilt_when_the_product_changes(
    builder: EnvironmentBuilder, project: Callable[..., Path]
) -> None:
    root = project(
        **{"setup.py": SETUP.format("packages=['thing']"), "thing/__init__.py": "V = 1", "tests/test_a.py": ""}
    )
    spec = EnvironmentSpec(RUNNING, (".",))
    first = builder.ensure(spec, root)
    (root / "tests" / "test_a.py").write_text("changed")
    assert builder.hash(spec, root) == first.facts.hash
    (root / "thing" / "__init__.py").write_text("V = 2")
    second = builder.ensure(spec, root)
    assert second.path != first.path
    assert second.import_roots == ()
    with Workspace(root, environment=second) as workspace:
        assert python(workspace, second, spec, "import thing; print(thing.V)") == "2"


def test_generated_files_are_laid_over_copies(builder: EnvironmentBuilder, project: Callable[..., Path]) -> None:
    generate = "open('thing/_version.py', 'w').write('version = 7')\n"
    root = project(
        **{
            "setup.py": generate + SETUP.format("packages=['thing']"),
            "thing/__init__.py": "from thing._version import version",
        }
    )
    spec = EnvironmentSpec(RUNNING, ("-e .",))
    environment = builder.ensure(spec, root)
    assert not (root / "thing" / "_version.py").exists()
    with Workspace(root, environment=environment) as workspace:
        assert python(workspace, environment, spec, "import thing; print(thing.version)") == "7"
    # but never over a file of the project
    (root / "thing" / "_version.py").write_text("version = 8")
    with Workspace(root, environment=environment) as workspace:
        assert (workspace.source / "thing" / "_version.py").read_text() == "version = 8"


def test_a_build_that_asks_version_control(builder: EnvironmentBuilder, project: Callable[..., Path]) -> None:
    files = {
        "pyproject.toml": BUILD.replace('"]', '", "setuptools_scm"]') +
        '[project]\nname = "thing"\ndynamic = ["version"]\n[tool.setuptools_scm]\n',
        "thing.py": "",
    }  # fmt: skip
    root, spec = project(**files), EnvironmentSpec(RUNNING, ("-e .",))
    with pytest.raises(EnvironmentBuildError, match="setuptools-scm was unable to detect version"):
        builder.ensure(spec, root)
    (root / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: thing\nVersion: 4.5\n")
    assert builder.ensure(spec, root).facts.distributions["thing"] == "4.5"


def test_the_network_settings_go_to_uv_only() -> None:
    made = _uv_variables({
        "PIP_INDEX_URL": "https://one.invalid/simple", "PIP_EXTRA_INDEX_URL": "https://two.invalid/simple",
        "PIP_CERT": "/ca.pem", "PIP_TRUSTED_HOST": "one.invalid", "PIP_DEFAULT_TIMEOUT": "20",
        "PIP_FIND_LINKS": "/nowhere https://links.invalid", "UV_CACHE_DIR": "/other", "HTTPS_PROXY": "http://proxy.invalid",
    })  # fmt: skip
    assert made["UV_DEFAULT_INDEX"] == "https://one.invalid/simple"
    assert made["UV_INDEX"] == "https://two.invalid/simple"
    assert made["UV_INDEX_STRATEGY"] == "unsafe-best-match"
    assert made["UV_FIND_LINKS"] == "https://links.invalid"
    assert (made["SSL_CERT_FILE"], made["UV_INSECURE_HOST"], made["UV_HTTP_TIMEOUT"]) == (
        "/ca.pem",
        "one.invalid",
        "20",
    )
    assert made["HTTPS_PROXY"] == "http://proxy.invalid"
    assert "UV_CACHE_DIR" not in made
    # the operator's own settings of uv win
    assert _uv_variables({"PIP_INDEX_URL": "a", "UV_INDEX_URL": "b"}).get("UV_DEFAULT_INDEX") is None


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ("pytest>=7,<9", ["pytest>=7,<9"]),
        ("a b==1", ["a", "b==1"]),
        ("-e .[test]", ["-e", "{source}[test]"]),
        ("--editable=./sub", ["-e", "{source}/sub"]),
        (".[dev]", ["{source}[dev]"]),
        ("-e git+https://host.invalid/x.git#egg=x", ["-e", "git+https://host.invalid/x.git#egg=x"]),
        ("name @ https://host.invalid/x.whl", ["name @ https://host.invalid/x.whl"]),
        ("--index-url https://host.invalid/simple", ["--index-url", "https://host.invalid/simple"]),
        ("--pre", ["--prerelease", "allow"]),
        ("# nothing", []),
    ],
)
def test_install_lines(tmp_path: Path, line: str, arguments: list[str]) -> None:
    assert list(parse_install([line], tmp_path).arguments) == arguments


def test_a_build_ends_in_time(tmp_path: Path, project: Callable[..., Path]) -> None:
    slow = EnvironmentBuilder(tmp_path / "cache", network_variables(os.environ), os.environ["PATH"], timeout=8)
    root = project(**{"setup.py": "import time\ntime.sleep(300)\n", "pyproject.toml": BUILD})
    started = time.monotonic()
    with pytest.raises(EnvironmentBuildError, match="did not end within 8 s"):
        slow.ensure(EnvironmentSpec(RUNNING, ("-e .",)), root)
    assert time.monotonic() - started < 30
    assert [p.name for p in (tmp_path / "cache" / "environments").iterdir() if p.is_dir()] == []
