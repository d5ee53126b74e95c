"""Functions of the project that code outside of it calls with more arguments than they take.

A library may pass its newer parameters to whatever overrides its method. The override then takes them, with their
defaults, and goes on as before: for every call that worked, nothing changes. That is the only change this module
allows, and only for what the failure itself says: the call came from outside of the project, and the parameters are
those of the overridden method (or, for a test's stand-in, the one keyword that was refused).
"""

import ast
import copy
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from maestro.model import Failure

_REFUSED = re.compile(
    r"(?:[\w.<>]+\.)?(?P<name>\w+)\(\) "
    r"(?:takes .*positional arguments? but|got an unexpected keyword argument ['\"](?P<key>\w+)['\"])"
)
_REFUSED_KEYWORD = re.compile(r"([\w.<>]+)\(\) got an unexpected keyword argument ['\"](\w+)['\"]")
# pytest's own words, of pytest.raises and pytest.warns
_REFUSED_KEYWORDS = re.compile(r"Unexpected keyword arguments passed to ([\w.]+): (\w+(?:, \w+)*)")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Asked:
    """A function that got more than it takes: its name, the parameters asked for (with their defaults as source).

    ``overrides`` says that it overrides a method from outside of the project, whose parameters these are.
    """

    function: str
    parameters: Mapping[str, str]
    overrides: bool

    def allows(self, function: str, *, tests: bool) -> bool:
        """Whether a function of this name may take the parameters; a stand-in stands in a test's file."""
        return function == self.function and (self.overrides or tests)


def refused_keywords(text: str) -> tuple[tuple[str, str], ...]:
    """Return (callee as the message names it, keyword) of calls with an argument that the callee does not take.

    >>> refused_keywords("sleep() got an unexpected keyword argument 'loop'")
    (('sleep', 'loop'),)
    >>> refused_keywords("Unexpected keyword arguments passed to pytest.raises: message")
    (('pytest.raises', 'message'),)
    """
    found = _REFUSED_KEYWORD.findall(text)
    found += [(callee, name) for callee, names in _REFUSED_KEYWORDS.findall(text) for name in names.split(", ")]
    return tuple(dict.fromkeys(found))


def asked_for(failure: Failure) -> Asked | None:
    """Return what a call from outside of the project asked for in vain; None where it was not that.

    A call from within the project is its author's mistake.
    """
    facts = failure.facts
    refused = _REFUSED.match(facts.message)
    if refused is None or not facts.exception.endswith("TypeError") or not facts.frames or facts.frames[-1].in_project:
        return None
    overridden = facts.attributes.get("overridden")
    if isinstance(overridden, Mapping):
        return Asked(refused["name"], optional(str(overridden.get("signature", ""))), overrides=True)
    return Asked(refused["name"], {refused["key"]: "None"}, overrides=False) if refused["key"] else None


def optional(signature: str) -> dict[str, str]:
    """Return the parameters of a printed signature that have defaults, in order, each with its default as source."""
    for text in (signature, re.sub(r"=\s*<[^>]*>", "=None", signature)):
        try:
            function = ast.parse(f"def f{text}: pass").body[0]
        except SyntaxError:
            continue
        assert isinstance(function, ast.FunctionDef)  # noqa: S101 - that is what was parsed
        return dict(_defaults(function.args))
    return {}


def _defaults(arguments: ast.arguments) -> Iterable[tuple[str, str]]:
    positional = [*arguments.posonlyargs, *arguments.args]
    given = [None] * (len(positional) - len(arguments.defaults)) + list(arguments.defaults)
    for argument, default in [
        *zip(positional, given, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]:
        if default is not None:
            try:
                ast.literal_eval(default)
            except ValueError:
                yield argument.arg, "None"
            else:
                yield argument.arg, ast.unparse(default)


def narrowed(old: Function, new: Function, allowed: Collection[str]) -> Function | None:
    """Return ``new`` without the parameters that it has more than ``old``; None where they are not of that kind.

    They must be allowed, stand last, have a constant default, and be used nowhere in the function.
    """
    before, after = old.args, new.args
    known = {a.arg for a in ast.walk(before) if isinstance(a, ast.arg)}
    added = [a.arg for a in ast.walk(after) if isinstance(a, ast.arg) and a.arg not in known]
    used = {n.id for s in new.body for n in ast.walk(s) if isinstance(n, ast.Name)}
    if not added or not set(added) <= set(allowed) or set(added) & used:
        return None
    out = copy.deepcopy(new)
    arguments = out.args
    while arguments.args and arguments.args[-1].arg in added:
        if not arguments.defaults or not isinstance(arguments.defaults.pop(), ast.Constant):
            return None
        arguments.args.pop()
    for index in reversed(range(len(arguments.kwonlyargs))):
        if arguments.kwonlyargs[index].arg in added:
            if not isinstance(arguments.kw_defaults[index], ast.Constant):
                return None
            del arguments.kwonlyargs[index], arguments.kw_defaults[index]
    left = {a.arg for a in ast.walk(arguments) if isinstance(a, ast.arg)}
    return None if left & set(added) else out
