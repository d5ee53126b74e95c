"""What can be wrong with a plan."""

from maestro.model import MaestroError


class WorkflowError(MaestroError):
    """Suites that cannot be ordered, or a plan that cannot be made."""

    code = "workflow_invalid"
