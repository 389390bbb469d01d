"""The door to the Kubernetes API for modules and roles: get, list, create, apply, patch, delete and status, as dicts on the wire.

In: kind, namespace, name, object. Out: the API server's answer, or an error of api.errors. A Client speaks through one of two transports: the runner's
gateway where a play runs under a runner (standard library only), else the `kubernetes` package with kubernetes.core's options and K8S_AUTH_* variables.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from typing import Any, Protocol

from ansible_collections.playvirt.core.plugins.module_utils.api import errors, kinds, metadata
from ansible_collections.playvirt.core.plugins.module_utils.k8s import gateway

FIELD_MANAGER = "playvirt"
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"

Object = dict[str, Any]


class Transport(Protocol):
    """One HTTP exchange with the API server; returns status and decoded body."""

    def __call__(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]: ...


class Client:
    """Reads and writes objects of the kinds in api/kinds.py; nothing is retried and nothing is cached here.

    Objects of any other kind are reached with `resource` and `request`.
    """

    def __init__(self, transport: Transport) -> None:
        """Speak through that transport."""
        self._transport = transport

    def resource(self, api_version: str, kind: str) -> kinds.Resource:
        """How any kind is served: of the table, else as the API server tells.

        Raises NotFound where it does not serve it.
        """
        known = kinds.RESOURCES.get((api_version, kind))
        if known is not None:
            return known
        served = self.request("GET", ("/apis/" if "/" in api_version else "/api/") + api_version)
        for entry in served.get("resources") or []:
            if entry["kind"] == kind and "/" not in entry["name"]:
                return kinds.Resource(api_version, kind, entry["name"], namespaced=entry["namespaced"])
        raise errors.NotFound(f"the API server does not serve {api_version} {kind}", status=404, reason="NotFound")

    def request(self, method: str, path: str, body: object = None) -> Object:
        """One request to any path; `body` is sent as JSON, or as a merge patch with PATCH."""
        return self._call(method, path, body, {"Content-Type": MERGE_PATCH} if method == "PATCH" else None)

    def _call(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Object:
        status, answer = self._transport(method, path, body, headers)
        if status >= 400:
            raise errors.api_error(status, answer)
        return answer

    def get(
        self, api_version: str, kind: str, *, namespace: str | None, name: str, cached: bool = False
    ) -> Object | None:
        """The object, or None where there is none; `cached` allows an answer out of the runner's cache."""
        path = kinds.resource(api_version, kind).path(namespace=namespace, name=name)
        try:
            return self._call("GET", path, headers={"X-Playvirt-Read": "cache"} if cached else None)
        except errors.NotFound:
            return None

    def list(
        self,
        api_version: str,
        kind: str,
        *,
        namespace: str | None = None,
        query: Mapping[str, str] | None = None,
        cached: bool = False,
    ) -> list[Object]:
        """The objects of a kind; `query` is the API's (labelSelector), and ownerUID, which only a cache understands."""
        path = kinds.resource(api_version, kind).path(namespace=namespace)
        if query:
            path += "?" + urllib.parse.urlencode(query)
        answer = self._call("GET", path, headers={"X-Playvirt-Read": "cache"} if cached else None)
        return [{"apiVersion": api_version, "kind": kind, **item} for item in answer.get("items") or []]

    def create(self, obj: Mapping[str, Any], *, dry_run: bool = False) -> Object:
        """Create the object; AlreadyExists where its name is taken."""
        path = kinds.resource(obj["apiVersion"], obj["kind"]).path(namespace=metadata.meta(obj).get("namespace"))
        return self._call("POST", path + _query(dry_run=dry_run), dict(obj))

    def apply(self, obj: Mapping[str, Any], *, dry_run: bool = False) -> Object:
        """Server-side apply as field manager `playvirt`, taking over fields that others hold."""
        query = _query(dry_run=dry_run, fieldManager=FIELD_MANAGER, force="true")
        return self._call("PATCH", _path(obj) + query, dict(obj), {"Content-Type": APPLY_PATCH})

    def patch(self, obj: Mapping[str, Any], patch: Mapping[str, Any], *, dry_run: bool = False) -> Object:
        """Merge-patch the object that `obj` names; a resourceVersion inside the patch is a precondition."""
        return self._call("PATCH", _path(obj) + _query(dry_run=dry_run), dict(patch), {"Content-Type": MERGE_PATCH})

    def replace_status(self, obj: Mapping[str, Any], *, dry_run: bool = False) -> Object:
        """Write the object's status; Conflict where the object changed since its resourceVersion."""
        return self._call("PUT", _path(obj, "status") + _query(dry_run=dry_run), dict(obj))

    def delete(self, obj: Mapping[str, Any], *, uid: str | None = None, dry_run: bool = False) -> Object | None:
        """Request deletion; None where the object is gone already. With `uid`, Conflict where another of that name is there now."""
        body: Object = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        if uid:
            body["preconditions"] = {"uid": uid}
        try:
            return self._call("DELETE", _path(obj) + _query(dry_run=dry_run), body)
        except errors.NotFound:
            return None


def _path(obj: Mapping[str, Any], subresource: str | None = None) -> str:
    meta = metadata.meta(obj)
    return kinds.resource(obj["apiVersion"], obj["kind"]).path(
        namespace=meta.get("namespace"), name=meta["name"], subresource=subresource
    )


def _query(*, dry_run: bool = False, **more: str) -> str:
    wanted = {**({"dryRun": "All"} if dry_run else {}), **more}
    return "?" + urllib.parse.urlencode(wanted) if wanted else ""


def connect(auth: Mapping[str, Any] | None = None) -> Client:
    """A client through the runner's gateway where a runner started this play, else through the `kubernetes` package.

    `auth` holds kubernetes.core's options (kubeconfig, context, host, api_key, ...); one that is given wins over the gateway.
    """
    given = {key: value for key, value in (auth or {}).items() if value is not None}
    if not given and gateway.socket_path() is not None:
        return Client(gateway.request)
    from ansible_collections.playvirt.core.plugins.module_utils.k8s import kubernetes_transport

    return Client(kubernetes_transport.open_transport(given))
