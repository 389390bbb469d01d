"""The planners' Reader over a Client: from the runner's cache where there is one, else from the API server.

In: a Client. Out: what `reconcile/reading.py` promises.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import metadata
from ansible_collections.playvirt.core.plugins.module_utils.k8s import client as client_module
from ansible_collections.playvirt.core.plugins.module_utils.k8s import gateway


class ClientReader:
    """Reads through a Client."""

    def __init__(self, client: client_module.Client) -> None:
        """Read through that client."""
        self._client = client

    def get(self, api_version: str, kind: str, namespace: str | None, name: str) -> dict[str, Any] | None:
        """The object, or None."""
        return self._client.get(api_version, kind, namespace=namespace, name=name, cached=True)

    def list(
        self,
        api_version: str,
        kind: str,
        *,
        namespace: str | None = None,
        owner_uid: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> list[dict[str, Any]]:
        """The objects that match; what the server does not filter by is filtered here."""
        query = {}
        if owner_uid and gateway.socket_path() is not None:
            query["ownerUID"] = owner_uid
        if labels:
            query["labelSelector"] = ",".join(f"{key}={value}" for key, value in labels.items())
        found = self._client.list(api_version, kind, namespace=namespace, query=query, cached=True)
        if owner_uid:
            found = [
                obj
                for obj in found
                if owner_uid in {owner["uid"] for owner in metadata.meta(obj).get("ownerReferences") or []}
            ]
        return found

    def launcher(self, pod_uid: str) -> dict[str, Any] | None:
        """The launcher's report from this node's virt-handler; None elsewhere."""
        if gateway.socket_path() is None:
            return None
        status, answer = gateway.request("GET", f"/launchers/{pod_uid}")
        return answer if status == 200 else None
