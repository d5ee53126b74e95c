"""``maestro.yaml`` and its absence: from a project's folder to a checked configuration.

``load_config`` reads the file, or detects what the project needs where it says nothing; every problem comes at once,
with file, line, column and what would be right. ``json_schema`` is what editors get, ``render`` writes a file,
``edit`` changes one and keeps its comments. All files are hostile: they are bounded, parsed, and never run.

>>> import pathlib, tempfile
>>> folder = tempfile.TemporaryDirectory()
>>> file = pathlib.Path(folder.name, "maestro.yaml")
>>> _ = file.write_text("suites: {unit: {path: [tests]}}")
>>> load_config(file.parent)
Traceback (most recent call last):
maestro.config.errors.ConfigError: maestro.yaml:1:17: unknown key 'path'; did you mean 'paths'?
>>> _ = file.write_text("environment: {python: 3.10}, suites: {unit: {paths: [tests]}}".join("{}"))
>>> load_config(file.parent).suites[0].environment.python
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
