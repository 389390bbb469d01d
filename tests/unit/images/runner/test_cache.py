"""The cache: newer-only, membership of sources, indexes, read-your-writes, what subscribers are told."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.playvirt.core.images.runner import cache

ALL = cache.Source(api_version="v1", kind="Pod")
WEB = cache.Source(api_version="v1", kind="Pod", label_selector="app=web")
NODE = cache.Source(api_version="v1", kind="Pod", field_selector="spec.nodeName=node01")


def pod(name: str, version: int, **meta: Any) -> dict[str, Any]:
    spec = {"nodeName": meta.pop("node")} if "node" in meta else {}
    meta = {"uid": f"uid-{name}", **meta, "namespace": "ns", "name": name, "resourceVersion": str(version)}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


class Told:
    """Collects what a subscriber is told: (name, version before, version after)."""

    def __init__(self, store: cache.Cache) -> None:
        self.changes: list[tuple[str, int, int]] = []
        store.subscribe(self._note)

    def _note(self, change: cache.Change) -> None:
        versions = [cache.version_of(obj) if obj else 0 for obj in (change.old, change.new)]
        self.changes.append((change.key[1], versions[0], versions[1]))


def names(found: list[dict[str, Any]]) -> list[str]:
    return [obj["metadata"]["name"] for obj in found]


def test_apply_takes_only_what_is_newer() -> None:
    store = cache.Cache([ALL])
    told = Told(store)
    store.apply(ALL, "ADDED", pod("a", 5))
    store.apply(ALL, "MODIFIED", pod("a", 4))
    store.apply(ALL, "MODIFIED", pod("a", 10))
    store.apply(ALL, "MODIFIED", pod("a", 10))
    store.apply(ALL, "DELETED", pod("a", 11))
    assert told.changes == [("a", 0, 5), ("a", 5, 10), ("a", 10, 0)]
    assert store.get("v1", "Pod", "ns", "a") is None


def test_replace_removes_what_is_not_listed_and_tells_each_change_once() -> None:
    store = cache.Cache([ALL])
    store.replace(ALL, [pod("a", 5), pod("b", 6), pod("c", 7)], 10)
    told = Told(store)
    store.replace(ALL, [pod("a", 5), pod("b", 12), pod("d", 13)], 20)
    assert sorted(told.changes) == [("b", 6, 12), ("c", 7, 0), ("d", 0, 13)]


def test_replace_keeps_what_was_written_after_the_list_was_read() -> None:
    store = cache.Cache([ALL])
    store.replace(ALL, [], 10)
    store.written(pod("new", 25))
    store.replace(ALL, [], 20)
    assert names(store.list("v1", "Pod")) == ["new"]


def test_written_is_seen_at_once_and_the_watch_event_is_not_told_again() -> None:
    store = cache.Cache([ALL])
    told = Told(store)
    store.replace(ALL, [pod("a", 5)], 10)
    store.written(pod("a", 12))
    store.apply(ALL, "MODIFIED", pod("a", 12))
    assert told.changes == [("a", 0, 5), ("a", 5, 12)]


def test_written_does_not_bring_back_what_the_watch_has_seen_deleted() -> None:
    store = cache.Cache([ALL])
    store.replace(ALL, [pod("a", 5)], 10)
    store.apply(ALL, "DELETED", pod("a", 15))
    store.written(pod("a", 14))
    assert store.list("v1", "Pod") == []
    store.written(pod("a", 16, uid="another"))
    assert names(store.list("v1", "Pod")) == ["a"]


def test_written_ignores_what_no_source_covers() -> None:
    store = cache.Cache([WEB, NODE])
    store.written(pod("other", 5, labels={"app": "db"}, node="node02"))
    store.written({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "resourceVersion": "6"}})
    assert store.list("v1", "Pod") == []
    store.written(pod("web", 7, labels={"app": "web"}))
    store.written(pod("here", 8, node="node01"))
    assert names(store.list("v1", "Pod")) == ["here", "web"]


def test_an_object_stays_while_one_of_its_sources_covers_it() -> None:
    store = cache.Cache([WEB, NODE])
    both = pod("a", 5, labels={"app": "web"}, node="node01")
    store.apply(WEB, "ADDED", both)
    store.apply(NODE, "ADDED", both)
    changes: list[cache.Change] = []
    store.subscribe(changes.append)
    store.apply(NODE, "DELETED", {**both, "metadata": {**both["metadata"], "resourceVersion": "6"}})
    assert names(store.list("v1", "Pod")) == ["a"]
    assert [(change.new, change.sources) for change in changes] == [(None, frozenset({NODE}))]
    assert store.covered_by(NODE) == []
    assert names(store.covered_by(WEB)) == ["a"]


def test_a_second_source_of_the_same_object_is_told() -> None:
    store = cache.Cache([WEB, NODE])
    both = pod("a", 5, labels={"app": "web"}, node="node01")
    store.apply(WEB, "ADDED", both)
    changes: list[cache.Change] = []
    store.subscribe(changes.append)
    store.apply(NODE, "ADDED", both)
    assert [change.sources for change in changes] == [frozenset({NODE})]


def test_list_uses_every_index_and_forgets_old_values() -> None:
    store = cache.Cache([ALL])
    owners = [{"uid": "vmi-1", "kind": "VirtualMachineInstance", "name": "v", "controller": True}]
    store.apply(ALL, "ADDED", pod("a", 5, labels={"app": "web"}, node="node01", ownerReferences=owners))
    store.apply(ALL, "ADDED", pod("b", 6, labels={"app": "web"}))
    assert names(store.list("v1", "Pod", owner_uid="vmi-1")) == ["a"]
    assert names(store.list("v1", "Pod", node="node01", labels={"app": "web"})) == ["a"]
    assert names(store.list("v1", "Pod", labels={"app": "web"})) == ["a", "b"]
    assert store.list("v1", "Pod", namespace="other") == []
    assert (store.get_by_uid("v1", "Pod", "uid-b") or {})["metadata"]["name"] == "b"
    store.apply(ALL, "MODIFIED", pod("a", 7, labels={"app": "db"}, node="node02"))
    assert store.list("v1", "Pod", owner_uid="vmi-1") == store.list("v1", "Pod", node="node01") == []
    assert names(store.list("v1", "Pod", labels={"app": "web"})) == ["b"]
    store.apply(ALL, "DELETED", pod("a", 8))
    assert store.get_by_uid("v1", "Pod", "uid-a") is None
    assert store.sizes() == {"Pod": 1}


def test_managed_fields_are_dropped() -> None:
    store = cache.Cache([ALL])
    store.apply(ALL, "ADDED", pod("a", 5, managedFields=[{"manager": "x"}]))
    assert "managedFields" not in (store.get("v1", "Pod", "ns", "a") or {})["metadata"]


@pytest.mark.parametrize(("source", "namespace", "covered"), [(ALL, "ns", True), (WEB, "ns", False)])
def test_covers_says_whether_absence_is_certain(source: cache.Source, namespace: str, covered: bool) -> None:
    assert cache.Cache([source]).covers("v1", "Pod", namespace=namespace) is covered
