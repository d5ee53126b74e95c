"""The stored verdicts of a run's passes, for those who read them."""

from maestro.aggregation import Verdict
from maestro.model import load_json
from maestro.orchestration.naming import pass_key
from maestro.orchestration.ports import BlobStore


def read_verdict(blobs: BlobStore, tenant: str, run_id: str, pass_no: int) -> Verdict:
    """Read the stored verdict of a pass; raises BlobNotFoundError where there is none."""
    return load_json(Verdict, blobs.get(pass_key(tenant, run_id, pass_no, "verdict.json")))
