"""Runs benchmarks and prints one JSON object per line on stdout; all else goes to stderr.

In: names of benchmarks, all that exist without one. Out: {"bench", "name", "value", "unit", ...}. Called by `make bench`.
"""

from __future__ import annotations

import importlib
import json
import sys

AVAILABLE = ("main_job", "runner", "cache", "admission", "launcher")
PLANNED = ("controllers", "streams", "modules", "migration")


def main(wanted: list[str]) -> int:
    """Run them; 2 for a name that is not there."""
    for name in wanted or AVAILABLE:
        if name in PLANNED:
            print(f"benchmark '{name}' is not part of playvirt yet; there is: {', '.join(AVAILABLE)}", file=sys.stderr)
            return 2
        if name not in AVAILABLE:
            print(f"no benchmark '{name}'; there is: {', '.join(AVAILABLE)}", file=sys.stderr)
            return 2
        module = importlib.import_module(f"ansible_collections.playvirt.core.tests.bench.{name}")
        for result in module.run():
            print(json.dumps({"bench": name, **result}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
