"""Words as YAML scalars."""

import re

import yaml

_PLAIN = re.compile(
    r"[A-Za-z0-9_./+-](?:[A-Za-z0-9_./+=@<>~!%*;()\[\],'\"^| -]*[A-Za-z0-9_./+=@<>~!%*;()\[\],'\"^|-])?"
)
_FLOW_PUNCTUATION = frozenset("[]{},")


def scalar(value: str, *, flow: bool = False) -> str:
    """Write a word so that YAML reads the same text back: plain where that is safe, else in double quotes.

    ``flow`` is for a place inside ``[...]`` or ``{...}``. A word that YAML would take for a number, a date or a truth
    value is quoted.
    """
    plain = _PLAIN.fullmatch(value) and not value.startswith(("---", "...")) and value != "-"
    if plain and not (flow and _FLOW_PUNCTUATION & set(value)):
        node = yaml.compose(value, Loader=yaml.SafeLoader)
        if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:str":
            return value
    return str(yaml.dump(value, default_style='"', width=float("inf"), allow_unicode=True)).rstrip("\n")
