"""A refusal as the API's clients see it: a Status with every cause.

In: causes. Out: its message and the Status. Called by what answers reviews, and by module validate for its message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api.causes import Cause

#: a message names no more causes than this; all of them are in details.causes
_TOLD = 10
#: of one object no more causes are looked for: nobody reads them, and an object of a few MiB could have half a million
MOST = 1000


def message(causes: Sequence[Cause]) -> str:
    """The causes in one line: the first ten messages, and how many more there are."""
    told = ", ".join(cause.message for cause in causes[:_TOLD])
    rest = len(causes) - _TOLD
    return f"{told}, and {rest} more validation errors" if rest > 0 else told


def status_cause(cause: Cause) -> dict[str, str]:
    """The cause as a StatusCause: reason, message, field."""
    return {"reason": cause.type, "message": cause.message, "field": cause.field}


def status(causes: Sequence[Cause], *, details: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The Status of a refusal: 422 Invalid with every cause; `details` are the object's name, group and kind."""
    return {
        "status": "Failure",
        "reason": "Invalid",
        "code": 422,
        "message": message(causes),
        "details": {**(details or {}), "causes": [status_cause(cause) for cause in causes]},
    }


def unique(causes: Iterable[Cause]) -> list[Cause]:
    """The causes in their order, each once; the first MOST of them, the rest is not asked for."""
    found: dict[Cause, None] = {}
    for cause in causes:
        found[cause] = None
        if len(found) == MOST:
            break
    return list(found)
