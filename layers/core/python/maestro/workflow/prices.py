"""What a run costs on AWS, in USD, for us-east-1, without the free tier.

Sources, as listed in July 2025: https://aws.amazon.com/lambda/pricing/ (x86_64, the first tier) and
https://aws.amazon.com/step-functions/pricing/ (Standard workflows).
"""

LAMBDA_GB_SECOND = 0.0000166667
LAMBDA_REQUEST = 0.20 / 1_000_000
STEP_FUNCTIONS_TRANSITION = 0.025 / 1000

# Transitions that one chunk of a Distributed Map with Standard children causes: its child execution begins, the chunk
# runs, it is counted, and the child ends.
TRANSITIONS_PER_CHUNK = 4


def chunks_cost(chunks: int, busy_seconds: float, memory_mb: int) -> float:
    """Return the price of ``chunks`` executions that are busy for ``busy_seconds`` altogether."""
    compute = busy_seconds * memory_mb / 1024 * LAMBDA_GB_SECOND
    return compute + chunks * (LAMBDA_REQUEST + TRANSITIONS_PER_CHUNK * STEP_FUNCTIONS_TRANSITION)
