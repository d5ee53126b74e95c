"""Whether each part that intake needs is well."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from maestro.model import MaestroError

if TYPE_CHECKING:
    from maestro.orchestration.context import Context

NOBODY = "health-check"


def check(context: "Context") -> dict[str, str]:
    """Ask the table, the bucket and the streams something small; "ok", or what each of them said."""

    def table() -> None:
        context.runs.get_run(NOBODY, NOBODY)

    def bucket() -> None:
        context.blobs.exists(f"{NOBODY}/sources/none.tar.gz")

    def streams() -> None:
        context.streams.alive("poller")

    return {name: _ask(question) for name, question in (("table", table), ("bucket", bucket), ("streams", streams))}


def _ask(question: Callable[[], None]) -> str:
    try:
        question()
    except MaestroError as error:
        return f"{error.code}: {error}"
    return "ok"
