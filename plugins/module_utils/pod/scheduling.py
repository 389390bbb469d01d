"""Where the launcher pod may run: what of a VMI's spec is the scheduler's business.

In: a VMI's spec. Out: fields of the pod's spec. They are Kubernetes' own and carry over as they are; playvirt adds that the node has a virt-handler and
the guest's architecture.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import names

_COPIED = ("affinity", "tolerations", "topologySpreadConstraints", "priorityClassName", "schedulerName")


def render(spec: Mapping[str, Any], node_labels: Mapping[str, str]) -> dict[str, Any]:
    """nodeSelector, and each of the other fields that the VMI sets; `node_labels` are those that its machine needs of the node."""
    given = spec.get("nodeSelector") or {}
    selector = {"kubernetes.io/arch": "amd64", names.SCHEDULABLE: "true", **node_labels, **given}
    return {"nodeSelector": selector, **{name: spec[name] for name in _COPIED if spec.get(name)}}
