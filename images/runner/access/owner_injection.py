"""Whose an object is that a run creates: an owner reference, or ansible-operator's annotations where an owner reference cannot be.

In: the owner, the object that is created and where. Out: the object with its owner in it, and the way back, from an object to its owner. An owner
reference cannot cross namespaces, nor lead from a cluster-scoped object to an owner in a namespace. Pure. Called by `proxy.py` and `triggers.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OWNER_ANNOTATION = "operator-sdk/primary-resource"
TYPE_ANNOTATION = "operator-sdk/primary-resource-type"


@dataclass(frozen=True, kw_only=True)
class Owner:
    """The object that a run is about; namespace "" for a cluster-scoped one."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str

    @property
    def group(self) -> str:
        """The API group, empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def reference(self) -> dict[str, str]:
        """The owner reference."""
        return {"apiVersion": self.api_version, "kind": self.kind, "name": self.name, "uid": self.uid}

    @property
    def annotations(self) -> dict[str, str]:
        """The annotations that stand for it."""
        kind = f"{self.kind}.{self.group}" if self.group else self.kind
        return {OWNER_ANNOTATION: f"{self.namespace}/{self.name}", TYPE_ANNOTATION: kind}


def owner_of(obj: Mapping[str, Any]) -> Owner:
    """The object as an owner."""
    meta = obj["metadata"]
    return Owner(
        api_version=str(obj["apiVersion"]),
        kind=str(obj["kind"]),
        namespace=meta.get("namespace") or "",
        name=meta["name"],
        uid=str(meta.get("uid") or ""),
    )


def can_refer(owner: Owner, *, namespace: str | None) -> bool:
    """Whether an object in `namespace` (None: cluster-scoped) can have an owner reference to the owner."""
    return not owner.namespace or owner.namespace == namespace


def inject(obj: Mapping[str, Any], owner: Owner, *, namespace: str | None) -> dict[str, Any]:
    """The object, to be created in `namespace`, with its owner in it; what it says of owners itself stays."""
    meta = dict(obj.get("metadata") or {})
    if can_refer(owner, namespace=namespace):
        references = list(meta.get("ownerReferences") or [])
        if not any(reference.get("uid") == owner.uid for reference in references):
            meta["ownerReferences"] = [*references, owner.reference]
    else:
        meta["annotations"] = {**(meta.get("annotations") or {}), **owner.annotations}
    return {**obj, "metadata": meta}


def annotated_owner(obj: Mapping[str, Any], group: str, kind: str) -> tuple[str, str] | None:
    """(namespace, name) of the owner of that kind that the object's annotations name, or None."""
    annotations = obj["metadata"].get("annotations") or {}
    if annotations.get(TYPE_ANNOTATION) != (f"{kind}.{group}" if group else kind):
        return None
    namespace, _, name = str(annotations.get(OWNER_ANNOTATION) or "").rpartition("/")
    return (namespace, name) if name else None


def belongs_to(obj: Mapping[str, Any], owner: Owner) -> bool:
    """Whether the object names the owner, in one way or the other."""
    references = obj["metadata"].get("ownerReferences") or ()
    if any(reference.get("uid") == owner.uid for reference in references):
        return True
    return annotated_owner(obj, owner.group, owner.kind) == (owner.namespace, owner.name)
