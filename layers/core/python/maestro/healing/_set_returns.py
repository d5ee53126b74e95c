"""Which functions say, by their annotation, that they return a set, and promise no order in words."""

import ast
import re

_ORDER = re.compile(
    r"(?i)sort|order|sequen|first|last|chronolog|alphabet|\brank|\bposition|\bin (a )?rows?\b|one after|\bfrom .+ to\b|"
    r"\b(as|like|how|where|when) (they|it|each|these|those|the \w+|that)\b|\b(a )?dict'?s? keys\b|\barriv|\bappear|"
    r"\bthe way (they|it|the)\b|\bkeeps? the\b|\bstable\b"
)
_PURPOSE = re.compile(r"(?i)\bin\s+order\s+(to|that|for)\b")
_SET = re.compile(r"((typing|t)\.(Frozen)?Set|set|frozenset)(\[.*\])?")
_TYPING = re.compile(r"(Frozen)?Set(\[.*\])?")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def set_functions(module: ast.Module) -> tuple[set[str], set[str]]:
    """Return the names of functions that return a set of Python's own and promise no order, and all other names."""
    typing = {
        alias.asname or alias.name
        for node in module.body
        if isinstance(node, ast.ImportFrom) and node.module == "typing"
        for alias in node.names
    }
    sets: set[str] = set()
    others: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            said = ast.unparse(node.returns).strip("'\"") if node.returns is not None else ""
            annotated = _SET.fullmatch(said) or (_TYPING.fullmatch(said) and said.partition("[")[0] in typing)
            returns = annotated and isinstance(node, ast.FunctionDef) and not speaks_of_order(node)
            (sets if returns else others).add(node.name)
        elif isinstance(node, ast.ClassDef) or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)):
            others.add(node.name if isinstance(node, ast.ClassDef) else node.id)
    return sets, others


def speaks_of_order(function: Function) -> bool:
    """Whether a function's name or its description are about an order."""
    return any(_ORDER.search(_PURPOSE.sub("", text)) for text in (function.name, ast.get_docstring(function) or ""))
