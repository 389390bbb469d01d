"""The launcher's log: one JSON object per line on stderr, with the VMI's key.

In: Python's logging. Out: lines such as {"time": ..., "level": "warning", "vmi": "default/one", "message": ...}. Called by run.py.
"""

from __future__ import annotations

import datetime
import json
import logging


class JsonFormatter(logging.Formatter):
    """Formats a record as JSON; `vmi` is the key `namespace/name` on every line."""

    def __init__(self, vmi: str) -> None:
        """Keep the key."""
        super().__init__()
        self._vmi = vmi

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        time = datetime.datetime.fromtimestamp(record.created, datetime.UTC).isoformat(timespec="milliseconds")
        line = {"time": time, "level": record.levelname.lower(), "vmi": self._vmi, "message": record.getMessage()}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


def configure(vmi: str) -> None:
    """Log to stderr from now on."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(vmi))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
