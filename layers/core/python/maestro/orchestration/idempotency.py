"""Idempotency-Key: the same request twice is one request."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyValidationError,
)

from maestro.orchestration.errors import ConflictError

REMEMBERED_SECONDS = 24 * 3600


def once(
    table: str, tenant: str, key: str, request: Mapping[str, Any], work: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Do ``work`` once per tenant and key, and give its answer to every repeat for a day.

    Raises
    ------
    ConflictError
        If the key was used for a different request, or the first request is still under way.
    """
    config = IdempotencyConfig(
        event_key_jmespath="id",
        payload_validation_jmespath="request",
        expires_after_seconds=REMEMBERED_SECONDS,
        raise_on_no_idempotency_key=True,
    )

    def perform(*, asked: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG001 - the wrapper reads it
        return work()

    store = DynamoDBPersistenceLayer(table_name=table)
    guarded = idempotent_function(perform, data_keyword_argument="asked", persistence_store=store, config=config)
    name = hashlib.sha256(f"{tenant}\0{key}".encode()).hexdigest()
    try:
        answer: dict[str, Any] = guarded(asked={"id": name, "request": json.dumps(request, sort_keys=True)})
    except IdempotencyValidationError as error:
        msg = "This Idempotency-Key was used for a different request; use a new key."
        raise ConflictError(msg) from error
    except IdempotencyAlreadyInProgressError as error:
        msg = "The first request with this Idempotency-Key is still under way; ask again in a moment."
        raise ConflictError(msg) from error
    return answer
