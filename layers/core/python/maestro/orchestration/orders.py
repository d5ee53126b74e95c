"""Orders: what the sandbox is asked to do, and what it answers.

The sandbox has no rights in AWS. An order is a JSON object in the bucket that the sandbox gets by a presigned URL, and
its answer goes to another one; the event that invokes it holds nothing but those two URLs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from maestro.healing.experiments import Experiment, Observation
from maestro.model import Candidate, CaseResult, Collection, EnvironmentFacts, Failure, Suite, dump_json, load_json
from maestro.orchestration.ports import BlobStore

URL_SECONDS = 6 * 3600


@dataclass(frozen=True, slots=True)
class Source:
    """Source code: a bundle behind a presigned URL, diffs to apply to it in order, a name to cache the bundle by."""

    url: str
    digest: str
    patches: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EnvironmentArchive:
    """Where the archive of an environment is, or goes: presigned URLs; all empty where sandboxes share one disk.

    ``key`` says which environment it is (``registry.archive_key``): one that a patch changed is another.
    """

    key: str = ""
    get_url: str = ""
    put_url: str = ""


@dataclass(frozen=True, slots=True)
class PrepareOrder:
    """Build the environment of some suites and collect their tests. ``seconds`` limits the whole of it."""

    source: Source
    suites: tuple[Suite, ...]
    seconds: float
    archive: EnvironmentArchive = field(default_factory=EnvironmentArchive)


@dataclass(frozen=True, slots=True)
class PrepareAnswer:
    """What was built and found; ``error`` holds the installer's own words where it could not be built."""

    facts: EnvironmentFacts | None
    collections: tuple[Collection, ...] = ()
    error: str = ""
    code: str = ""
    seconds: float = 0.0
    reused: bool = False


@dataclass(frozen=True, slots=True)
class ChunkOrder:
    """Run some tests of a suite."""

    source: Source
    suite: Suite
    tests: tuple[str, ...]
    collection: Collection
    seconds: float
    archive: EnvironmentArchive = field(default_factory=EnvironmentArchive)


@dataclass(frozen=True, slots=True)
class Race:
    """The race of a round: presigned URLs of the one object in which a proven candidate leaves its mark.

    ``candidate`` holds, as its patch, all that its repair would be; ``flaky`` the tests that are known to be.
    """

    get_url: str
    put_url: str
    failure: Failure
    candidate: Candidate
    flaky: tuple[str, ...] = ()
    history: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class Shared:
    """Presigned URLs of the object that holds what the whole suite showed with a patch, whichever failure it was for.

    Groups of failures often propose the same change of the environment; where it helps none of them, one run says so.
    """

    get_url: str
    put_url: str


@dataclass(frozen=True, slots=True)
class TrialOrder:
    """Try a candidate: run the failure's tests with it and, where they got better, the proof.

    ``before`` holds the results without the candidate. In a later round ``origin`` is the source without the changes
    that the heal has kept so far, and ``origin_results`` what it showed: a repair is all of them together.
    """

    source: Source
    candidate: str
    patch: str
    suite: str
    tests: tuple[str, ...]
    before: tuple[CaseResult, ...]
    repeats: int
    seconds: float
    archive: EnvironmentArchive = field(default_factory=EnvironmentArchive)
    stress: tuple[Experiment, ...] = ()  # the runs that revealed what is flaky: each must come out clean
    origin: Source | None = None
    origin_results: tuple[CaseResult, ...] = ()
    race: Race | None = None  # None: nobody else is trying
    shared: Shared | None = None
    suite_seconds: float = 0.0  # what the suite took as submitted; 0 where it is not known
    until: float = 0.0  # when all healing of the run has to be over, in seconds since the epoch; 0: no limit


@dataclass(frozen=True, slots=True)
class ExperimentOrder:
    """Run a suite's tests in the ways that the experiments state. ``seconds`` limits the whole of it."""

    source: Source
    suite: Suite
    experiments: tuple[Experiment, ...]
    seconds: float
    archive: EnvironmentArchive = field(default_factory=EnvironmentArchive)


@dataclass(frozen=True, slots=True)
class ExperimentAnswer:
    """What the experiments showed; ``error`` says why there is nothing to see."""

    observations: tuple[Observation, ...] = ()
    error: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Service:
    """Something that the tests need: a name and the URL that answers 2xx when it is well."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class ServicesOrder:
    """Ask the health URLs of services."""

    services: tuple[Service, ...]
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Desk:
    """Writes orders to the bucket and reads their answers."""

    blobs: BlobStore

    def issue(self, key: str, order: object) -> dict[str, str]:
        """Store an order under ``key``; return the URLs that the sandbox's event carries."""
        self.blobs.put(key + ".order.json", dump_json(order))
        return {
            "work_url": self.blobs.presign_get(key + ".order.json", URL_SECONDS),
            "result_url": self.blobs.presign_put(key + ".json", URL_SECONDS),
        }

    def answer(self, key: str, kind: type[Any]) -> Any:
        """Read the answer to the order under ``key``; None where the sandbox gave none."""
        if not self.blobs.exists(key + ".json"):
            return None
        return load_json(kind, self.blobs.get(key + ".json"))


def summary(**values: object) -> Mapping[str, object]:
    """Build the small answer that stays in the state machine."""
    return values
