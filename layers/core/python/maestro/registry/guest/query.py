"""Print what this environment holds as JSON; standard library only, Python 3.8 and later."""

import importlib.metadata
import json
import re
import sys


def normal(name):
    """Normalise a distribution's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def tops(distribution):
    """Return the top-level import names of a distribution."""
    listed = distribution.read_text("top_level.txt")
    names = set((listed or "").split())
    for file in distribution.files or ():
        first = file.parts[0]
        if len(file.parts) == 1 and first.endswith(".py"):
            names.add(first[:-3])
        elif len(file.parts) == 1 and first.endswith((".so", ".pyd")):
            names.add(first.split(".")[0])
        elif len(file.parts) > 1 and file.suffix in (".py", ".so", ".pyd", ".pyi") and first.isidentifier():
            names.add(first)
    return sorted(n for n in names if not n.startswith("__editable__") and n.replace("/", ".").isidentifier())


def main():
    """Query and print."""
    distributions, modules = {}, {}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        if not name or normal(name) in distributions:
            continue
        distributions[normal(name)] = distribution.version or ""
        for top in tops(distribution):
            modules.setdefault(top, normal(name))
    version = "%d.%d.%d" % sys.version_info[:3]
    print(json.dumps({"python": version, "distributions": distributions, "modules": modules}))  # noqa: T201 - its answer


if __name__ == "__main__":
    main()
