"""How planners look at the cluster: a protocol with three answers, and nothing else.

The runner gives a reader over its cache, the module `reconcile_plan` one over the runner's gateway or over the API server, tests one over a
dictionary. Objects are dicts exactly as on the wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ansible_collections.playvirt.core.plugins.module_utils.reconcile import plan as plan_types


class Reader(Protocol):
    """Reads objects; never writes."""

    def get(self, api_version: str, kind: str, namespace: str | None, name: str) -> dict[str, Any] | None:
        """The object, or None where there is none."""

    def list(
        self,
        api_version: str,
        kind: str,
        *,
        namespace: str | None = None,
        owner_uid: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> list[dict[str, Any]]:
        """The objects of a kind that match every argument given (labels by equality)."""

    def launcher(self, pod_uid: str) -> dict[str, Any] | None:
        """What the launcher of that pod reported to this node's virt-handler: `{"pid": 1, "domain": {"state", "reason"}}`, with `"agent":
        {"connected", "os", "hostname", "interfaces": [{"name", "mac", "addresses"}]}` once it is known; None where no launcher is connected or this is
        not a node."""


class Planner(Protocol):
    """One kind's decisions."""

    #: the steps that the role can take, in its order
    STEPS: tuple[str, ...]
    #: type, status and reason of the condition that says that the role failed
    FAILED: Mapping[str, str]

    def observe(self, obj: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
        """Everything beside the object that the decision needs."""

    def plan(self, obj: Mapping[str, Any], observed: Mapping[str, Any], now: str) -> plan_types.Plan:
        """The decision; `now` is RFC 3339 in UTC with seconds."""
