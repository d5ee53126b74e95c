"""``maestro.yaml`` and its absence: from a project's folder to a checked configuration.

``load_config`` reads the file, or detects what the project needs where it says nothing; every problem comes at once, with
file, line, column and what would be right. ``json_schema`` is what editors get, ``render`` writes a file,
``edit`` changes one and keeps its comments. All files are hostile: they are bounded, parsed, and never run.

>>> import tempfile, pathlib
>>> folder = tempfile.TemporaryDirectory()
>>> root = pathlib.Path(folder.name)
>>> _ = (root / "maestro.yaml").write_text("environment: {python: 3.10, install: [pytest]}\\nsuites:\\n  unit: {path: [tests]}\\n")
>>> load_config(root)
Traceback (most recent call last):
maestro.config.errors.ConfigError: maestro.yaml:3:10: unknown key 'path'; did you mean 'paths'?
>>> _ = (root / "maestro.yaml").write_text("environment: {python: 3.10, install: [pytest]}\\nsuites:\\n  unit: {paths: [tests]}\\n")
>>> load_config(root).suites[0].environment.python
'3.10'
>>> folder.cleanup()
"""

from maestro.config import edit
from maestro.config.config import Config
from maestro.config.errors import ConfigError, EditError, Problem, RenderError
from maestro.config.load import detect, load_config, load_text
from maestro.config.render import render
from maestro.config.schema import (
    HealingConfig,
    Notifications,
    QualityGates,
    Service,
    Thresholds,
    json_schema,
)

__all__ = [
    "Config",
    "ConfigError",
    "EditError",
    "HealingConfig",
    "Notifications",
    "Problem",
    "QualityGates",
    "RenderError",
    "Service",
    "Thresholds",
    "detect",
    "edit",
    "json_schema",
    "load_config",
    "load_text",
    "render",
]
