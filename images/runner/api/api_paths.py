"""What a path of the Kubernetes API is about.

In: a path without its query, such as `/apis/apps/v1/namespaces/ns/deployments/web/status`. Out: `Target`, or None for what is no resource
(discovery, /version). Pure. Called by `api_client.py`, `gateway.py` and `proxy.py`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Target:
    """A collection (no name), an object, or a subresource of one; namespace None for what has none, or for a list over all of them."""

    api_version: str
    plural: str
    namespace: str | None = None
    name: str | None = None
    subresource: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it is a collection or an object, not a subresource."""
        return self.subresource is None


def parse(path: str) -> Target | None:
    """The target of a path."""
    parts = [part for part in path.split("/") if part]
    if parts[:1] == ["api"] and len(parts) > 2:
        api_version, rest = parts[1], parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 3:
        api_version, rest = "/".join(parts[1:3]), parts[3:]
    else:
        return None
    namespace = None
    # /namespaces/NAME is the object; what follows `status` and `finalize` are its subresources.
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    return Target(
        api_version=api_version,
        plural=rest[0],
        namespace=namespace,
        name=rest[1] if len(rest) > 1 else None,
        subresource="/".join(rest[2:]) or None,
    )
