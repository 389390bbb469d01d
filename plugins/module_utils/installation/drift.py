"""Whether an object of the cluster is still as playvirt's manifest says.

In: a manifest and the object as it was read. Out: yes or no. Fields that the manifest does not name may have any value: the API server fills in defaults,
and others may add to an object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def is_as_wanted(wanted: Any, found: Any) -> bool:
    """Whether everything that the manifest says is so in the object.

    Lists of named things (containers, volumes, variables) are compared by name, other lists as a whole.
    """
    if isinstance(wanted, Mapping):
        if not isinstance(found, Mapping):
            return not wanted and found is None
        return all(is_as_wanted(value, found.get(key)) for key, value in wanted.items())
    if _is_list(wanted):
        if not _is_list(found):
            return not wanted and found is None
        if wanted and all(isinstance(entry, Mapping) and "name" in entry for entry in wanted):
            by_name = {entry.get("name"): entry for entry in found if isinstance(entry, Mapping)}
            return all(is_as_wanted(entry, by_name.get(entry["name"])) for entry in wanted)
        return len(wanted) == len(found) and all(map(is_as_wanted, wanted, found))
    # an omitted field reads as its zero value, which the API server leaves out
    return bool(wanted == found) or (found is None and wanted in (False, 0, ""))


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
