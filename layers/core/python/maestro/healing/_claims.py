"""Whether a change of a test file leaves everything that its tests say as it was, word for word.

It does where nothing was added but fixtures that are known by their exact form, with the modules that these import, and
where an assertion is only called by its other name (``assertEquals`` is ``assertEqual``).
"""

import ast
import copy

from maestro.healing._forms import canonical
from maestro.healing._trees import Change, parse
from maestro.healing.known_forms.listing import orders_listing
from maestro.healing.known_forms.restoring import HELPERS, restoring


def untouched(change: Change) -> bool:
    """Whether a changed Python file says what it said before; a new file says nothing where it only adds fixtures."""
    before, after = (copy.deepcopy(parse(text or "")) for text in (change.before, change.after))
    if before is None or after is None or change.after is None:
        return False
    known = {ast.dump(node) for node in before.body}
    after.body = [node for node in after.body if ast.dump(node) in known or not _harmless(node)]
    return ast.dump(canonical(before)) == ast.dump(canonical(after))


def _harmless(node: ast.stmt) -> bool:
    if isinstance(node, ast.Import):
        return all(name.name in HELPERS and name.asname is None for name in node.names)
    return restoring(node) or orders_listing(node)
