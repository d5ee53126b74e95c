"""What the project gives to code outside of it: methods that override, and import hooks."""

from collections.abc import Iterable, Mapping

import libcst as cst

from maestro.healing._roles import Role
from maestro.healing.base import Project, Proposal
from maestro.healing.known_forms.rewrites import BRIDGE
from maestro.healing.known_forms.signatures import Asked, asked_for
from maestro.healing.strategies.evidence import Evidence
from maestro.healing.strategies.rewriting import rewritten
from maestro.model import Failure, Strategy


class OverriddenSignature:
    """Lets a method take what the library passes to whatever overrides it, and a test's stand-in what it is passed."""

    name = "overridden_signature"
    strategy = Strategy.API_CONTRACT_ADAPTATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield the function with the missing parameters, by the signature that the overridden method has."""
        asked = asked_for(failure)
        if asked is None or not asked.parameters:
            return
        evidence = Evidence(failure, project)
        callee = str(evidence.attribute("callee"))
        owner = callee.split(".")[-2] if callee.count(".") else ""
        edits: dict[str, str] = {}
        for source in evidence.tree.sources(asked.function):
            stands_in = evidence.tree.role(source.path) in (Role.TEST, Role.FIXTURE)
            if not (asked.overrides or stands_in):
                continue
            widener = _Widener(asked, owner if asked.overrides else "")
            code = rewritten(source.text, widener)
            if code is not None:
                edits[source.path] = code
        if edits:
            more = ", ".join(asked.parameters)
            whom = "the method that it overrides" if asked.overrides else "what it stands in for"
            yield Proposal(edits, f"{asked.function} takes what {whom} takes: {more}", 0.88 if asked.overrides else 0.7)


class _Widener(cst.CSTTransformer):
    """Adds parameters to a function of one name (and class, where given) that lacks them."""

    def __init__(self, asked: Asked, owner: str) -> None:
        super().__init__()
        self.asked, self.owner = asked, owner
        self.classes: list[str] = []

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        self.classes.append(node.name.value)

    def leave_ClassDef(self, original_node: cst.ClassDef, updated_node: cst.ClassDef) -> cst.ClassDef:
        del original_node
        self.classes.pop()
        return updated_node

    def leave_FunctionDef(self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef) -> cst.FunctionDef:
        if original_node.name.value != self.asked.function or (self.owner and self.classes[-1:] != [self.owner]):
            return updated_node
        given = updated_node.params
        if given.star_kwarg is not None:
            return updated_node
        known = {p.name.value for p in (*given.posonly_params, *given.params, *given.kwonly_params)}
        more = [_parameter(name, default) for name, default in self.asked.parameters.items() if name not in known]
        if not more:
            return updated_node
        if isinstance(given.star_arg, cst.Param):
            return updated_node.with_changes(params=given.with_changes(kwonly_params=[*given.kwonly_params, *more]))
        params = [*given.params, *more]
        if given.params and isinstance(given.params[-1].comma, cst.Comma):  # a trailing one, perhaps on its own line
            last = given.params[-1]
            single = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
            params = [*given.params[:-1], last.with_changes(comma=single), *more]
            params[-1] = params[-1].with_changes(comma=last.comma)
        return updated_node.with_changes(params=given.with_changes(params=params))


def _parameter(name: str, default: str) -> cst.Param:
    return cst.Param(
        cst.Name(name),
        default=cst.parse_expression(default),
        equal=cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace("")),
    )


class ImportHook:
    """Gives import hooks of before Python 3.4 the method that Python 3.12 asks for.

    Copies of old versions of ``six`` inside of a project are the usual ones.
    """

    name = "import_hook"
    strategy = Strategy.API_CONTRACT_ADAPTATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield the method for every such class, where a module of the project is missing that no file holds."""
        evidence = Evidence(failure, project)
        if evidence.python < (3, 12) or not evidence.missing_modules:
            return
        edits: dict[str, str] = {}
        for source in evidence.tree.sources("find_module"):
            if "def find_module" not in source.text or evidence.tree.role(source.path) is Role.CONFIGURATION:
                continue
            code = rewritten(source.text, _Bridged())
            if code is not None:
                edits[source.path] = code
        if edits:
            words = "Python 3.12 no longer calls find_module() of an import hook; give it find_spec()"
            yield Proposal(edits, f"{words} (https://docs.python.org/3/whatsnew/3.12.html#importlib)", 0.9)


class _Bridged(cst.CSTTransformer):
    def leave_ClassDef(self, original_node: cst.ClassDef, updated_node: cst.ClassDef) -> cst.ClassDef:
        if not isinstance(updated_node.body, cst.IndentedBlock):
            return updated_node
        methods: Mapping[str, cst.FunctionDef] = {
            s.name.value: s for s in original_node.body.body if isinstance(s, cst.FunctionDef)
        }
        finder = methods.get("find_module")
        if finder is None or "find_spec" in methods or finder.decorators or len(finder.params.params) < 3:
            return updated_node
        bridge = cst.parse_module(BRIDGE).body[0].with_changes(leading_lines=[cst.EmptyLine(indent=False)])
        body: list[cst.BaseStatement] = []
        for statement in updated_node.body.body:
            body.append(statement)
            if isinstance(statement, cst.FunctionDef) and statement.name.value == "find_module":
                body.append(bridge)
        return updated_node.with_changes(body=updated_node.body.with_changes(body=body))
