"""Which groups of failures share a cause although no fact of theirs says so: by the product's functions that they run.

A failed assertion, and an error that comes up in a test itself, say nothing of their cause. Where it is known what
passing tests enter too, four things do, the first two of them also without that:

- It saw the very same error, in words too many to be chance, as others did.
- While the test ran, the error that other tests saw was logged: something between the product and the test caught it.
- The test enters a function of the product out of which other tests saw an error come, and no passing test enters it:
  the error was swallowed on its way to this test.
- Two such tests enter the same functions of the product, as far as no passing test enters them.

What is joined wrongly is no harm that lasts: tests that a repair leaves failing are a failure of their own in the next
round or pass. What is not joined costs a diagnosis and a proof of its own.
"""

import re
from collections.abc import Mapping, Sequence

from maestro.healing._roles import is_test_file
from maestro.healing._suspects import Function, covered_product, passing_spectra, product_frames
from maestro.model import CaseResult, Facts, Phase

Members = Sequence[tuple[CaseResult, Facts]]
# The last line of a traceback in a log.
_LOGGED = re.compile(r"(?m)^([A-Za-z_][\w.]*(?:Error|Exception|Warning|NotFound|Invalid\w*)): ([^\n]+)$")
_TELLING = 40  # characters of a message that two causes hardly share
_ABSORBING = 2  # an error that fewer tests show may be as much the other's consequence as its cause


def joined(groups: Mapping[str, Members], everything: Sequence[CaseResult]) -> dict[str, str]:
    """Return, for every group's key, the key of the group that it belongs to: its own, mostly."""
    passed = frozenset(function for spectrum in passing_spectra(everything) for function in spectrum)
    homes = {key: key for key in groups}
    silent = {key: members for key, members in groups.items() if _says_nothing(key, members)}
    _join_logged(homes, groups, silent)
    _join_alike(homes, groups, silent)
    if not passed:
        return homes
    weak = {key: _alone(members, passed) for key, members in silent.items() if homes[key] == key}
    strong = {
        (frames[0].file, frames[0].function): key
        for key, members in sorted(groups.items(), key=lambda item: len(item[1]))
        if key not in silent and len(members) >= _ABSORBING and members[0][1].phase in (Phase.CALL, Phase.SETUP)
        if (frames := product_frames(members[0][1]))
    }
    first: dict[frozenset[Function], str] = {}
    for key, functions in sorted(weak.items()):
        if not functions:
            continue
        raising = sorted({strong[f] for f in functions & strong.keys()}, key=lambda k: (-len(groups[k]), k))
        homes[key] = raising[0] if raising else first.setdefault(functions, key)
    return homes


def _join_logged(homes: dict[str, str], groups: Mapping[str, Members], silent: Mapping[str, Members]) -> None:
    """Give groups that say nothing to those whose error every one of their tests logged."""
    said = {
        _said(facts.exception, facts.message): key
        for key, members in sorted(groups.items())
        if key not in silent
        for _, facts in members
    }
    for key, members in silent.items():
        common = set.intersection(*({_said(*error) for error in _LOGGED.findall(facts.text)} for _, facts in members))
        homes[key] = next((said[error] for error in sorted(common) if error in said), key)


def _join_alike(homes: dict[str, str], groups: Mapping[str, Members], silent: Mapping[str, Members]) -> None:
    """Give an error that came up in a test to the largest group with the very same, long enough, words."""
    alike: dict[tuple[str, str], list[str]] = {}
    for key, members in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        facts = members[0][1]
        if key.startswith("error:") and len(facts.message) >= _TELLING:
            alike.setdefault((facts.exception, facts.message), []).append(key)
    for largest, *others in alike.values():
        homes.update(
            {key: largest for key in others if key in silent and homes[key] == key and homes[largest] == largest}
        )


def _said(exception: str, message: str) -> str:
    return f"{exception.rsplit('.', 1)[-1]}: {message.strip().partition(chr(10))[0]}"


def _says_nothing(key: str, members: Members) -> bool:
    """Whether a group's facts do not name a cause: its test said no, or stumbled over a value."""
    facts = members[0][1]
    if facts.phase is not Phase.CALL:
        return False
    if key.startswith("assertion:"):
        return True
    last = facts.frames[-1] if facts.frames else None
    raised_in_test = last is not None and last.in_project and is_test_file(last.file)
    return key.startswith("error:") and raised_in_test and not product_frames(facts)


def _alone(members: Members, passed: frozenset[Function]) -> frozenset[Function]:
    """The product's functions that a group's tests enter and no passing test does."""
    entered = frozenset(function for _, facts in members for function in covered_product(facts))
    return entered - passed
