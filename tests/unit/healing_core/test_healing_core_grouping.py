# ruff: noqa: E501 - the cases are tables; a row reads best on one line
"""Failures of one cause are one failure; facts are modelled on the logs of real broken suites."""

import dataclasses
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maestro.healing.grouping import group, normalise
from maestro.model import CaseResult, ErrorKind, Facts, Frame, Outcome, Phase, Severity


def own(file: str, line: int, function: str = "<module>") -> Frame:
    return Frame(file, line, function, in_project=True)


def lib(file: str, function: str, distribution: str = "") -> Frame:
    return Frame(file, 10, function, in_project=False, distribution=distribution)


def failed(
    test: str,
    exception: str = "",
    message: str = "",
    *,
    phase: Phase = Phase.CALL,
    frames: Sequence[Frame] = (),
    outcome: Outcome = Outcome.FAILED,
    **attributes: Any,
) -> CaseResult:
    made = Facts(phase, exception, message, attributes=attributes, frames=tuple(frames))
    return CaseResult(
        test, outcome, 0.1, file=test.split("::", maxsplit=1)[0], message=f"{exception}: {message}", facts=made
    )


def collected(test: str, exception: str, message: str, *frames: Frame, **attributes: Any) -> CaseResult:
    return failed(test, exception, message, phase=Phase.COLLECT, frames=frames, outcome=Outcome.ERROR, **attributes)


def signatures(*results: CaseResult) -> list[tuple[str, tuple[str, ...]]]:
    return [(f.signature, f.tests) for f in group(results, "tests")]


def test_ten_files_that_import_one_broken_module_are_one_failure() -> None:
    results = [
        collected(
            f"tests/test_{n}.py",
            "ImportError",
            "cannot import name 'safe_str_cmp' from 'werkzeug.security' (/v/werkzeug/security.py)",
            own(f"tests/test_{n}.py", n + 4),
            own("flask_httpauth.py", 17),
            module="werkzeug.security",
            name="safe_str_cmp",
        )
        for n in range(10)
    ]
    [failure] = group(results, "tests")
    assert failure.signature == "import:werkzeug.security.safe_str_cmp"
    assert len(failure.tests) == 10
    assert failure.kind is ErrorKind.IMPORT_ERROR
    assert failure.severity is Severity.HIGH
    assert failure.cause == "`werkzeug.security` has no `safe_str_cmp`, which flask_httpauth.py:17 imports"


def test_the_cause_names_the_version_of_the_culprit() -> None:
    facts = Facts(
        Phase.SESSION,
        "ImportError",
        "cannot import name 'soft_unicode' from 'markupsafe'",
        attributes={"module": "markupsafe", "name": "soft_unicode"},
        frames=(own("tests/conftest.py", 6), own("src/jinja2/filters.py", 13)),
        versions={"MarkupSafe": "3.0.2"},
    )
    [failure] = group([CaseResult("<session>", Outcome.ERROR, 0.0, facts=facts)], "tests")
    assert failure.cause == "`markupsafe` 3.0.2 no longer has `soft_unicode`, which src/jinja2/filters.py:13 imports"
    assert failure.severity is Severity.CRITICAL


@pytest.mark.parametrize(
    ("module", "versions", "words"),
    [
        ("werkzeug.contrib", {"Werkzeug": "3.1.3"}, "`werkzeug` 3.1.3 has no module `contrib` any more"),
        (
            "sklearn.externals.joblib",
            {"scikit-learn": "1.5"},
            "`sklearn` 1.5 has no module `externals.joblib` any more",
        ),
        ("werkzeug.contributed", {"werkzeug": "3.1.3"}, "`werkzeug` 3.1.3 has no module `contributed`"),
        ("six.moves", {"six": "1.10"}, "`six` 1.10 has no module `moves`"),
        ("werkzeug.contrib", {}, "no module named `werkzeug.contrib` is installed"),
        ("werkzeug.contrib", {"flask": "3.0"}, "no module named `werkzeug.contrib` is installed"),
        ("werkzeug", {"werkzeug": "3.1.3"}, "no module named `werkzeug` is installed"),
    ],
)
def test_a_missing_module_of_an_installed_distribution_is_said_to_be_that(
    module: str, versions: dict[str, str], words: str
) -> None:
    result = collected(
        "tests/test_a.py",
        "ModuleNotFoundError",
        f"No module named '{module}'",
        own("tests/test_a.py", 2),
        module=module,
    )
    assert result.facts is not None
    said = dataclasses.replace(result, facts=dataclasses.replace(result.facts, versions=versions))

    (failure,) = group([said], "tests")

    assert failure.cause == f"{words}, which tests/test_a.py:2 imports"
    assert failure.signature == f"module:{module}"


def test_one_missing_module_is_one_failure_at_collection_and_in_calls() -> None:
    results = [
        failed("tests/test_c.py::test_late", "ModuleNotFoundError", "No module named 'mock'", module="mock"),
        collected("tests/test_app.py", "ModuleNotFoundError", "No module named 'mock'", module="mock"),
        collected("tests/test_lint.py", "ModuleNotFoundError", "No module named 'mock'", module="mock"),
    ]
    [failure] = group(results, "tests")
    assert set(failure.tests) == {r.id for r in results}
    assert failure.facts.phase is Phase.COLLECT
    assert failure.kind is ErrorKind.DEPENDENCY_ERROR


def test_files_that_import_a_file_with_a_syntax_error_are_one_failure() -> None:
    place = {"file": "tests/test_signer.py", "line": 27}
    results = [
        collected(f"tests/test_{n}.py", "SyntaxError", "expected ':'", own(f"tests/test_{n}.py", 6), **place)
        for n in ("jws", "timed", "signer", "url_safe")
    ]
    [failure] = group(results, "tests")
    assert failure.signature == "syntax:tests/test_signer.py:27"
    assert failure.kind is ErrorKind.BUILD_ERROR


def test_a_lost_unittest_alias_is_one_cause_whatever_class_misses_it() -> None:
    results = [
        failed(f"t.py::{owner}::test", "AttributeError", f"'{owner}' object has no attribute 'assertEquals'", name="assertEquals", owner=f"t.{owner}", owner_kind="instance")
        for owner in ("TestApp", "TestForms")
    ]  # fmt: skip
    assert len(signatures(*results)) == 1


def test_two_names_of_one_module_are_two_causes() -> None:
    results = [
        failed("t.py::a", "AttributeError", "x", name="ANTIALIAS", owner="PIL.Image"),
        failed("t.py::b", "AttributeError", "x", name="LINEAR", owner="PIL.Image"),
    ]
    assert len(signatures(*results)) == 2


def test_a_missing_fixture_is_one_failure_for_all_its_tests() -> None:
    results = [
        failed(f"tests/test_py35.py::test_{n}", "FixtureLookupError", "fixture 'event_loop' not found", phase=Phase.SETUP, fixture="event_loop")
        for n in range(25)
    ]  # fmt: skip
    [failure] = group(results, "tests")
    assert (failure.signature, failure.kind) == ("fixture:event_loop", ErrorKind.DEPENDENCY_ERROR)
    assert len(failure.tests) == 25


def test_generated_source_is_known_again_in_the_next_run() -> None:
    first, second = (
        failed("t.py::test_a", "SyntaxError", "invalid syntax", file=f"memory:{address}", line=15)
        for address in ("0x7fb449b69b50", "0x7f0011223344")
    )
    assert signatures(first) == signatures(second)


def test_unknown_options_are_one_cause_whoever_parses_them() -> None:
    old = "usage: pytest [options] [file_or_dir]\npytest: error: unrecognized arguments: --cov -n2\n  inifile: /x/setup.cfg"
    new = "usage: pytest.main() [options]\npytest.main(): error: unrecognized arguments: --cov -n2\n  rootdir: /x"
    said = [
        failed(
            "<session>",
            "_pytest.config.exceptions.UsageError",
            old,
            phase=Phase.SESSION,
            frames=[lib("a.py", "error", "pytest")],
        ),
        failed("<session>", "pytest.UsageError", new, phase=Phase.SESSION, frames=[lib("argparse.py", "parse")]),
    ]
    assert {signatures(result)[0][0] for result in said} == {"options:--cov -n2"}
    [failure] = group(said[:1], "tests")
    assert failure.kind is ErrorKind.DEPENDENCY_ERROR


def test_a_dropped_hook_argument_is_read_from_the_message() -> None:
    message = (
        "Plugin '/src/tests/conftest.py' for hook 'pytest_ignore_collect'\nhookimpl definition: pytest_ignore_collect(path)\n"
        "Argument(s) {'path'} are declared in the hookimpl but can not be found in the hookspec"
    )
    result = failed("<session>", "pluggy._manager.PluginValidationError", message, phase=Phase.SESSION)
    assert signatures(result)[0][0] == "hook:pytest_ignore_collect:path"


@pytest.mark.parametrize(
    ("message", "signature"),
    [
        ("ModuleNotFoundError: No module named 'distutils'", "module:distutils"),
        ("E   ImportError: cannot import name 'Mapping' from 'collections' (/p/collections/__init__.py)", "import:collections.Mapping"),
        ('SyntaxError:   File "tests/test_a.py", line 27', "syntax:tests/test_a.py:27"),
        ("AttributeError: module 'pytest' has no attribute 'collect'", "attribute:pytest.collect"),
        ("AttributeError: 'InteractiveShellEmbed' object has no attribute 'magic'", "attribute:InteractiveShellEmbed.magic"),
    ],
)  # fmt: skip
def test_results_without_facts_are_grouped_by_what_their_message_states(message: str, signature: str) -> None:
    results = [CaseResult(f"t.py::test_{n}", Outcome.FAILED, 0.1, message=message) for n in range(3)]
    [(found, tests)] = signatures(*results)
    assert (found, len(tests)) == (signature, 3)


def test_errors_raised_inside_a_dependency_are_grouped_by_where_and_what() -> None:
    results = [
        failed(
            f"tests/test_algorithms.py::test_{n}",
            "ValueError",
            f"EC private key is not encoded properly: value {n} is too short at 0x7f00{n}",
            frames=[own("tests/test_algorithms.py", n, f"test_{n}"), lib("ec.py", "load_pem", "cryptography")],
        )
        for n in range(5)
    ]
    [failure] = group(results, "tests")
    assert failure.cause.startswith("ValueError in cryptography (load_pem): EC private key")


def test_the_same_error_from_two_functions_of_the_product_is_two_causes() -> None:
    results = [
        failed(f"t.py::test_{n}", "ValueError", "bad", frames=[own("t.py", 1, f"test_{n}"), own("shop.py", n, f"f{n}")])
        for n in (1, 2)
    ]
    assert len(signatures(*results)) == 2


def test_assertions_are_grouped_by_test_function_never_across() -> None:
    results = [
        failed(f"t.py::test_uri[{n}]", "AssertionError", f"assert {n} == 2", frames=[own("t.py", 4, "test_uri")])
        for n in range(3)
    ] + [failed("t.py::test_other", "AssertionError", "assert 1 == 2", frames=[own("t.py", 9, "test_other")])]
    assert [len(tests) for _, tests in signatures(*results)] == [3, 1]
    assert {f.kind for f in group(results, "tests")} == {ErrorKind.TEST_FAILURE}


def test_an_error_while_importing_the_project_is_keyed_by_the_innermost_import() -> None:
    results = [
        collected(f"tests/test_{n}.py", "TypeError", "'>' not supported", own(f"tests/test_{n}.py", n), own("patsy/eval.py", 32))
        for n in range(6)
    ]  # fmt: skip
    assert len(signatures(*results)) == 1


def test_order_is_session_then_collection_then_the_widest() -> None:
    results = [
        failed("t.py::wide1", "ValueError", "v", frames=[own("p.py", 1, "f")]),
        failed("t.py::wide2", "ValueError", "v", frames=[own("p.py", 1, "f")]),
        failed("t.py::one", "KeyError", "k", frames=[own("p.py", 2, "g")]),
        collected("b.py", "ModuleNotFoundError", "x", module="x"),
        failed("<session>", "ImportError", "x", phase=Phase.SESSION, module="y", name="z"),
    ]
    results.reverse()
    assert [f.tests[0] for f in group(results, "tests")] == ["<session>", "b.py", "t.py::wide1", "t.py::one"]


def test_quicker_ones_come_first_among_equals() -> None:
    results = [
        failed("t.py::slow", "KeyError", "a", frames=[own("p.py", 1, "f")]),
        failed("t.py::quick", "KeyError", "b", frames=[own("p.py", 2, "g")]),
    ]
    ordered = group(results, "tests", durations={"t.py::slow": 9.0, "t.py::quick": 0.2})
    assert [f.tests[0] for f in ordered] == ["t.py::quick", "t.py::slow"]


def test_flaky_passed_and_skipped_results_are_not_failures() -> None:
    outcomes = [o for o in Outcome if not o.bad]
    assert group([CaseResult(f"t.py::{o}", o, 0.1, message="E") for o in outcomes], "tests") == []


@given(st.randoms(use_true_random=False))
def test_ids_and_groups_do_not_depend_on_the_order_of_results(shuffler: random.Random) -> None:
    results = [
        failed(f"t.py::test_{n}", "ValueError", f"bad {n % 3} thing", frames=[own("p.py", n % 3, f"f{n % 3}")])
        for n in range(9)
    ]
    expected = group(results, "tests")
    shuffler.shuffle(results)
    assert group(results, "tests") == expected
    assert {f.id for f in group(results, "other")}.isdisjoint({f.id for f in expected})


@given(st.integers(0, 2**48), st.integers(), st.from_regex(r"/[a-z]{1,8}/[a-z]{1,8}", fullmatch=True))
def test_normalised_messages_do_not_vary(address: int, number: int, path: str) -> None:
    message = f"object at {hex(address)} in {path} failed {abs(number)} times for 'x{number}'"
    assert normalise(message) == normalise("object at 0x1 in /tmp/x failed 2 times for 'y'")


# ------------------------------------------------------------------ causes that only what the tests run shows


def running(result: CaseResult, *functions: str, file: str = "shop/cart.py") -> CaseResult:
    assert result.facts is not None
    return dataclasses.replace(result, facts=dataclasses.replace(result.facts, covered={file: functions}))


def passing(*functions: str) -> CaseResult:
    facts = Facts(Phase.CALL, "", "", covered={"shop/cart.py": functions})
    return CaseResult(f"t.py::passing_{'_'.join(functions)}", Outcome.PASSED, 0.1, file="t.py", facts=facts)


def asserted(name: str, *functions: str) -> CaseResult:
    return running(
        failed(f"t.py::{name}", "AssertionError", "assert 500 == 200", frames=[own("t.py", 4, name)]), *functions
    )


def test_assertions_that_alone_run_the_same_functions_are_one_failure() -> None:
    results = [asserted("test_a", "price", "total"), asserted("test_b", "money", "price", "total"), passing("money")]
    assert signatures(*results) == [("assertion:t.py::test_a", ("t.py::test_a", "t.py::test_b"))]


def test_assertions_that_run_nothing_of_their_own_stay_apart() -> None:
    results = [asserted("test_a", "money"), asserted("test_b", "money"), passing("money")]
    assert len(signatures(*results)) == 2
    others = [asserted("test_a", "price"), asserted("test_b", "total"), passing("money")]
    assert len(signatures(*others)) == 2


def test_without_passing_tests_nothing_is_joined() -> None:
    assert len(signatures(asserted("test_a", "price"), asserted("test_b", "price"))) == 2


def test_a_swallowed_error_takes_the_assertions_that_run_into_it() -> None:
    frames = [own("t.py", 1, "test_x"), own("shop/cart.py", 9, "options")]
    raised = [
        running(
            failed(f"t.py::test_raised_{n}", "AttributeError", "x", frames=frames, name="Iterable", owner="collections", owner_kind="module"),
            "options",
        )
        for n in range(2)
    ]  # fmt: skip
    results = [*raised, asserted("test_answer", "options", "answer"), asserted("test_else", "else"), passing("answer")]
    [first, second] = group(results, "tests")
    assert first.signature == "attribute:collections.Iterable"
    assert first.facts.exception == "AttributeError"
    assert first.tests == ("t.py::test_raised_0", "t.py::test_raised_1", "t.py::test_answer")
    assert second.tests == ("t.py::test_else",)


def logged(result: CaseResult, text: str) -> CaseResult:
    assert result.facts is not None
    return dataclasses.replace(result, facts=dataclasses.replace(result.facts, text=text))


def test_an_error_that_was_logged_while_an_assertion_failed_is_its_cause() -> None:
    said = "module 'collections' has no attribute 'Iterable'"
    log = f"E  assert 500 == 200\n--- Captured log call ---\nERROR app:875 Exception on / [GET]\nTraceback (most recent call last):\n  File ...\nAttributeError: {said}\n"
    raised = failed(
        "t.py::test_raised",
        "AttributeError",
        said,
        frames=[own("t.py", 1, "test_raised"), own("shop/cart.py", 9, "options")],
        name="Iterable",
        owner="collections",
        owner_kind="module",
    )
    other = logged(asserted("test_other"), log.replace("Iterable", "Mapping"))
    results = [raised, logged(asserted("test_a"), log), logged(asserted("test_b"), log), other, asserted("test_c")]
    assert signatures(*results) == [
        ("attribute:collections.Iterable", ("t.py::test_raised", "t.py::test_a", "t.py::test_b")),
        ("assertion:t.py::test_c", ("t.py::test_c",)),
        ("assertion:t.py::test_other", ("t.py::test_other",)),
    ]


def test_the_very_same_long_message_in_two_tests_is_one_cause() -> None:
    said = "EC private key is not encoded properly: private key value is too short"

    def met(name: str, message: str) -> CaseResult:
        return failed(f"test_t.py::{name}", "ValueError", message, frames=[own("test_t.py", 4, name)])

    assert len(signatures(met("test_a", said), met("test_b", said), met("test_c", said + "!"))) == 2
    assert len(signatures(met("test_a", "bad value"), met("test_b", "bad value"))) == 2


def test_one_undefined_name_of_one_file_is_one_cause() -> None:
    missing = [
        failed(f"t.py::test_{n}", "NameError", "name 'test_dir' is not defined", frames=[own("t.py", n, f"test_{n}")], name="test_dir")
        for n in range(3)
    ]  # fmt: skip
    assert len(signatures(*missing)) == 1


def test_generated_source_is_grouped_by_who_made_it_and_what_is_wrong() -> None:
    frames = [own("tests/test_t.py", 1, "test_x"), own("mako/template.py", 400, "_compile")]
    results = [
        failed(f"t.py::test_{n}", "SyntaxError", f"expected default value ({name}, line {n})", frames=frames,
               file=name, line=n, reason="expected default value")
        for n, name in enumerate(("index", "memory:0x7fd16f37e000", "test1_html"))
    ]  # fmt: skip
    assert len(signatures(*results)) == 1
    other = failed(
        "t.py::test_o", "SyntaxError", "invalid (index, line 3)", frames=frames, file="index", line=3, reason="invalid"
    )
    assert len(signatures(*results, other)) == 2
