"""Which strategy answers a failure, as far as its facts alone tell: a small classifier with its weights as data.

Multinomial logistic regression over named features that are present or absent: the exception, where it was raised,
what it says, the operands of an assertion, what the test enters. ``scripts/train_classifier.py`` fits the weights to
failures of real projects that were broken on purpose (``tests/support/failures``); ``tests/benchmarks/classifier.py``
measures it on projects and breakages that it has not seen.

It only orders what generators propose. It neither acquits nor convicts: a regression is told by
:mod:`maestro.healing.diagnosis`, a repair by its proof.
"""

import builtins
import json
import math
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from importlib import resources

from maestro.healing import _names
from maestro.healing._roles import is_test_file
from maestro.healing.errors import OutcomesError
from maestro.model import Facts, Failure, Frame, Phase

REGRESSION = "regression"
FLOOR = 0.5  # the most by which an unlikely strategy's odds are cut: it must not fall out of the candidates
_BUILTINS = frozenset(dir(builtins))
_WORD = re.compile(r"[a-z]{3,}")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_LITERAL = re.compile(r"-?\d[\d.e+-]*|[rbuf]*['\"].*['\"]|None|True|False|[\[{(].*[\]})]", re.DOTALL)
_MAX_TEXT = 1500
_SIMILAR = 0.6
_FEW, _MANY = 3, 20


@dataclass(frozen=True, slots=True)
class Weights:
    """One number per label for each feature, and for none (``intercept``); labels are strategies or "regression"."""

    labels: tuple[str, ...]
    intercept: tuple[float, ...]
    features: Mapping[str, tuple[float, ...]]


def parse_weights(text: str) -> Weights:
    """Read weights from JSON as in ``healing/data/classifier.json``; raises :class:`OutcomesError`."""
    try:
        data = json.loads(text)
        labels = tuple(map(str, data["labels"]))
        intercept = tuple(map(float, data["intercept"]))
        features = {str(name): tuple(map(float, row)) for name, row in data["features"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise OutcomesError(f"the classifier's weights cannot be read ({error})") from error
    if any(len(row) != len(labels) for row in (intercept, *features.values())):
        raise OutcomesError("the classifier's weights do not have one number for each label")
    return Weights(labels, intercept, features)


@cache
def weights() -> Weights:
    """Return the weights that are shipped with the package."""
    return parse_weights(resources.files("maestro.healing").joinpath("data/classifier.json").read_text("utf-8"))


def rank(failure: Failure, model: Weights | None = None) -> Mapping[str, float]:
    """Return how likely each strategy, or a regression, is to be the answer; the values add up to one."""
    return predict(features(failure.facts), model or weights())


def predict(present: Iterable[str], model: Weights) -> dict[str, float]:
    """Return the probability of each label for the features that are present; unknown features say nothing.

    >>> model = Weights(("a", "b"), (0.0, 0.0), {"x": (math.log(3), 0.0)})
    >>> {label: round(p, 2) for label, p in predict(["x", "unheard of"], model).items()}
    {'a': 0.75, 'b': 0.25}
    """
    scores = list(model.intercept)
    for name in sorted(set(present)):
        for index, weight in enumerate(model.features.get(name, ())):
            scores[index] += weight
    highest = max(scores)
    shares = [math.exp(score - highest) for score in scores]
    return {label: share / sum(shares) for label, share in zip(model.labels, shares, strict=True)}


def moved(prior: float, strategy: str, ranked: Mapping[str, float]) -> float:
    """Move a candidate's prior by what the classifier makes of its strategy.

    The likeliest strategy keeps its odds; the others lose up to ``1 - FLOOR`` of theirs, in proportion.

    >>> round(moved(0.5, "timing", {"timing": 0.8, "syntax": 0.2}), 3), round(
    ...     moved(0.5, "syntax", {"timing": 0.8, "syntax": 0.2}), 3
    ... )
    (0.5, 0.385)
    """
    likeliest = max((share for label, share in ranked.items() if label != REGRESSION), default=0.0)
    if likeliest <= 0 or not 0 < prior < 1:
        return prior
    factor = FLOOR + (1 - FLOOR) * ranked.get(strategy, 0.0) / likeliest
    odds = prior / (1 - prior) * factor
    return odds / (1 + odds)


# ------------------------------------------------------------------ features


def features(facts: Facts) -> frozenset[str]:
    """Return the features that a failure's facts show; none of them names a project."""
    return frozenset(
        (*_of_exception(facts), *_of_frames(facts), *_of_attributes(facts), *_of_assertion(facts), *_of_words(facts))
    )


def _short(name: str) -> str:
    return name.rsplit(".", 1)[-1]


def _origin(name: str, distribution: str = "") -> str:
    """Whose a qualified name is: of the builtins, the standard library, a distribution, or else the project."""
    first = name.partition(".")[0]
    if distribution:
        return "library"
    if _names.builtin(name):
        return "builtin"
    return "stdlib" if first in sys.stdlib_module_names or _names.stdlib_gone(first) else "other"


def _place(frame: Frame) -> str:
    if frame.in_project:
        return "test" if is_test_file(frame.file) else "product"
    if frame.distribution or "site-packages" in frame.file:
        return "library"
    return "generated" if frame.file.startswith("<") else "stdlib"


def _of_exception(facts: Facts) -> Iterator[str]:
    yield f"phase:{facts.phase.value}"
    yield f"exception:{_short(facts.exception)}"
    yield f"exception-of:{_origin(facts.exception)}"
    yield from (f"base:{base}" for base in facts.bases if base in _BUILTINS)
    yield from (f"after:{_short(cause.get('exception', ''))}" for cause in facts.causes)
    yield from (f"warned:{_short(warning.partition(':')[0])}" for warning in facts.warnings)


def _of_frames(facts: Facts) -> Iterator[str]:
    places = [_place(frame) for frame in facts.frames]
    yield f"raised-in:{places[-1] if places else 'nowhere'}"
    path = [p for i, p in enumerate(places) if i == 0 or places[i - 1] != p]
    yield f"path:{'>'.join(path[-3:])}"
    yield from (f"through:{place}" for place in set(places))
    if places and places[-1] in ("stdlib", "library"):
        yield f"inside:{facts.frames[-1].file.rsplit('/', 1)[-1]}"
    functions = {f for file, names in facts.covered.items() if not is_test_file(file) for f in names} - {"<module>"}
    size = "no" if not functions else "few" if len(functions) <= _FEW else "some" if len(functions) <= _MANY else "many"
    yield f"enters:{size} functions of the product"
    yield f"versions:{bool(facts.versions)}"


def _of_attributes(facts: Facts) -> Iterator[str]:
    told = facts.attributes
    yield from (f"told:{key}" for key, value in told.items() if value not in ("", None, [], ()))
    owner, name = str(told.get("owner") or told.get("module") or ""), str(told.get("name") or "")
    brought = str(told.get("owner_distribution") or told.get("module_distribution") or "")
    if owner:
        yield f"owner:{told.get('owner_kind', 'module')}:{_origin(owner, brought)}"
        yield f"gone-from-python:{_names.stdlib_gone(f'{owner}.{name}' if name else owner)}"
    if name:
        yield f"name-of-python2:{name in _names.PYTHON2_BUILTINS}"
        yield f"name-gone:{name in _names.GONE_ATTRIBUTES}"
        yield f"name-asserts:{_names.asserts(name)}"
    if told.get("callee"):
        yield f"callee:{_origin(str(told['callee']), str(told.get('callee_distribution') or ''))}"


def _of_assertion(facts: Facts) -> Iterator[str]:
    told = facts.assertion
    if not told:
        return
    left, right = str(told.get("left", ""))[:_MAX_TEXT], str(told.get("right", ""))[:_MAX_TEXT]
    kinds = [str(told.get(side, "")) for side in ("left_type", "right_type")]
    yield f"op:{told.get('op', '')}"
    yield from (f"operand:{kind if kind in _BUILTINS or not kind else _origin(kind)}" for kind in kinds)
    yield f"operands:{'alike' if kinds[0] == kinds[1] else 'of two types'}"
    yield f"against-literal:{any(_is_literal(told.get(s)) for s in ('left_source', 'right_source'))}"
    if left and right:
        ratio = SequenceMatcher(None, left, right).quick_ratio()
        yield f"values:{'reordered' if sorted(left) == sorted(right) else 'similar' if ratio > _SIMILAR else 'unlike'}"
        yield f"longer:{'left' if len(left) > len(right) else 'right' if len(left) < len(right) else 'neither'}"
    for side, value in (("left", left), ("right", right)):
        if value in ("[]", "{}", "set()", "()", "''", "None", "0", "False", "True", "1"):
            yield f"{side}-is:{value}"


def _is_literal(source: object) -> bool:
    return isinstance(source, str) and bool(_LITERAL.fullmatch(source.strip()))


def _of_words(facts: Facts) -> Iterator[str]:
    """Words of the message, of the failing lines of the project, and of the assertion."""
    lines = [frame.code for frame in facts.frames if frame.in_project][-2:]
    asserted = " ".join(str(facts.assertion.get(k, "")) for k in ("expression", "left_source", "right_source"))
    if facts.phase in (Phase.COLLECT, Phase.SESSION):
        lines.append(str(facts.attributes.get("text", "")))
    message = facts.message[:_MAX_TEXT] if not asserted.strip() else ""
    yield from (f"says:{word}" for word in _words(message))
    yield from (f"code:{word}" for word in _words(" ".join([*lines, asserted])))


def _words(text: str) -> set[str]:
    return set(_WORD.findall(_CAMEL.sub(" ", text).lower()))
