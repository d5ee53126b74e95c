"""What can go wrong with the embedded stack."""

from typing import ClassVar

from maestro_cli.errors import CliError, Exit


class StackError(CliError):
    """Base of the embedded stack's errors."""

    code: ClassVar[str] = "stack_error"


class StackStartError(StackError):
    """A part of the stack did not start, or did not answer in time; the message holds the tail of its log."""

    code: ClassVar[str] = "stack_start_failed"
    retryable: ClassVar[bool] = True


class StackBusyError(StackError):
    """Another command is starting or stopping the same stack."""

    code: ClassVar[str] = "stack_busy"
    retryable: ClassVar[bool] = True
    exit_code: ClassVar[Exit] = Exit.USAGE


class NoStackError(StackError):
    """A command needs a stack that is up, and there is none."""

    code: ClassVar[str] = "no_stack"
    exit_code: ClassVar[Exit] = Exit.USAGE


class DeployError(StackError):
    """CloudFormation refused or failed; the message is in its own words."""

    code: ClassVar[str] = "deploy_failed"
