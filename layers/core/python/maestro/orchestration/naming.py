"""Where things are kept in the bucket; every key begins with the tenant."""

import hashlib


def source_key(tenant: str, upload_id: str) -> str:
    """Return the key of an uploaded source bundle."""
    return f"{tenant}/sources/{upload_id}.tar.gz"


def run_key(tenant: str, run_id: str, *parts: str) -> str:
    """Return the key of something that belongs to a run."""
    return "/".join((tenant, "runs", run_id, *parts))


def pass_key(tenant: str, run_id: str, pass_no: int, *parts: str) -> str:
    """Return the key of something that belongs to one pass of a run."""
    return run_key(tenant, run_id, f"pass-{pass_no}", *parts)


def environment_key(tenant: str, digest: str) -> str:
    """Return the key of an archived environment."""
    return f"{tenant}/environments/{digest}.tar.gz"


def repair_id(run_id: str, content: str) -> str:
    """Return the id of a run's repair: it sorts by the run's time, and differs between runs and by its content."""
    return run_id.replace("-", "")[:12] + hashlib.sha256(f"{run_id} {content}".encode()).hexdigest()[:12]


def slug(name: str) -> str:
    """Turn a suite's name into one safe path component that differs for different names."""
    safe = "".join(c if c.isalnum() or c in "._-" else "-" for c in name)[:60]
    return safe if safe == name else f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
