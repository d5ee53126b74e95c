"""Edits change what they should, and no other line."""

import difflib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from maestro.config import EditError, edit
from maestro.config.document import parse
from maestro.config.requirements import name_of

LINES = ("requests>=2.31", "-e .", "attrs==23.1", "-r dev.txt", "numpy[x]<2", 'foo; python_version < "3.9"')
File = tuple[str, list[str] | None, list[str] | None]  # the text; install and pythonpath, where there is such a list
COMMENT = st.sampled_from(["", "  # why", "  # é: [odd, {", "  # - x"])
OWN = st.sampled_from(["", "# a line of its own", "", "  # indented"])


def _quote(word: str, style: str) -> str:
    return {"plain": word, "single": "'" + word + "'", "double": '"' + word.replace('"', '\\"') + '"'}[style]


@st.composite
def lists(draw: st.DrawFn, key: str, words: tuple[str, ...], pad: str) -> tuple[list[str], list[str] | None]:
    """One list in any of its notations; returns (lines, values or None)."""
    kind = draw(st.sampled_from(["absent", "null", "tilde", "block", "dedented", "flow", "flow lines"]))
    values = draw(st.lists(st.sampled_from(words), max_size=3, unique=True))
    style = draw(st.sampled_from(["single", "double"]))
    comment = draw(COMMENT)
    if kind == "absent":
        return [], None
    if kind in ("null", "tilde"):
        return [f"{pad}{key}:{' ~' if kind == 'tilde' else ''}{comment}"], None
    if kind == "flow" or not values:
        trailing = draw(st.sampled_from(["", ",", " , "])) if values else ""
        return [f"{pad}{key}: [{', '.join(_quote(v, style) for v in values)}{trailing}]{comment}"], values
    if kind == "flow lines":
        last = draw(st.sampled_from(["", ","]))
        rows = [f"{pad}    {_quote(v, style)}{',' if v != values[-1] else last}{draw(COMMENT)}" for v in values]
        return [f"{pad}{key}: [{comment}", *rows, f"{pad}  ]"], values
    inner = pad if kind == "dedented" else pad + "  "
    rows = []
    for value in values:
        rows += [f"{inner}- {_quote(value, draw(st.sampled_from(['single', 'double'])))}{draw(COMMENT)}"]
        rows += [own] if (own := draw(OWN)) else []
    return [f"{pad}{key}:{comment}", *rows], values


@st.composite
def files(draw: st.DrawFn) -> File:
    """A maestro.yaml in some notation, with the values of its lists."""
    project = draw(st.sampled_from([[], ["project: shop  # the name"], ["# top", "", "project: 'shop'"]]))
    suites = draw(
        st.sampled_from([[], ["suites:", "  unit:", "    paths: [tests]  # all"], ["suites: {unit: {}}", "", "# end"]])
    )
    how = draw(st.sampled_from(["block", "block", "block", "flow", "absent", "null"]))
    install = path = None
    if how == "block":
        pad = draw(st.sampled_from(["  ", "    "]))
        install_rows, install = draw(lists("install", LINES, pad))
        path_rows, path = draw(lists("pythonpath", ("src", "lib/é", "."), pad))
        python = draw(st.sampled_from([[], [f"{pad}python: 3.10  # old"], [f"{pad}python: '3.12'"], [f"{pad}python:"]]))
        variables = draw(
            st.sampled_from(
                [
                    [],
                    [f"{pad}variables:"],
                    [f"{pad}variables: {{TZ: UTC}}  # zone"],
                    [f"{pad}variables: {{}}"],
                    [f"{pad}variables:", f"{pad}  TZ: UTC  # zone", f"{pad}  TEXT: |", f"{pad}    a", f"{pad}    b"],
                    [f"{pad}variables:", f"{pad}  EMPTY:", f"{pad}  # more", f"{pad}  TZ: >-", f"{pad}    a", ""],
                ]
            )
        )
        parts = draw(st.permutations([install_rows, path_rows, python, variables]))
        rows = [row for part in parts for row in part]
        rows = ["environment:" + draw(COMMENT), *rows]
        if len(rows) > 1 and draw(st.booleans()):
            rows.insert(1, f"{pad}# what it runs in")
    elif how == "flow":
        install = draw(st.sampled_from([None, [], ["a", "b>=1"]]))
        inner = [] if install is None else [f"install: [{', '.join(install)}]"]
        inner += draw(
            st.sampled_from([[], ["python: '3.12'"], ["variables: {TZ: UTC}"], ["variables: "], ["variables: {}"]])
        )
        rows = ["environment: {" + ", ".join(inner) + "}" + draw(COMMENT)]
    else:
        rows = ["environment:"] if how == "null" else []
    order = draw(st.permutations([project, rows, suites]))
    newline = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    text = newline.join(row for part in order for row in part) + draw(st.sampled_from(["", newline, newline * 2]))
    return text, install, path


def _environment(text: str) -> dict[str, Any]:
    found: dict[str, Any] = parse(text, "maestro.yaml").data.get("environment") or {}
    return found


def _unchanged(before: str, after: str, removed: int, added: int) -> None:
    """At most ``removed`` lines are gone and ``added`` are new; comments are all there."""
    old, new = before.splitlines(), after.splitlines()
    diff = [line for line in difflib.ndiff(old, new) if line[:2] in ("- ", "+ ")]
    gone = [line for line in diff if line[0] == "-"]
    come = [line for line in diff if line[0] == "+"]
    assert len(gone) <= removed, "\n".join(diff)
    assert len(come) <= added, "\n".join(diff)
    if before.count("\r\n") > 1:
        assert after.count("\n") == after.count("\r\n")


LAW = settings(max_examples=120, deadline=None)


@LAW
@given(files(), st.sampled_from(["six", "attrs==24.0", "numpy", "b"]), st.sampled_from([[], ["x==1", "-e ."]]))
def test_an_added_requirement_is_the_only_change(file: File, requirement: str, base: list[str]) -> None:
    text, install, _ = file

    changed = edit.add_requirement(text, requirement, base=base)

    now = _environment(changed)["install"]
    before = list(base) if install is None else install
    name = name_of(requirement)
    same = [line for line in before if name_of(line) == name]
    assert now == ([requirement if line in same else line for line in before] if same else [*before, requirement])
    _unchanged(text, changed, removed=1, added=3 + (len(base) if install is None else 0))
    assert text.count("#") == changed.count("#")
    assert edit.add_requirement(changed, requirement) == changed


@LAW
@given(files(), st.data())
def test_a_requirement_that_is_replaced_or_removed_is_the_only_change(file: File, data: st.DataObject) -> None:
    text, install, _ = file
    names = [name_of(line) for line in install or [] if name_of(line)]
    if not names:
        with pytest.raises(EditError):
            edit.remove_requirement(text, "attrs")
        with pytest.raises(EditError):
            edit.replace_requirement(text, "attrs", "attrs==1")
        return
    name = data.draw(st.sampled_from(names))

    replaced = edit.replace_requirement(text, name, f"{name}==9.9")
    removed = edit.remove_requirement(text, name)

    assert _environment(replaced)["install"] == [f"{name}==9.9" if name_of(v) == name else v for v in install]
    assert _environment(removed)["install"] == [v for v in install if name_of(v) != name]
    _unchanged(text, replaced, removed=1, added=1)
    _unchanged(text, removed, removed=2, added=1)


@LAW
@given(files(), st.sampled_from(["3.9", "/opt/python"]))
def test_the_version_of_python_is_the_only_change(file: File, version: str) -> None:
    text, *_ = file

    changed = edit.set_python(text, version)

    assert _environment(changed)["python"] == version
    _unchanged(text, changed, removed=1, added=2)
    assert text.count("#") == changed.count("#")


@LAW
@given(
    files(),
    st.sampled_from(["TZ", "EMPTY", "NEW", "TEXT"]),
    st.sampled_from(["", "yes", "a: b # c", "it's", "é\n\t\\", "1.0"]),
)
def test_a_variable_is_the_only_change(file: File, name: str, value: str) -> None:
    text, *_ = file

    changed = edit.set_variable(text, name, value)

    assert _environment(changed)["variables"][name] == value
    _unchanged(text, changed, removed=3, added=3)
    assert text.count("#") + value.count("#") == changed.count("#")


@LAW
@given(files(), st.sampled_from(["src", "tests/é", "-odd"]))
def test_a_folder_is_appended_once(file: File, path: str) -> None:
    text, _, before = file

    changed = edit.append_pythonpath(text, path)

    assert _environment(changed)["pythonpath"] == [*(before or []), *([] if path in (before or []) else [path])]
    _unchanged(text, changed, removed=1, added=3)
    assert edit.append_pythonpath(changed, path) == changed


def test_a_file_from_nothing() -> None:
    text = edit.add_requirement("", "freezegun>=1.5", base=["-e .[test]", "pytest"])

    assert text == "environment:\n  install:\n    - -e .[test]\n    - pytest\n    - freezegun>=1.5\n"


def test_what_cannot_be_changed_safely_is_refused() -> None:
    text = "a: &lines [x]\nenvironment:\n  install: *lines\n"

    with pytest.raises(EditError) as error:
        edit.add_requirement(text, "six")

    assert "alias" in str(error.value)
    assert error.value.code == "config_edit_failed"


def test_a_bad_requirement_is_refused() -> None:
    with pytest.raises(EditError, match="did you mean 'six==1'"):
        edit.add_requirement("", "six=1")
