"""The embedded stack: the deployed bundle, whole, on one machine.

Valkey and MiniStack run as detached processes on 127.0.0.1 with all their state in one ``.maestro`` folder;
``template.yaml`` is deployed to it by CloudFormation, unchanged. Bringing it up again mends whatever died.

>>> import tempfile
>>> from pathlib import Path
>>> from maestro_cli.stack import EmbeddedStack
>>> with tempfile.TemporaryDirectory() as home:
...     EmbeddedStack(Path(home) / ".maestro").status().up
False
"""

from maestro_cli.stack.embedded import EmbeddedStack, PartStatus, StackStatus
from maestro_cli.stack.errors import DeployError, NoStackError, StackBusyError, StackError, StackStartError
from maestro_cli.stack.folder import Record, StateFolder, find

__all__ = [
    "DeployError",
    "EmbeddedStack",
    "NoStackError",
    "PartStatus",
    "Record",
    "StackBusyError",
    "StackError",
    "StackStartError",
    "StackStatus",
    "StateFolder",
    "find",
]
