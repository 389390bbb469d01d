"""The cache: newer-only, membership of sources, indexes, read-your-writes, what subscribers are told."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.playvirt.core.images.runner.watching import cache

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


def listed(store: cache.Cache, objects: list[dict[str, Any]], version: int) -> None:
    listing = store.listing(ALL)
    for obj in objects:
        listing.add(obj)
    listing.finish(version)


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
    listed(store, [pod("a", 5), pod("b", 6), pod("c", 7)], 10)
    told = Told(store)
    listed(store, [pod("a", 5), pod("b", 12), pod("d", 13)], 20)
    assert sorted(told.changes) == [("b", 6, 12), ("c", 7, 0), ("d", 0, 13)]


def test_replace_keeps_what_was_written_after_the_list_was_read() -> None:
    store = cache.Cache([ALL])
    listed(store, [], 10)
    store.written(pod("new", 25))
    listed(store, [], 20)
    assert names(store.list("v1", "Pod")) == ["new"]


def test_written_is_seen_at_once_and_the_watch_event_is_not_told_again() -> None:
    store = cache.Cache([ALL])
    told = Told(store)
    listed(store, [pod("a", 5)], 10)
    store.written(pod("a", 12))
    store.apply(ALL, "MODIFIED", pod("a", 12))
    assert told.changes == [("a", 0, 5), ("a", 5, 12)]


def test_written_does_not_bring_back_what_the_watch_has_seen_deleted() -> None:
    store = cache.Cache([ALL])
    listed(store, [pod("a", 5)], 10)
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
    assert store.keys_covered_by(NODE) == []
    assert store.keys_covered_by(WEB) == [("ns", "a")]


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


def test_a_source_is_added_while_the_process_runs() -> None:
    store = cache.Cache([WEB])
    assert not store.covers("v1", "Pod", namespace="ns")
    assert store.add_source(ALL)
    assert not store.add_source(ALL), "it is covered already: no second watcher"
    store.apply(WEB, "ADDED", pod("a", 5, labels={"app": "web"}))
    listed(store, [pod("a", 5, labels={"app": "web"}), pod("b", 6)], 10)
    assert names(store.list("v1", "Pod")) == ["a", "b"]
    assert store.covers("v1", "Pod", namespace="ns")
    secrets = cache.Source(api_version="v1", kind="Secret")
    assert store.add_source(secrets)
    assert store.sizes() == {"Pod": 2, "Secret": 0}


def test_what_a_source_drops_is_not_kept() -> None:
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": "{}", "kept": "yes"}
    pointers = ("/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration", "/spec", "/absent/deep")
    source = cache.Source(api_version="v1", kind="Pod", drop=pointers)
    store = cache.Cache([source])
    changes: list[cache.Change] = []
    store.subscribe(changes.append)
    given = pod("a", 5, annotations=annotations)
    store.apply(source, "ADDED", given)
    expected = {"apiVersion": "v1", "kind": "Pod", "metadata": {**given["metadata"], "annotations": {"kept": "yes"}}}
    assert store.get("v1", "Pod", "ns", "a") == expected
    assert changes[0].new == expected
    assert given["spec"] == {}
    assert annotations.keys() == {"kept", "kubectl.kubernetes.io/last-applied-configuration"}, "the argument stays"
    assert not store.is_whole("v1", "Pod")
    assert cache.Cache([ALL]).is_whole("v1", "Pod")
    assert not cache.Cache([ALL]).is_whole("v1", "Node")


def test_a_field_is_kept_where_one_source_of_the_kind_needs_it() -> None:
    without = cache.Source(api_version="v1", kind="Pod", namespace="other", drop=("/spec",))
    store = cache.Cache([ALL, without])
    assert store.is_whole("v1", "Pod")
    narrow = cache.Cache([without])
    with pytest.raises(ValueError, match="v1 Pod is cached without /spec: drop it here too"):
        narrow.add_source(ALL)


@pytest.mark.parametrize(
    "pointer", ["status", "/", "/a//b", "/metadata", "/metadata/uid", "/metadata/ownerReferences", "/kind"]
)
def test_what_cannot_be_dropped_is_refused(pointer: str) -> None:
    with pytest.raises(ValueError, match=f"drop: '{pointer}'"):
        cache.Cache([cache.Source(api_version="v1", kind="Pod", drop=(pointer,))])


def test_many_more_objects_than_are_kept_decoded_come_back_as_they_were() -> None:
    store = cache.Cache([ALL])
    given = [pod(f"p{number:05}", 5, labels={"n": "\ud800" + str(number % 7)}) for number in range(2000)]
    listed(store, given, 10)
    assert store.list("v1", "Pod") == given
    assert names(store.list("v1", "Pod", labels={"n": "\ud8003"})) == names(given[3::7])
    for number in range(2000):
        store.apply(ALL, "DELETED", pod(f"p{number:05}", 20))
    kept = store._stores[("v1", "Pod")]
    assert not kept.entries
    assert not kept.by_uid
    assert [len(index) for index in (kept.by_owner, kept.by_node, kept.by_label)] == [0, 0, 0]
    assert not kept._recent


def test_what_the_api_server_called_gone_is_gone_though_older_events_follow() -> None:
    store = cache.Cache([ALL])
    listed(store, [pod("a", 5)], 10)
    told = Told(store)
    store.deleted("uid-a")
    store.apply(ALL, "MODIFIED", pod("a", 11))
    assert store.get("v1", "Pod", "ns", "a") is None
    store.apply(ALL, "DELETED", pod("a", 12))
    assert told.changes == [("a", 5, 0)]
    assert not store._feeds[ALL].gone
    store.apply(ALL, "ADDED", pod("a", 13, uid="another"))
    store.deleted("uid-a")
    assert names(store.list("v1", "Pod")) == ["a"], "the name belongs to another object by now"


def test_a_list_that_began_before_a_deletion_does_not_bring_the_object_back() -> None:
    store = cache.Cache([ALL])
    listed(store, [pod("a", 5), pod("b", 6)], 10)
    for name in "ab":
        store.deleted(f"uid-{name}")
    listed(store, [pod("a", 5)], 11)
    assert store.list("v1", "Pod") == []
    assert store._feeds[ALL].gone == {"uid-a"}, "the watch will tell of it; of b it has nothing to tell"


def test_the_write_that_removes_the_last_finalizer_is_the_end() -> None:
    store = cache.Cache([ALL])
    deleting = {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 0}
    listed(store, [pod("a", 5, finalizers=["x"])], 10)
    store.written(pod("a", 11, finalizers=["x"], **deleting))
    assert names(store.list("v1", "Pod")) == ["a"]
    store.written(pod("a", 12, **deleting))
    assert store.list("v1", "Pod") == []
