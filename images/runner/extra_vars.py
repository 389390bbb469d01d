"""The variables that a role gets, with ansible-operator's names and shapes.

In: an object and the watch's own variables. Out: the extra variables, plain data. A role can rely on exactly these under any runner. Pure.
Called by `reconciler.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def object_variable(group: str, kind: str) -> str:
    """The name of the variable that holds the complete object, such as `_kubevirt_io_virtualmachine`."""
    return f"_{group}_{kind.lower()}".replace(".", "_").replace("-", "_")


def extra_vars(obj: Mapping[str, Any], *, group: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Every key of the spec, `ansible_operator_meta`, the object and its spec, then `variables`; later ones win."""
    meta = obj["metadata"]
    spec = obj.get("spec") or {}
    name = object_variable(group, str(obj["kind"]))
    return {
        **spec,
        "ansible_operator_meta": {"name": meta["name"], "namespace": meta.get("namespace", "")},
        name: obj,
        f"{name}_spec": spec,
        **variables,
    }
