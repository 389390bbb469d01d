"""The process in which site rules run: one rule, one object at a time.

In: a line of JSON on standard input: {"rule", "obj", "old"}. Out: a line on standard output: {"causes": [{"field", "message", "type"}]} or
{"error": "..."}; what rules print goes to standard error. Started, timed and killed by site_rule_process.py, so that nothing a rule does reaches virt-api.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Mapping
from typing import Any, BinaryIO

from ansible_collections.playvirt.core.plugins.module_utils.admission import site_rules


def answer(line: bytes, loaded: dict[str, site_rules.Rule]) -> dict[str, Any]:
    """The answer to one line; `loaded` keeps the rules that were imported."""
    asked: Mapping[str, Any] = json.loads(line)
    name = str(asked["rule"])
    try:
        if name not in loaded:
            loaded[name] = site_rules.load(name)
        causes = site_rules.run(name, loaded[name], asked["obj"], asked["old"])
    except site_rules.SiteRuleError as error:
        return {"error": str(error)}
    return {"causes": [dataclasses.asdict(cause) for cause in causes]}


def serve(questions: BinaryIO, answers: BinaryIO) -> None:
    """Answer line after line until there are no more."""
    loaded: dict[str, site_rules.Rule] = {}
    for line in questions:
        answers.write(json.dumps(answer(line, loaded)).encode() + b"\n")
        answers.flush()


def main() -> int:
    """Serve on this process's standard input and output; a rule's own print must not end up among the answers."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(sys.stdin.buffer, answers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
