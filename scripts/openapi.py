"""Write docs/api/openapi.json from the code, or check (--check) that it is current."""

import argparse
import json
import sys
from pathlib import Path

from maestro.orchestration.api import build, schema
from maestro.orchestration.context import Context
from maestro.settings import Settings

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "api" / "openapi.json"


def main() -> int:
    """Write the document, or say that it is not current; return the exit code."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true", help="only compare")
    check = arguments.parse_args().check
    # The context makes its parts when they are first needed: describing the API needs none.
    text = json.dumps(json.loads(schema(build(Context(Settings())))), indent=2) + "\n"
    if not check:
        DOCUMENT.parent.mkdir(parents=True, exist_ok=True)
        DOCUMENT.write_text(text, encoding="utf-8")
        return 0
    if DOCUMENT.is_file() and DOCUMENT.read_text(encoding="utf-8") == text:
        return 0
    print("docs/api/openapi.json is not what the code says; run `make openapi` and commit it.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
