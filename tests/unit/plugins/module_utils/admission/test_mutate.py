"""Defaults: what an instance, a machine and a migration get when they are made; and the patch that says so."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.admission import (
    defaults,
    json_patch,
    mutate,
    request,
    settings,
)
from ansible_collections.playvirt.core.plugins.module_utils.api import support

from . import cases

UUID, OTHER = "00000000-0000-4000-8000-000000000001", "5d307ca9-b3ef-428c-8861-06e72d69f223"


def completed(spec: dict[str, Any], given: settings.Settings | None = None) -> dict[str, Any]:
    """The spec of an instance with defaults in it."""
    filled = copy.deepcopy(spec)
    defaults.complete_spec(filled, given or settings.Settings())
    return filled


def with_domain(**parts: Any) -> dict[str, Any]:
    return {"domain": {"devices": {}, **parts}}


def made(obj: dict[str, Any], **given: Any) -> dict[str, Any]:
    return mutate.mutate(obj["kind"], request.Request(obj=obj, **given), lambda: UUID).obj


def test_the_smallest_instance() -> None:
    vmi = {
        "kind": "VirtualMachineInstance",
        "metadata": {"name": "guest", "namespace": "ns"},
        "spec": {
            "domain": {"devices": {}, "resources": {"requests": {"memory": "64M"}}},
            "volumes": [{"name": "root", "containerDisk": {"image": "registry.example:5000/disk"}}],
        },
    }
    before = copy.deepcopy(vmi)
    after = made(vmi)
    assert vmi == before
    assert after["metadata"]["finalizers"] == ["kubevirt.io/foregroundDeleteVirtualMachine"]
    spec = after["spec"]
    assert spec["architecture"] == "amd64"
    assert spec["networks"] == [{"name": "default", "pod": {}}]
    assert spec["volumes"][0]["containerDisk"]["imagePullPolicy"] == "Always"
    domain = spec["domain"]
    assert domain["machine"] == {"type": "q35"}
    assert domain["memory"] == {"guest": "64M"}
    assert domain["cpu"] == {"sockets": 1, "cores": 1, "threads": 1, "model": "host-model"}
    assert domain["firmware"] == {"uuid": UUID}
    assert domain["features"] == {"acpi": {"enabled": True}}
    assert domain["devices"]["disks"] == [{"name": "root", "disk": {"bus": "sata"}}]
    assert domain["devices"]["interfaces"] == [{"name": "default", "masquerade": {}}]


def test_what_is_said_is_kept() -> None:
    vmi = cases.vmi({"domain.firmware.uuid": "5d307ca9-b3ef-428c-8861-06e72d69f223", "domain.cpu.model": "Haswell"})
    after = made(vmi)
    assert after["spec"]["domain"]["firmware"]["uuid"] == "5d307ca9-b3ef-428c-8861-06e72d69f223"
    assert after["spec"]["domain"]["cpu"] == {"sockets": 1, "cores": 1, "threads": 1, "model": "Haswell"}
    assert made(after) == after


@pytest.mark.parametrize(
    ("resources", "memory", "guest"),
    [
        ({"requests": {"memory": "1Gi"}, "limits": {"memory": "2Gi"}}, {}, "1Gi"),
        ({"limits": {"memory": "2Gi"}}, {}, "2Gi"),
        ({}, {"hugepages": {"pageSize": "2Mi"}}, "2Mi"),
        ({"requests": {"memory": "1Gi"}}, {"guest": "512Mi"}, "512Mi"),
        ({}, {}, None),
    ],
)
def test_guest_memory(resources: dict[str, Any], memory: dict[str, Any], guest: str | None) -> None:
    domain = completed(with_domain(resources=resources, memory=memory))["domain"]
    assert domain["memory"].get("guest") == guest


@pytest.mark.parametrize(
    ("cpu", "resources", "sockets"),
    [
        ({}, {"limits": {"cpu": "2500m"}, "requests": {"cpu": "1"}}, 3),
        ({}, {"requests": {"cpu": "2"}}, 2),
        ({"cores": 4}, {"limits": {"cpu": "8"}}, 1),
        ({}, {"limits": {"cpu": "1e999999999"}}, 512),
    ],
)
def test_sockets(cpu: dict[str, Any], resources: dict[str, Any], sockets: int) -> None:
    assert completed(with_domain(cpu=cpu, resources=resources))["domain"]["cpu"]["sockets"] == sockets


def test_cpu_requests() -> None:
    limited = completed(with_domain(resources={"limits": {"cpu": "2"}}))["domain"]["resources"]
    assert limited["requests"] == {"cpu": "2"}
    asked = completed(with_domain(), settings.Settings(cpu_request="200m"))["domain"]["resources"]
    assert asked["requests"] == {"cpu": "200m"}
    assert "resources" not in completed(with_domain(), settings.Settings(cpu_request="100m"))["domain"]


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("disk", "Always"),
        ("registry:5000/disk", "Always"),
        ("registry:5000/disk:latest", "Always"),
        ("registry:5000/disk:1", "IfNotPresent"),
        ("registry/disk@sha256:0123", "IfNotPresent"),
    ],
)
def test_pull_policy(image: str, policy: str) -> None:
    assert defaults.pull_policy(image) == policy


def test_under_emulation_the_processor_is_left_to_the_emulator() -> None:
    assert "model" not in completed(with_domain(), settings.Settings(use_emulation=True))["domain"]["cpu"]
    chosen = settings.Settings(use_emulation=True, cpu_model="Nehalem")
    assert completed(with_domain(), chosen)["domain"]["cpu"]["model"] == "Nehalem"


def test_no_interface_where_nobody_wants_one() -> None:
    spec = completed(with_domain(devices={"autoattachPodInterface": False}))
    assert "networks" not in spec
    assert "interfaces" not in spec["domain"]["devices"]


@pytest.mark.parametrize(("configured", "binding"), [("bridge", "bridge"), ("passt", "passtBinding")])
def test_the_installation_chooses_the_binding(configured: str, binding: str) -> None:
    spec = completed(with_domain(), settings.Settings(network_interface=configured))
    assert spec["domain"]["devices"]["interfaces"] == [{"name": "default", binding: {}}]


def test_disks() -> None:
    volumes = [{"name": name} for name in ("root", "drive", "shared", "late")] + [{"name": "dump", "memoryDump": {}}]
    disks = [{"name": "root"}, {"name": "drive", "cdrom": {}}]
    devices = {"disks": disks, "filesystems": [{"name": "shared", "virtiofs": {}}]}
    spec = completed({**with_domain(devices=devices), "volumes": volumes})
    assert spec["domain"]["devices"]["disks"] == [
        {"name": "root", "disk": {"bus": "sata"}},
        {"name": "drive", "cdrom": {"bus": "sata", "readonly": True, "tray": "closed"}},
        {"name": "late", "disk": {"bus": "sata"}},
    ]


def test_other_architectures() -> None:
    spec = completed(
        {
            **with_domain(devices={"disks": [{"name": "a"}, {"name": "b", "cdrom": {}}]}),
            "architecture": "arm64",
        }
    )
    assert spec["domain"]["machine"]["type"] == "virt"
    assert spec["domain"]["cpu"]["model"] == "host-passthrough"
    disk, drive = spec["domain"]["devices"]["disks"]
    assert (disk["disk"]["bus"], drive["cdrom"]["bus"]) == ("virtio", "scsi")


def test_devices_features_and_probes() -> None:
    domain = {
        "devices": {"inputs": [{"name": "pen"}], "watchdog": {"name": "dog"}},
        "features": {"smm": {}, "hyperv": {"synictimer": {}, "spinlocks": {}, "relaxed": {"enabled": False}}},
    }
    spec = completed({"domain": domain, "readinessProbe": {"guestAgentPing": {}, "periodSeconds": 3}})
    assert spec["domain"]["devices"]["inputs"] == [{"name": "pen", "bus": "usb", "type": "tablet"}]
    assert spec["domain"]["devices"]["watchdog"] == {"name": "dog", "i6300esb": {"action": "reset"}}
    features = spec["domain"]["features"]
    assert (features["smm"], features["acpi"]) == ({"enabled": True}, {"enabled": True})
    assert features["hyperv"] == {
        "synictimer": {"enabled": True},
        "spinlocks": {"enabled": True, "spinlocks": 4096},
        "relaxed": {"enabled": False},
        "vpindex": {"enabled": True},
        "synic": {"enabled": True},
    }
    assert spec["readinessProbe"] == {
        "guestAgentPing": {},
        "timeoutSeconds": 1,
        "periodSeconds": 3,
        "successThreshold": 1,
        "failureThreshold": 3,
    }


def test_room_to_grow_only_where_running_guests_are_updated() -> None:
    asked = with_domain(memory={"guest": "1Gi"}, cpu={"cores": 2, "sockets": 2})
    plain = completed(asked)["domain"]
    assert "maxSockets" not in plain["cpu"]
    assert "maxGuest" not in plain["memory"]
    live = completed(asked, settings.Settings(live_update=True))["domain"]
    assert (live["cpu"]["maxSockets"], live["memory"]["maxGuest"]) == (8, str(4 * 2**30))
    large = completed(with_domain(cpu={"cores": 100, "sockets": 3}), settings.Settings(live_update=True))["domain"]
    assert large["cpu"]["maxSockets"] == 5


def test_a_machine_gets_what_stays_the_same_over_its_starts_and_nothing_else() -> None:
    vm = cases.vm({"template.spec": {"domain": {"devices": {}, "memory": {"guest": "64Mi"}}}})
    after = made(vm)
    assert json_patch.between(vm, after) == [
        {
            "op": "add",
            "path": "/spec/template/spec/domain/firmware",
            "value": {"uuid": UUID, "serial": UUID},
        },
        {"op": "add", "path": "/spec/template/spec/domain/machine", "value": {"type": "q35"}},
        {"op": "add", "path": "/spec/template/spec/architecture", "value": "amd64"},
    ]
    assert made(vm, old=vm) == vm


def test_a_machine_that_is_replaced_by_its_manifest_stays_the_same_machine() -> None:
    manifest = cases.vm({"template.spec": {"domain": {"devices": {}, "memory": {"guest": "64Mi"}}}})
    stored = made(manifest)
    grown = cases.changed(manifest, {"spec.template.spec.domain.memory.guest": "128Mi"})
    assert made(grown, old=stored) == cases.changed(stored, {"spec.template.spec.domain.memory.guest": "128Mi"})
    said = {"spec.template.spec.domain.machine.type": "pc-q35-9.0", "spec.template.spec.domain.firmware.uuid": OTHER}
    domain = made(cases.changed(grown, said), old=stored)["spec"]["template"]["spec"]["domain"]
    assert domain["machine"] == {"type": "pc-q35-9.0"}
    assert domain["firmware"] == {"uuid": OTHER, "serial": UUID}
    # One that never had it (posted in the oldest form, or from before virt-api) does not get it by the way.
    assert made(grown, old=manifest) == grown
    leaving = cases.changed(grown, {"metadata.deletionTimestamp": "2026-01-01T00:00:00Z"})
    assert made(leaving, old=stored) == leaving
    assert made({**manifest, "spec": {"runStrategy": "Always"}}, old=stored)["spec"] == {"runStrategy": "Always"}


def test_a_machine_does_not_get_what_its_preset_gives() -> None:
    labels = {"size": "small"}
    vm = cases.vm({"template": {"metadata": {"labels": labels}, "spec": {"domain": {"devices": {}}}}})
    preset = cases.preset("small", {"machine": {"type": "pc-q35-9.0"}})
    after = made(vm, surroundings=request.Surroundings(presets=[preset]))
    assert "machine" not in after["spec"]["template"]["spec"]["domain"]


def test_a_migration_gets_the_label_that_it_is_found_by_and_its_finalizer() -> None:
    migration = {"kind": "VirtualMachineInstanceMigration", "metadata": {"name": "m"}, "spec": {"vmiName": "guest"}}
    after = made(migration)
    assert after["metadata"]["labels"] == {"kubevirt.io/vmi-name": "guest"}
    assert after["metadata"]["finalizers"] == ["kubevirt.io/migrationJobFinalize"]
    assert made(after) == after
    assert made(after, old=after) == after
    long = {**migration, "spec": {"vmiName": "a" * 64}}
    assert "labels" not in made(long)["metadata"]


@pytest.mark.parametrize("given", [settings.Settings(), settings.Settings(use_emulation=True)])
def test_every_default_is_a_field_that_playvirt_acts_on(given: settings.Settings) -> None:
    volumes = [{"name": "root", "containerDisk": {"image": "disk"}}, {"name": "seed", "cloudInitNoCloud": {}}]
    devices = {"disks": [{"name": "seed", "cdrom": {}}]}
    vmi = cases.vmi({"domain": {"devices": devices, "memory": {"guest": "64Mi"}}, "volumes": volumes})
    assert support.unsupported(made(vmi, settings=given)) == []
    assert support.unsupported(made(cases.vm(), settings=given)) == []


def test_conflicting_presets_refuse_an_instance_at_once() -> None:
    both = [cases.preset(name, {"cpu": {"cores": cores}}) for name, cores in (("one", 1), ("two", 2))]
    vmi = cases.vmi(labels={"size": "small"})
    asked = request.Request(obj=vmi, surroundings=request.Surroundings(presets=both))
    found = mutate.mutate("VirtualMachineInstance", asked, lambda: UUID)
    assert [cause.field for cause in found.causes] == ["metadata.labels"]
    assert found.obj == vmi


@pytest.mark.parametrize(
    ("before", "after", "operations"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": True}, [{"op": "replace", "path": "/a", "value": True}]),
        ({"a": {"b/c": 1}}, {"a": {}}, [{"op": "remove", "path": "/a/b~1c"}]),
        ({}, {"a~b": {"c": 1}}, [{"op": "add", "path": "/a~0b", "value": {"c": 1}}]),
        (
            {"a": [{"n": 1}]},
            {"a": [{"n": 2}, {"n": 3}]},
            [{"op": "replace", "path": "/a/0/n", "value": 2}, {"op": "add", "path": "/a/-", "value": {"n": 3}}],
        ),
        ({"a": [1, 2]}, {"a": [2]}, [{"op": "replace", "path": "/a", "value": [2]}]),
    ],
)
def test_a_patch_says_the_difference(before: Any, after: Any, operations: list[dict[str, Any]]) -> None:
    assert json_patch.between(before, after) == operations
