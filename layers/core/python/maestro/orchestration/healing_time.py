"""How long a run's healing may go on, and since when it does."""

import time
from dataclasses import dataclass

from maestro.aggregation import SuiteVerdict
from maestro.config import Config
from maestro.model import Outcome, Run
from maestro.orchestration import pacing
from maestro.orchestration.naming import run_key
from maestro.orchestration.ports import BlobStore
from maestro.orchestration.verdicts import read_verdict

OVER = (
    "The time for healing was over before this could be tried (healing.time_limit in maestro.yaml; by default"
    f" {pacing.HEALING_SECONDS:g} s, or {pacing.HEALING_FACTOR:g} times what the suite takes)."
    " What was proven by then stands."
)


@dataclass(frozen=True, slots=True)
class HealingTime:
    """The clock of one run's healing, which all its heals and passes share; it starts with the first heal."""

    blobs: BlobStore
    run: Run
    pass_no: int

    def suite_seconds(self, suite: str) -> float:
        """Return what a suite's executions took together in the first pass in which a test passed; 0 before that."""
        return next((s.seconds for s in self._first() if s.suite == suite), 0.0)

    def until(self, config: Config) -> float:
        """Return when healing has to be over, in seconds since the epoch."""
        key = run_key(self.run.tenant, self.run.id, "healing-since.txt")
        if not self.blobs.exists(key):
            self.blobs.put(key, str(time.time()).encode())
        limit = config.healing.time_limit or pacing.healing_seconds(sum(s.seconds for s in self._first()))
        return float(self.blobs.get(key)) + limit

    def _first(self) -> tuple[SuiteVerdict, ...]:
        for number in range(self.pass_no + 1):
            verdict = read_verdict(self.blobs, self.run.tenant, self.run.id, number)
            if verdict.totals.get(Outcome.PASSED):
                return verdict.suites
        return ()
