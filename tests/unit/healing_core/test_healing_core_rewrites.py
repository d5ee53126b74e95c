"""Looking a documented expression up finds what trying every pattern finds."""

import ast
import re

import pytest
from maestro.healing.known_forms.rewrites import Rewrite, _possible, match, rewrites


def meant(name: str) -> set[str]:
    return {name}


@pytest.mark.parametrize("rewrite", rewrites(), ids=lambda r: r.text)
def test_a_lookup_finds_what_trying_all_patterns_finds(rewrite: Rewrite) -> None:
    # given an expression that the pattern matches: other expressions stand where it has numbers
    text = re.sub(r"\*_9\b", "*_9", rewrite.text)
    node = ast.parse(re.sub(r"(?<![\w.*])_(\d)\b", r"thing_\1", text).replace("*_9", "last"), mode="eval").body

    # when it is looked up, and all patterns are tried
    found = [r.text for r in _possible(node, meant) if match(r.old, node, meant) is not None]
    tried = [r.text for r in rewrites() if match(r.old, node, meant) is not None]

    # then both give the same, in the same order
    assert found == tried
    assert rewrite.text in tried
