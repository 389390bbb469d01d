"""The objects of the fake API server: how they are stored, selected, patched and deleted, and what a watch hears of it.

The part of `kube_api.py` that is no HTTP. Refusals are raised as `Refused`, with the Status object that the real server would send.
"""

from __future__ import annotations

import base64
import copy
import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import kinds

Object = dict[str, Any]
Key = tuple[str, str, str, str]  # apiVersion, kind, namespace, name
NOW = "2026-01-01T00:00:00Z"
WITHOUT_STATUS = frozenset({"ConfigMap", "Secret", "Event", "Lease", "ServiceAccount", "Role", "RoleBinding"})


class Refused(Exception):
    """An answer of 400 and more."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "code": code,
            "reason": reason,
            "message": message,
        }


@dataclass(frozen=True)
class Event:
    """One change in the history: the object before and after it (None: it did not exist), at one version."""

    version: int
    resource: kinds.Resource
    before: Object | None
    after: Object | None


def selected(obj: Object, query: Mapping[str, str], namespace: str | None) -> bool:
    """Whether the query's selectors and the namespace match."""
    meta = obj["metadata"]
    if namespace is not None and meta.get("namespace") != namespace:
        return False
    labels = meta.get("labels") or {}
    if not all(_term(term, labels.get) for term in _terms(query.get("labelSelector"))):
        return False
    return all(_term(term, lambda path: _at(obj, path)) for term in _terms(query.get("fieldSelector")))


def _terms(selector: str | None) -> list[str]:
    return [term.strip() for term in (selector or "").split(",") if term.strip()]


def _at(obj: Any, path: str) -> str:
    for step in path.split("."):
        obj = obj.get(step) if isinstance(obj, Mapping) else None
    return "" if obj is None else str(obj)


def _term(term: str, value_of: Callable[[str], str | None]) -> bool:
    if "!=" in term:
        name, value = term.split("!=", 1)
        return value_of(name.strip()) != value.strip()
    if "=" in term:
        name, value = term.replace("==", "=").split("=", 1)
        return value_of(name.strip()) == value.strip()
    if term.startswith("!"):
        return value_of(term[1:]) is None
    return value_of(term) is not None


def merge(target: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    merged = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


def json_patch(target: Object, operations: Iterable[Mapping[str, Any]]) -> Object:
    """RFC 6902: add, remove, replace, test."""
    result = copy.deepcopy(target)
    for operation in operations:
        *parents, last = [step.replace("~1", "/").replace("~0", "~") for step in operation["path"].split("/")[1:]]
        place: Any = result
        for step in parents:
            place = place[int(step)] if isinstance(place, list) else place[step]
        verb, value = operation["op"], operation.get("value")
        index: Any = last if isinstance(place, dict) else (len(place) if last == "-" else int(last))
        try:
            if verb == "test" and place[index] != value:
                raise Refused(422, "Invalid", f"the test of {operation['path']} failed")
            if verb == "add" and isinstance(place, list):
                place.insert(index, value)
            elif verb in ("add", "replace"):
                place[index] = value
            elif verb == "remove":
                del place[index]
        except (KeyError, IndexError) as error:
            raise Refused(422, "Invalid", f"{operation['path']} does not exist") from error
    return result


class Store:
    """Every object, and the history of changes. `oldest` is the version before which a watch is answered 410."""

    def __init__(self, tell: Callable[[], None] = lambda: None) -> None:
        self._tell = tell
        self.objects: dict[Key, Object] = {}
        self.history: list[Event] = []
        self.version = 100
        self.oldest = 0

    def copy(self) -> Store:
        """The same objects, apart from these; nobody hears of its changes."""
        other = Store()
        other.objects, other.version, other.oldest = copy.deepcopy(self.objects), self.version, self.oldest
        return other

    def compact(self) -> None:
        """Forget the history."""
        self.version += 1
        self.oldest = self.version
        self.history.clear()

    def _note(self, event: Event) -> None:
        self.history.append(event)
        self._tell()

    @staticmethod
    def key(resource: kinds.Resource, obj: Mapping[str, Any]) -> Key:
        """Where an object is stored."""
        namespace = (obj["metadata"].get("namespace") or "default") if resource.namespaced else ""
        return (resource.api_version, resource.kind, namespace, obj["metadata"]["name"])

    def store(self, resource: kinds.Resource, obj: Object, *, before: Object | None) -> Object:
        """Store an object as it is, in the place of `before`; one without finalizers that is being deleted goes."""
        key, meta = self.key(resource, obj), obj["metadata"]
        if resource.namespaced:
            meta["namespace"] = key[2]
        obj["apiVersion"], obj["kind"] = resource.api_version, resource.kind
        self.version += 1
        meta["resourceVersion"] = str(self.version)
        old = before["metadata"] if before else {}
        meta["uid"] = old.get("uid") or meta.get("uid") or str(uuid.uuid4())
        meta["creationTimestamp"] = old.get("creationTimestamp") or NOW
        if "deletionTimestamp" in old:
            meta["deletionTimestamp"] = old["deletionTimestamp"]
        changed = (
            before is None
            or _without(before) != _without(obj)
            or ("deletionTimestamp" in meta) != ("deletionTimestamp" in old)
        )
        meta["generation"] = int(old.get("generation", 0)) + int(changed)
        if "deletionTimestamp" in meta and not meta.get("finalizers"):
            return self.remove(resource, obj, before=before)
        self.objects[key] = obj
        self._note(Event(self.version, resource, before, obj))
        return obj

    def remove(self, resource: kinds.Resource, obj: Object, *, before: Object | None = None) -> Object:
        """Remove an object at once; returns its last state."""
        self.version += 1
        last = copy.deepcopy(obj)
        last["metadata"]["resourceVersion"] = str(self.version)
        self.objects.pop(self.key(resource, obj), None)
        self._note(
            Event(
                self.version,
                resource,
                last if before is None else {**before, "metadata": last["metadata"]},
                None,
            )
        )
        return last

    def create(self, resource: kinds.Resource, namespace: str | None, body: Any) -> Object:
        """POST."""
        obj = copy.deepcopy(body)
        meta = obj["metadata"]
        if "name" not in meta and "generateName" in meta:
            meta["name"] = meta["generateName"] + uuid.uuid4().hex[:5]
        if resource.namespaced:
            meta["namespace"] = namespace or meta.get("namespace") or "default"
        if self.key(resource, obj) in self.objects:
            raise Refused(409, "AlreadyExists", f'{resource.plural} "{meta["name"]}" already exists')
        if resource.kind not in WITHOUT_STATUS:
            obj.pop("status", None)
        meta.pop("deletionTimestamp", None)
        return self.store(resource, obj, before=None)

    def list_page(self, resource: kinds.Resource, namespace: str | None, query: Mapping[str, str]) -> Object:
        """GET of a collection, one page of it."""
        found = [o for key, o in sorted(self.objects.items()) if key[:2] == (resource.api_version, resource.kind)]
        found = [o for o in found if selected(o, query, namespace)]
        start, version = 0, self.version
        if "continue" in query:
            token = json.loads(base64.urlsafe_b64decode(query["continue"]))
            start, version = token["start"], token["version"]
            if version < self.oldest:
                raise Refused(410, "Expired", "The provided continue parameter is too old")
        limit = int(query.get("limit") or 0) or len(found) + 1
        meta: Object = {"resourceVersion": str(version)}
        if start + limit < len(found):
            token = {"start": start + limit, "version": version}
            meta["continue"] = base64.urlsafe_b64encode(json.dumps(token).encode()).decode()
        items = [{k: v for k, v in o.items() if k not in ("apiVersion", "kind")} for o in found[start : start + limit]]
        return {"apiVersion": resource.api_version, "kind": f"{resource.kind}List", "metadata": meta, "items": items}

    def update(self, resource: kinds.Resource, found: Object, new: Object, subresource: str | None) -> Object:
        """PUT, or what a PATCH made of the object."""
        sent = new["metadata"].get("resourceVersion")
        if sent and sent != found["metadata"]["resourceVersion"]:
            message = "the object has been modified; please apply your changes to the latest version and try again"
            raise Refused(
                409,
                "Conflict",
                f'Operation cannot be fulfilled on {resource.plural} "{found["metadata"]["name"]}": {message}',
            )
        if new["metadata"].get("uid") not in (None, found["metadata"]["uid"]):
            raise Refused(409, "Conflict", "Precondition failed: UID in precondition differs")
        if subresource == "status":
            new = {**copy.deepcopy(found), "status": new.get("status")}
        elif subresource is not None:
            raise Refused(404, "NotFound", f"the fake API server has no subresource {subresource}")
        elif resource.kind not in WITHOUT_STATUS and "status" in found:
            new = {**new, "status": copy.deepcopy(found["status"])}
        elif resource.kind not in WITHOUT_STATUS:
            new = {name: value for name, value in new.items() if name != "status"}
        if _identical(found, new):
            return found
        return self.store(resource, new, before=found)

    def delete(self, resource: kinds.Resource, found: Object, options: Any = None) -> Object:
        """DELETE; with finalizers it only begins."""
        wanted = ((options or {}).get("preconditions") or {}).get("uid")
        if wanted and wanted != found["metadata"]["uid"]:
            raise Refused(409, "Conflict", "Precondition failed: UID in precondition differs")
        if not found["metadata"].get("finalizers"):
            self.remove(resource, found)
            return {
                "kind": "Status",
                "apiVersion": "v1",
                "status": "Success",
                "details": {"uid": found["metadata"]["uid"]},
            }
        if "deletionTimestamp" in found["metadata"]:
            return found
        new = copy.deepcopy(found)
        new["metadata"]["deletionTimestamp"] = NOW
        return self.store(resource, new, before=found)


def _without(obj: Object) -> Object:
    return {name: value for name, value in obj.items() if name not in ("metadata", "status")}


def _identical(found: Object, new: Object) -> bool:
    ignored = ("resourceVersion", "generation", "managedFields", "uid", "creationTimestamp")
    stripped = [{k: v for k, v in o["metadata"].items() if k not in ignored} for o in (found, new)]
    bodies = [{k: v for k, v in o.items() if k != "metadata" and v is not None} for o in (found, new)]
    return stripped[0] == stripped[1] and bodies[0] == bodies[1]
