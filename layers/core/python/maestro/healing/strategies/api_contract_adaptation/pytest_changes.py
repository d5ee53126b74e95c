"""What newer pytest versions no longer take: old hook arguments, the [pytest] section of setup.cfg, nose's setup()."""

import re
from collections.abc import Iterable

import libcst as cst
from packaging.version import InvalidVersion, Version

from maestro.healing._roles import Role
from maestro.healing.base import Project, Proposal
from maestro.healing.strategies.evidence import Evidence
from maestro.healing.strategies.rewriting import rewritten
from maestro.model import Failure, Strategy

# https://docs.pytest.org/en/stable/deprecations.html#py-path-local-arguments-for-hooks-replaced-with-pathlib-path
_HOOK_ARGUMENTS = {
    ("pytest_ignore_collect", "path"): "collection_path",
    ("pytest_collect_file", "path"): "file_path",
    ("pytest_pycollect_makemodule", "path"): "module_path",
    ("pytest_report_header", "startdir"): "start_path",
    ("pytest_report_collectionfinish", "startdir"): "start_path",
}
# py.path.local -> pathlib.Path; (attribute, called) -> attribute, "()" where the successor is a call
_PATH_ATTRIBUTES = {"basename": "name", "purebasename": "stem", "ext": "suffix", "strpath": "", "dirname": ""}
_PATH_METHODS = {
    "check": "exists",
    "dirpath": "parent",
    "join": "joinpath",
    "read": "read_text",
    "write": "write_text",
    "isfile": "is_file",
    "isdir": "is_dir",
}
_PY_PATH = re.compile(r"The \(\w+: py\.path\.local\) argument is deprecated")
_SECTION = re.compile(r"(?m)^\[pytest\]([ \t]*)(?=\r?$)")


class HookArguments:
    """Takes pytest's ``pathlib`` hook arguments instead of the ``py.path`` ones."""

    name = "hook_arguments"
    strategy = Strategy.API_CONTRACT_ADAPTATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield the rewrite of every hook implementation with such an argument."""
        evidence = Evidence(failure, project)
        mismatch, warned = evidence.hook_mismatch, _PY_PATH.search(evidence.text)
        if mismatch is None and warned is None:
            return
        edits: dict[str, str] = {}
        for source in evidence.tree.sources(*{hook for hook, _ in _HOOK_ARGUMENTS}):
            code = rewritten(source.text, _HookRewriter())
            if code is not None:
                edits[source.path] = code
        if edits:
            words = f"the hook {mismatch.hook} no longer gets" if mismatch else "pytest's hooks no longer get"
            said = ", ".join(mismatch.arguments) if mismatch else "py.path arguments"
            yield Proposal(edits, f"{words} {said}; take the pathlib successor", 0.92)


class _HookRewriter(cst.CSTTransformer):
    def leave_FunctionDef(self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef) -> cst.FunctionDef:
        renamed = {old: new for (hook, old), new in _HOOK_ARGUMENTS.items() if hook == original_node.name.value}
        params = [*updated_node.params.params, *updated_node.params.kwonly_params]
        present = {p.name.value for p in params}
        renamed = {old: new for old, new in renamed.items() if old in present and new not in present}
        if not renamed:
            return updated_node
        body = updated_node.visit(_Uses(renamed))
        assert isinstance(body, cst.FunctionDef)  # noqa: S101 - the visitor removes no function
        return body


class _Uses(cst.CSTTransformer):
    """Renames a parameter in its function, and turns what is asked of it from py.path into pathlib."""

    def __init__(self, renamed: dict[str, str]) -> None:
        super().__init__()
        self.renamed = renamed
        self.called: set[cst.CSTNode] = set()

    def visit_Call(self, node: cst.Call) -> None:
        self.called.add(node.func)

    def _of_parameter(self, node: cst.BaseExpression) -> bool:
        return isinstance(node, cst.Name) and node.value in self.renamed

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        return updated_node.with_changes(value=self.renamed.get(original_node.value, original_node.value))

    def leave_Arg(self, original_node: cst.Arg, updated_node: cst.Arg) -> cst.Arg:
        return updated_node.with_changes(keyword=original_node.keyword)

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.BaseExpression:
        name = original_node.attr.value
        updated_node = updated_node.with_changes(attr=original_node.attr)
        if not self._of_parameter(original_node.value):
            return updated_node
        if original_node in self.called:
            return updated_node.with_changes(attr=cst.Name(_PATH_METHODS.get(name, name)))
        if name == "strpath":
            return cst.Call(cst.Name("str"), [cst.Arg(updated_node.value)])
        if name == "dirname":
            return cst.Call(cst.Name("str"), [cst.Arg(cst.Attribute(updated_node.value, cst.Name("parent")))])
        return updated_node.with_changes(attr=cst.Name(_PATH_ATTRIBUTES.get(name, name)))

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        function = original_node.func
        if not isinstance(function, cst.Attribute) or not self._of_parameter(function.value):
            return updated_node
        if function.attr.value == "dirpath" and not original_node.args:
            return updated_node.func
        if function.attr.value == "check" and len(original_node.args) == 1 and original_node.args[0].keyword:
            kind = {"dir": "is_dir", "file": "is_file"}.get(original_node.args[0].keyword.value)
            assert isinstance(updated_node.func, cst.Attribute)  # noqa: S101 - it was one before the visit
            if kind:
                return updated_node.with_changes(func=updated_node.func.with_changes(attr=cst.Name(kind)), args=[])
        if function.attr.value == "fnmatch":
            assert isinstance(updated_node.func, cst.Attribute)  # noqa: S101 - it was one before the visit
            return updated_node.with_changes(func=updated_node.func.with_changes(attr=cst.Name("match")))
        return updated_node


class PytestSection:
    """Renames the section of ``setup.cfg`` that pytest refuses."""

    name = "pytest_section"
    strategy = Strategy.API_CONTRACT_ADAPTATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield the rename where pytest asks for it."""
        evidence = Evidence(failure, project)
        if "[tool:pytest]" not in evidence.text:
            return
        edits = {}
        for path in evidence.tree.files:
            text = (evidence.tree.text(path) or "") if path.endswith("setup.cfg") else ""
            if _SECTION.search(text):
                edits[path] = _SECTION.sub(r"[tool:pytest]\1", text)
        if edits:
            yield Proposal(
                edits, "pytest reads its settings in setup.cfg from [tool:pytest]; it refuses [pytest]", 0.95
            )


class NoseSetup:
    """Gives nose-style ``setup()`` and ``teardown()`` methods the names that pytest 8 still calls."""

    name = "nose_setup"
    strategy = Strategy.API_CONTRACT_ADAPTATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield the rename in every test class that the failing attribute or name shows to be concerned."""
        evidence = Evidence(failure, project)
        try:
            old = Version(evidence.installed("pytest") or "0") < Version("8")
        except InvalidVersion:
            return
        if old or not evidence.is_exception("AttributeError", "NameError", "TypeError", "KeyError"):
            return
        name = (
            str(evidence.attribute("name"))
            or (re.findall(r"(?:no attribute|name) ['\"](\w+)['\"]", evidence.text) or [""])[-1]
        )
        files = dict.fromkeys(t.split("::")[0] for t in failure.tests)
        edits: dict[str, str] = {}
        blamed = False
        for path in files:
            text = evidence.tree.text(path)
            if text is None or evidence.tree.role(path) not in (Role.TEST, Role.FIXTURE):
                continue
            rewriter = _NoseRewriter(name)
            code = rewritten(text, rewriter)
            blamed |= rewriter.blamed
            if code is not None:
                edits[path] = code
        if edits and blamed:
            yield Proposal(
                edits, "pytest 8 no longer calls nose-style setup() and teardown(); give them pytest's names", 0.9
            )


class _NoseRewriter(cst.CSTTransformer):
    """Renames ``setup``/``teardown`` of plain test classes and of the module; ``blamed``: one sets the name."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name, self.blamed = name, False
        self.classes: list[bool] = []  # whether each enclosing class is a unittest.TestCase
        self.functions = 0

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        self.classes.append(any("TestCase" in cst.Module([]).code_for_node(b.value) for b in node.bases))

    def leave_ClassDef(self, original_node: cst.ClassDef, updated_node: cst.ClassDef) -> cst.ClassDef:
        self.classes.pop()
        return updated_node

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self.functions += 1

    def leave_FunctionDef(self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef) -> cst.FunctionDef:
        self.functions -= 1
        name = original_node.name.value
        if self.functions or name not in ("setup", "teardown") or original_node.decorators or any(self.classes):
            return updated_node
        code = cst.Module([]).code_for_node(original_node)
        words = rf"self\.{re.escape(self.name)}\b" if self.classes else rf"\b{re.escape(self.name)}\b"
        self.blamed |= bool(self.name and re.search(words, code))
        return updated_node.with_changes(name=cst.Name(name + ("_method" if self.classes else "_module")))
