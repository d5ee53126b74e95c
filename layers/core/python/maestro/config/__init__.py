"""placeholder"""

from maestro.config.config import Config
from maestro.config.errors import ConfigError, EditError, Problem
from maestro.config.load import detect, load_config
from maestro.config.schema import json_schema
