"""What an object's annotations say about its own runs, under ansible-operator's names.

In: an object, and what its watch says. Out: numbers. A value that cannot be read is an InvalidObject that names the annotation. Pure. Called by
`planned_turn.py`, `operator_turn.py` and `role_run.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors

from . import durations, kind_settings

PREFIX = "ansible.sdk.operatorframework.io/"
PERIOD_ANNOTATION = PREFIX + "reconcile-period"
VERBOSITY_ANNOTATION = PREFIX + "verbosity"
ARTIFACTS_ANNOTATION = PREFIX + "max-runner-artifacts"


def period(obj: Mapping[str, Any], default: float) -> float | None:
    """Seconds until the object is looked at again although nothing happened; None where that is switched off."""
    text = _annotation(obj, PERIOD_ANNOTATION)
    try:
        return (default if text is None else durations.parse_duration(text)) or None
    except ValueError as error:
        raise errors.InvalidObject(f"annotation {PERIOD_ANNOTATION}: {error}") from error


def verbosity(obj: Mapping[str, Any], default: int) -> int:
    """How many v's ansible is told, 0 to 7."""
    text = _annotation(obj, VERBOSITY_ANNOTATION)
    if text is None:
        return default
    try:
        return kind_settings.check_verbosity(f"annotation {VERBOSITY_ANNOTATION}", text)
    except ValueError as error:
        raise errors.InvalidObject(str(error)) from error


def max_artifacts(obj: Mapping[str, Any], default: int) -> int:
    """How many runs leave their artifacts on disk; 0 means all of them."""
    text = _annotation(obj, ARTIFACTS_ANNOTATION)
    if text is None:
        return default
    if not text.isdigit():
        raise errors.InvalidObject(f"annotation {ARTIFACTS_ANNOTATION}: '{text}' is not a whole number; 0 keeps all")
    return int(text)


def _annotation(obj: Mapping[str, Any], name: str) -> str | None:
    found = (obj["metadata"].get("annotations") or {}).get(name)
    return None if found is None else str(found)
