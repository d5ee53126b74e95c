"""Whether a test fails after another one because of the product, of which it is then reported as a regression."""

from maestro.healing.base import Project
from maestro.healing.leaks import fixtures
from maestro.healing.leaks.answering import Answer, Answering, shown
from maestro.healing.sourcetree import SourceTree
from maestro.model import Failure

_TESTS_OWN = frozenset({Answer.TESTS, Answer.RESET, Answer.SHARED})
_PRODUCTS = frozenset({Answer.RESET, Answer.SHARED, Answer.PRODUCT})


def blamed(failure: Failure, project: Project) -> str | None:
    """Why a failure that depends on the order is the product's; None where a test may have caused it."""
    told = failure.diagnosis
    polluters = [str(test) for test in told.get("polluters") or ()]
    if told.get("verdict") != "order" or not polluters:
        return None
    tree = SourceTree(project.root, project.test_paths)
    changes = [change for test in polluters for change in (told.get("changes") or {}).get(test, ())]
    answering = Answering(tree, told, [*polluters, *failure.tests])
    answers = [(answering.answer(change), change) for change in changes]
    shared = fixtures.shared(told, tree)
    left = [why for _, name in shared if (why := fixtures.left_by(told, name, tree))]
    if any(answer in _TESTS_OWN for answer, _ in answers) or len(left) < len(shared):
        return None
    if any(fixtures.told_to(told, name, tree) for _, name in shared):
        return None
    by_product = list(dict.fromkeys(shown(change) for answer, change in answers if answer is Answer.PRODUCT))
    if by_product:
        return f"it leaves {', '.join(by_product[:4])} changed after {polluters[0]}, and no test changes that itself"
    return f"{left[0]}, and yet another test sees it changed" if left and not answers else None


def in_doubt(failure: Failure, project: Project) -> str:
    """Name the state that the product keeps between tests, where that may be meant or beside the point; "" for none."""
    told = failure.diagnosis
    polluters = [str(test) for test in told.get("polluters") or ()]
    if told.get("verdict") != "order" or not polluters:
        return ""
    tree = SourceTree(project.root, project.test_paths)
    answering = Answering(tree, told, [*polluters, *failure.tests])
    changes = [change for test in polluters for change in (told.get("changes") or {}).get(test, ())]
    kept = [shown(c) for c in changes if answering.answer(c) in _PRODUCTS]
    return ", ".join(dict.fromkeys(kept))
