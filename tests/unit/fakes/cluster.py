"""A cluster in a dictionary: the planners' Reader over objects held in memory, and a little kubelet and scheduler to move pods along.

It keeps state: what a plan's status says is put on the object, what a step creates is there afterwards.
"""

from __future__ import annotations

import copy
from typing import Any

KUBEVIRT = {
    "apiVersion": "kubevirt.io/v1",
    "kind": "KubeVirt",
    "metadata": {"name": "kubevirt", "namespace": "kubevirt", "creationTimestamp": "2030-01-01T00:00:00Z"},
    "spec": {"configuration": {"developerConfiguration": {"useEmulation": True}}},
    "status": {"phase": "Deployed", "observedKubeVirtRegistry": "reg", "observedKubeVirtVersion": "v1"},
}


class Cluster:
    """Objects by kind and name, launchers by pod uid."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str | None, str], dict[str, Any]] = {}
        self.launchers: dict[str, dict[str, Any]] = {}
        self.put(copy.deepcopy(KUBEVIRT))

    def put(self, obj: dict[str, Any]) -> dict[str, Any]:
        meta = obj["metadata"]
        meta.setdefault("uid", f"uid-{obj['kind'].lower()}-{meta['name']}")
        self.objects[obj["kind"], meta.get("namespace"), meta["name"]] = obj
        return obj

    def remove(self, obj: dict[str, Any]) -> None:
        del self.objects[obj["kind"], obj["metadata"].get("namespace"), obj["metadata"]["name"]]

    def get(self, api_version: str, kind: str, namespace: str | None, name: str) -> dict[str, Any] | None:
        found = self.objects.get((kind, namespace, name))
        return copy.deepcopy(found) if found and found["apiVersion"] == api_version else None

    def list(
        self,
        api_version: str,
        kind: str,
        *,
        namespace: str | None = None,
        owner_uid: str | None = None,
        labels: dict[str, str] | None = None,
    ) -> list[dict[str, Any]]:
        def matches(obj: dict[str, Any]) -> bool:
            meta = obj["metadata"]
            owners = {owner["uid"] for owner in meta.get("ownerReferences", [])}
            return (
                (obj["apiVersion"], obj["kind"]) == (api_version, kind)
                and (namespace is None or meta.get("namespace") == namespace)
                and (owner_uid is None or owner_uid in owners)
                and all(meta.get("labels", {}).get(key) == value for key, value in (labels or {}).items())
            )

        return [copy.deepcopy(obj) for obj in self.objects.values() if matches(obj)]

    def launcher(self, pod_uid: str) -> dict[str, Any] | None:
        return self.launchers.get(pod_uid)
