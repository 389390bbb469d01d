"""The variables that a role gets, with ansible-operator's names and shapes.

In: an object. Out: the extra variables, plain data. A role can rely on exactly these, and on the watch's own, under any runner;
`playvirt_reasons` (why the run was started, in words) is there only under this one. Pure. Called by `role_run.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from . import snake_case as snake_case_file

REASONS = "playvirt_reasons"


def object_variable(group: str, kind: str) -> str:
    """The name of the variable that holds the complete object, such as `_kubevirt_io_virtualmachine`."""
    return f"_{group}_{kind.lower()}".replace(".", "_").replace("-", "_")


def extra_vars(
    obj: Mapping[str, Any],
    *,
    group: str,
    snake_case: bool = False,
    reasons: Iterable[str] | None = None,
) -> dict[str, Any]:
    """Every key of the spec (in snake case where asked), `ansible_operator_meta`, the object and its spec; later ones win."""
    meta = obj["metadata"]
    spec = obj.get("spec")
    spec = spec if isinstance(spec, Mapping) else {}
    name = object_variable(group, str(obj["kind"]))
    return {
        **(snake_case_file.convert(spec) if snake_case else spec),
        "ansible_operator_meta": {"name": meta["name"], "namespace": meta.get("namespace", "")},
        name: obj,
        f"{name}_spec": spec,
        **({} if reasons is None else {REASONS: sorted(reasons)}),
    }
