"""Lines of the log."""

from __future__ import annotations

import json
import logging
import sys

from ansible_collections.playvirt.core.images.virt_launcher import log


def record(message: str, *arguments: object, error: bool = False) -> logging.LogRecord:
    raised = None
    if error:
        try:
            raise ValueError("wrong")
        except ValueError:
            raised = sys.exc_info()
    return logging.LogRecord("x", logging.WARNING, __file__, 1, message, arguments, raised)


def test_line_is_one_json_object_with_the_key() -> None:
    line = log.JsonFormatter("default/one").format(record("domain is %s\n", "running"))
    assert "\n" not in line
    said = json.loads(line)
    assert (said["level"], said["vmi"], said["message"]) == ("warning", "default/one", "domain is running\n")
    assert said["time"].endswith("+00:00")


def test_traceback_is_part_of_the_line() -> None:
    line = log.JsonFormatter("default/one").format(record("failed", error=True))
    assert "\n" not in line
    assert "ValueError: wrong" in json.loads(line)["traceback"]
