"""An update is never refused for what was wrong before it: only causes that it brings in count.

In: the causes of the new object and of the old one, with both objects. Out: those of the new one that the old one did not have. Entries of lists are told
apart by their name where they have one, so that removing the first disk does not make the second one's old fault a new one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api.causes import Cause

_PATH = re.compile(r"(?<![A-Za-z0-9.\]])[A-Za-z][A-Za-z0-9]*(?:\.[A-Za-z0-9]+|\[\d+\])*\[\d+\]")
#: a longer message carries a value of the client's; it is compared as it is
_LONGEST = 2000
_STEP = re.compile(r"\.?([A-Za-z0-9]+)|\[(\d+)\]")


def _named(path: str, obj: Mapping[str, Any]) -> str:
    """The path with names in place of numbers."""
    here: Any = obj
    told = ""
    for step in _STEP.finditer(path):
        key, index = step.groups()
        if key is not None:
            here = here.get(key) if isinstance(here, Mapping) else None
            told += f".{key}"
            continue
        here = here[int(index)] if isinstance(here, list) and int(index) < len(here) else None
        name = here.get("name") if isinstance(here, Mapping) else None
        told += f"[{name if name is not None else index}]"
    return told


def _key(cause: Cause, obj: Mapping[str, Any]) -> tuple[str, str, str]:
    """What makes two causes the same fault."""
    message = cause.message
    if len(message) <= _LONGEST:
        message = _PATH.sub(lambda found: _named(found.group(), obj), message)
    return cause.type, _named(cause.field, obj), message


def introduced(
    new: Sequence[Cause], obj: Mapping[str, Any], old: Sequence[Cause], old_obj: Mapping[str, Any]
) -> list[Cause]:
    """The causes that the update from `old_obj` to `obj` brings in."""
    known = {_key(cause, old_obj) for cause in old}
    return [cause for cause in new if _key(cause, obj) not in known]
