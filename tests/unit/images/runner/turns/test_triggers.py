"""Triggers: which objects are looked at after a change, why and how urgently."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.playvirt.core.images.runner.settings import watches
from ansible_collections.playvirt.core.images.runner.turns import triggers
from ansible_collections.playvirt.core.images.runner.watching import cache

VMIS = cache.Source(api_version="kubevirt.io/v1", kind="VirtualMachineInstance")
PODS = cache.Source(api_version="v1", kind="Pod", label_selector="kubevirt.io=virt-launcher")
KUBEVIRTS = cache.Source(api_version="kubevirt.io/v1", kind="KubeVirt")
CLAIMS = cache.Source(api_version="v1", kind="PersistentVolumeClaim")
VMI_WATCH = watches.Watch(
    name="vmi",
    api_version="kubevirt.io/v1",
    kind="VirtualMachineInstance",
    role="r",
    planner="virtualmachineinstance",
    primary=(VMIS,),
    dependents=(PODS,),
    reads=(KUBEVIRTS, CLAIMS),
    local_reads=frozenset({CLAIMS}),
    priority=3,
)


class Scene:
    """A cache with one watch; collects (name, reason, priority, urgent, gone)."""

    def __init__(self, watch: watches.Watch) -> None:
        self.cache = cache.Cache([VMIS, PODS, KUBEVIRTS, CLAIMS])
        self._triggers = triggers.Triggers((watch,), self.cache)
        self._found: list[tuple[str, str, int, bool, bool]] = []
        self._version = 10
        self.cache.subscribe(self._note)

    def _note(self, change: cache.Change) -> None:
        for found in self._triggers.of(change):
            self._found.append((found.key.name, found.reason, found.priority, found.urgent, found.gone))

    def see(
        self, source: cache.Source, name: str, event_type: str = "MODIFIED", **meta: Any
    ) -> list[tuple[str, str, int, bool, bool]]:
        self._version += 1
        metadata = {"namespace": "ns", "name": name, "resourceVersion": str(self._version), "uid": name, **meta}
        self.cache.apply(
            source, event_type, {"apiVersion": source.api_version, "kind": source.kind, "metadata": metadata}
        )
        found, self._found = self._found, []
        return found


def owned_by(name: str, uid: str | None = None, kind: str = "VirtualMachineInstance") -> list[dict[str, Any]]:
    return [{"apiVersion": "kubevirt.io/v1", "kind": kind, "name": name, "uid": uid or name, "controller": True}]


def test_a_watch_with_a_planner_is_told_of_every_change() -> None:
    s = Scene(VMI_WATCH)
    assert s.see(VMIS, "a", generation=1) == [("a", "appeared", 3, True, False)]
    assert s.see(VMIS, "a", generation=1) == [("a", "changed", 3, False, False)]
    assert s.see(VMIS, "a", generation=2) == [("a", "spec changed", 3, True, False)]
    assert s.see(VMIS, "a", generation=3, deletionTimestamp="t") == [("a", "deletion", 13, True, False)]
    assert s.see(VMIS, "a", generation=3, deletionTimestamp="t") == [("a", "changed", 13, False, False)]
    assert s.see(VMIS, "a", "DELETED") == [("a", "deleted", 0, False, True)]


def test_an_object_created_again_under_its_name_is_urgent() -> None:
    s = Scene(VMI_WATCH)
    s.see(VMIS, "a", generation=1)
    assert s.see(VMIS, "a", uid="other", generation=1) == [("a", "created again", 3, True, False)]


def test_a_watch_without_a_planner_is_told_of_generations_and_annotations() -> None:
    s = Scene(replace(VMI_WATCH, planner=None, annotations_trigger=True))
    assert s.see(VMIS, "a", generation=1)
    assert s.see(VMIS, "a", generation=1, labels={"a": "b"}) == []
    assert s.see(VMIS, "a", generation=1, annotations={"a": "b"}) == [("a", "annotations changed", 3, True, False)]
    assert s.see(VMIS, "a", generation=2, annotations={"a": "b"}) == [("a", "spec changed", 3, True, False)]
    s.see(KUBEVIRTS, "kubevirt", generation=1)
    assert s.see(KUBEVIRTS, "kubevirt", generation=1) == []
    assert len(s.see(KUBEVIRTS, "kubevirt", generation=2)) == 1


def test_a_dependent_leads_to_its_controller() -> None:
    s = Scene(VMI_WATCH)
    labels = {"kubevirt.io": "virt-launcher"}
    s.see(VMIS, "a")
    assert s.see(PODS, "pod", ownerReferences=owned_by("a"), labels=labels) == [
        ("a", "Pod pod appeared", 3, False, False)
    ]
    assert s.see(PODS, "pod", ownerReferences=owned_by("a"), labels=labels) == [
        ("a", "Pod pod changed", 3, False, False)
    ]
    assert s.see(PODS, "pod", "DELETED", ownerReferences=owned_by("a")) == [("a", "Pod pod is gone", 3, False, False)]


def test_a_dependent_of_somebody_else_leads_nowhere() -> None:
    s = Scene(VMI_WATCH)
    s.see(VMIS, "a")
    assert s.see(PODS, "no-owner") == []
    assert s.see(PODS, "older-uid", ownerReferences=owned_by("a", "older")) == []
    assert s.see(PODS, "other-kind", ownerReferences=owned_by("a", kind="ReplicaSet")) == []
    assert s.see(PODS, "unknown", ownerReferences=owned_by("b")) == []


def test_a_read_object_leads_to_all_of_the_watch() -> None:
    s = Scene(VMI_WATCH)
    s.see(VMIS, "a")
    s.see(VMIS, "b")
    assert [name for name, *_ in s.see(KUBEVIRTS, "kubevirt")] == ["a", "b"]


def test_without_a_planner_any_owner_counts_and_so_do_annotations() -> None:
    s = Scene(replace(VMI_WATCH, planner=None))
    s.see(VMIS, "a", generation=1)
    reference = {"apiVersion": "kubevirt.io/v1beta1", "kind": "VirtualMachineInstance", "name": "a", "uid": "a"}
    assert [name for name, *_ in s.see(PODS, "owned", ownerReferences=[reference])] == ["a"]
    annotations = {
        "operator-sdk/primary-resource": "ns/a",
        "operator-sdk/primary-resource-type": "VirtualMachineInstance.kubevirt.io",
    }
    assert [name for name, *_ in s.see(PODS, "annotated", annotations=annotations)] == ["a"]
    annotations["operator-sdk/primary-resource"] = "ns/absent"
    assert s.see(PODS, "annotated", annotations=annotations) == []


def test_a_kind_without_generations_is_told_of_every_change_but_that_of_its_status() -> None:
    s = Scene(replace(VMI_WATCH, planner=None))
    s.see(VMIS, "a")
    assert s.see(VMIS, "a") == [], "only the resourceVersion is another"
    assert s.see(VMIS, "a", labels={"b": "c"}) == [("a", "spec changed", 3, True, False)]


def test_what_is_read_leads_to_every_object_or_to_those_of_its_namespace() -> None:
    s = Scene(VMI_WATCH)
    s.see(VMIS, "a", namespace="one")
    s.see(VMIS, "b", namespace="two")
    assert [found[:2] for found in s.see(KUBEVIRTS, "kubevirt", namespace="kubevirt")] == [
        ("a", "KubeVirt kubevirt changed"),
        ("b", "KubeVirt kubevirt changed"),
    ]
    assert s.see(CLAIMS, "data", namespace="two") == [("b", "PersistentVolumeClaim data changed", 3, False, False)]
    assert s.see(CLAIMS, "data", namespace="three") == []


def test_a_cluster_scoped_object_appears_once_however_many_namespaces_are_watched() -> None:
    kind: dict[str, Any] = {"api_version": "example.com/v1", "kind": "Site"}
    first, second = (cache.Source(namespace=namespace, **kind) for namespace in ("one", "two"))
    watch = watches.Watch(name="sites", role="r", primary=(first, second), **kind)
    store = cache.Cache([first, second])
    found: list[str] = []
    told = triggers.Triggers((watch,), store)
    store.subscribe(lambda change: found.extend(trigger.reason for trigger in told.of(change)))
    for version in (1, 2):
        site = {"metadata": {"name": "a", "uid": "a", "generation": version, "resourceVersion": str(version)}}
        for source in (first, second):
            store.apply(source, "MODIFIED", {"apiVersion": "example.com/v1", "kind": "Site", **site})
    assert found == ["appeared", "spec changed"]
    store.written({"apiVersion": "example.com/v1", "kind": "Site", **site, "spec": {"size": 2}})
    assert "spec" not in (store.get("example.com/v1", "Site", None, "a") or {}), "the same version"
