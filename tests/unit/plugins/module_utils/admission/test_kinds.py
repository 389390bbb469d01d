"""The rules of each kind beside its instance's: what is refused when an object is made, and what may change afterwards."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.admission import judge, request, settings

from . import cases

RESERVED_NEW = "creation of the following reserved kubevirt.io/ labels on a VMI object is prohibited"
RESERVED_CHANGED = "modification of the following reserved kubevirt.io/ labels on a VMI object is prohibited"


def verdict(obj: dict[str, Any], old: dict[str, Any] | None = None, **given: Any) -> request.Verdict:
    return judge.VALIDATED[obj["kind"]](request.Request(obj=obj, old=old, **given))


def told(obj: dict[str, Any], old: dict[str, Any] | None = None, **given: Any) -> list[tuple[str, str]]:
    return [(cause.field, cause.message) for cause in verdict(obj, old, **given).causes]


# -- VirtualMachineInstance


@pytest.mark.parametrize(
    "label", ["created-by", "migrationJobUID", "nodeName", "migrationTargetNodeName", "schedulable", "install-strategy"]
)
def test_reserved_labels_are_playvirts_own(label: str) -> None:
    vmi = cases.vmi(labels={f"kubevirt.io/{label}": "x", "kubevirt.io/size": "small"})
    assert told(vmi) == [("metadata.labels", RESERVED_NEW)]
    assert told(vmi, own_account=True) == []
    assert told(cases.vmi(), vmi) == [("metadata.labels", RESERVED_CHANGED)]
    assert told(vmi, cases.vmi(), own_account=True) == []
    assert told(cases.vmi(labels={**vmi["metadata"]["labels"], "kubevirt.io/size": "big"}), vmi) == []


@pytest.mark.parametrize(
    ("annotation", "gate", "message"),
    [
        (
            "hooks.kubevirt.io/hookSidecars",
            "Sidecar",
            "sidecar feature gate is not enabled in kubevirt-config, invalid entry metadata.annotations.hooks.kubevirt.io/hookSidecars",
        ),
        (
            "kubevirt.io/ignitiondata",
            "ExperimentalIgnitionSupport",
            "ExperimentalIgnitionSupport feature gate is not enabled in kubevirt-config, invalid entry"
            " metadata.annotations.kubevirt.io/ignitiondata",
        ),
    ],
)
def test_annotations_need_their_gate(annotation: str, gate: str, message: str) -> None:
    vmi = cases.vmi(annotations={annotation: "x"})
    assert told(vmi) == [("metadata.annotations", message)]
    assert told(vmi, settings=settings.Settings(gates=frozenset({gate}))) == []


def test_people_do_not_change_the_spec_of_an_instance() -> None:
    old = cases.vmi()
    new = cases.changed(old, {"spec.hostname": "other"})
    assert told(new, old) == [("spec", "update of VMI object is restricted")]
    assert told(cases.changed(old, {"metadata.labels": {"a": "b"}}), old) == []
    assert told(new, old, own_account=True) == []


_DATA = {"name": "data", "persistentVolumeClaim": {"claimName": "a", "hotpluggable": True}}
_DISK = {"name": "data", "disk": {"bus": "scsi"}}
_PLUG = {"spec.volumes[+]": _DATA, "spec.domain.devices.disks[+]": _DISK}


@pytest.mark.parametrize(
    ("before", "after", "field", "message"),
    [
        (
            {"spec.domain.cpu.maxSockets": 2},
            {"spec.domain.cpu.maxSockets": 4},
            "spec.domain.cpu.maxSockets",
            "CPU topology maxSockets changed",
        ),
        ({}, {"spec.domain.memory.maxGuest": "1Gi"}, "spec.domain.memory.maxGuest", "Memory maxGuest changed"),
        ({}, {"spec.volumes": []}, "spec.volumes", "permanent volume root, not found"),
        ({}, {"spec.volumes": []}, "spec.volumes", "Number of permanent volumes has changed"),
        (
            {},
            {"spec.volumes[0].containerDisk.image": "other"},
            "spec.volumes",
            "permanent volume root, changed",
        ),
        (
            _PLUG,
            {**_PLUG, "spec.volumes[1].persistentVolumeClaim.claimName": "b"},
            "spec.volumes",
            "hotplug volume data, changed",
        ),
        ({}, {"spec.volumes[+]": _DATA}, "spec.volumes", "volume data doesn't have a matching disk"),
        (
            {},
            {**_PLUG, "spec.volumes[1]": {"name": "data", "configMap": {"name": "c"}}},
            "spec.volumes",
            "volume data is not a PVC or DataVolume",
        ),
        (
            {},
            {**_PLUG, "spec.domain.devices.disks[1].disk.bus": "sata"},
            "spec.domain.devices.disks[1].disk.bus",
            "hotplugged Disk data requires bus to be 'scsi' or 'virtio'. [sata] is not permitted.",
        ),
    ],
)
def test_what_playvirt_itself_may_not_change(
    before: dict[str, Any], after: dict[str, Any], field: str, message: str
) -> None:
    old, new = cases.changed(cases.vmi(), before), cases.changed(cases.vmi(), after)
    assert (field, message) in told(new, old, own_account=True)
    assert told(old, old, own_account=True) == []


def test_playvirt_plugs_and_unplugs_volumes() -> None:
    plugged = cases.changed(cases.vmi(), _PLUG)
    assert told(plugged, cases.vmi(), own_account=True) == []
    assert told(cases.vmi(), plugged, own_account=True) == []


# -- VirtualMachine


@pytest.mark.parametrize(
    ("wrong", "field", "message", "near"),
    [
        ({"template": cases.GONE}, "spec.template", "missing virtual machine template.", {}),
        (
            {"running": True},
            "spec.running",
            "Running and RunStrategy are mutually exclusive. Note that Running is deprecated, please use RunStrategy instead",
            {"runStrategy": cases.GONE, "running": True},
        ),
        ({"runStrategy": cases.GONE}, "spec.running", "RunStrategy must be specified", {"runStrategy": "Once"}),
        (
            {"runStrategy": "Sometimes"},
            "spec.runStrategy",
            "Invalid RunStrategy (Sometimes)",
            {"runStrategy": "WaitAsReceiver"},
        ),
        (
            {"template.spec.domain.devices.disks[0].name": "registryvolume"},
            "spec.template.spec.domain.devices.disks[0].name",
            "spec.template.spec.domain.devices.disks[0].name 'registryvolume' not found.",
            {},
        ),
        (
            {"template.metadata.labels": {"kubevirt.io/created-by": "x"}},
            "spec.template.metadata.labels",
            RESERVED_NEW,
            {"template.metadata.labels": {"kubevirt.io/vm": "x"}},
        ),
    ],
)
def test_a_machine(wrong: dict[str, Any], field: str, message: str, near: dict[str, Any]) -> None:
    assert (field, message) in told(cases.vm(wrong))
    assert told(cases.vm(near)) == []


def test_a_receiver_needs_its_gate() -> None:
    off = settings.Settings(disabled_gates=frozenset({"DecentralizedLiveMigration"}))
    assert told(cases.vm({"runStrategy": "WaitAsReceiver"}), settings=off) == [
        ("spec.runStrategy", "Invalid RunStrategy (WaitAsReceiver)")
    ]


def test_running_is_deprecated() -> None:
    warnings = verdict(cases.vm({"runStrategy": cases.GONE, "running": False})).warnings
    assert warnings == ("spec.running is deprecated, please use spec.runStrategy instead.",)
    assert verdict(cases.vm()).warnings == ()


_TEMPLATE = {"metadata": {"name": "data"}, "spec": {"source": {"blank": {}}, "storage": {}}}
_USED = {"template.spec.volumes[0]": {"name": "root", "dataVolume": {"name": "data"}}}
_ENTRY = "spec.dataVolumeTemplates[0]"


@pytest.mark.parametrize(
    ("template", "fields", "field", "message"),
    [
        (
            {},
            {"template.spec.volumes[0].dataVolume.name": "other"},
            _ENTRY,
            f"DataVolumeTemplate entry {_ENTRY} must be referenced in the VMI template's 'volumes' list",
        ),
        (
            {"metadata.name": ""},
            {},
            f"{_ENTRY}.metadata.name",
            f"'name' field must not be empty for DataVolumeTemplate entry {_ENTRY}.",
        ),
        ({"spec.storage": cases.GONE}, {}, f"{_ENTRY}.spec", "Missing Data volume PVC or Storage"),
        (
            {"spec.pvc": {}},
            {},
            f"{_ENTRY}.spec",
            "Duplicate storage definition, both target storage and target pvc defined",
        ),
        (
            {"spec.source": cases.GONE},
            {},
            f"{_ENTRY}.spec",
            "Data volume should have either Source, SourceRef, or be externally populated",
        ),
        ({"spec.source": {}}, {}, f"{_ENTRY}.spec.source", "Missing dataVolume valid source"),
        ({"spec.source": {"blank": {}, "upload": {}}}, {}, f"{_ENTRY}.spec.source", "Multiple dataVolume sources"),
        (
            {"spec.storage.dataSourceRef": {"kind": "Populator", "name": "x"}},
            {},
            f"{_ENTRY}.spec",
            "External population is incompatible with Source and SourceRef",
        ),
        (
            {"metadata.namespace": "elsewhere"},
            {},
            f"{_ENTRY}.metadata.namespace",
            "Embedded DataVolume namespace elsewhere differs from VM namespace ns",
        ),
    ],
)
def test_data_volume_templates(template: dict[str, Any], fields: dict[str, Any], field: str, message: str) -> None:
    wrong = {"dataVolumeTemplates": [cases.changed(_TEMPLATE, template)], **_USED, **fields}
    assert (field, message) in told(cases.vm(wrong))
    assert told(cases.vm({"dataVolumeTemplates": [_TEMPLATE], **_USED})) == []


@pytest.mark.parametrize(
    ("status", "after", "message"),
    [
        (
            {"snapshotInProgress": "s"},
            {"spec.template.spec.volumes[0].containerDisk.image": "x"},
            'Cannot update vm disks or volumes until snapshot "s" completes',
        ),
        (
            {"snapshotInProgress": "s"},
            {"spec.runStrategy": "Halted"},
            'Cannot update vm running state until snapshot "s" completes',
        ),
        (
            {"restoreInProgress": "r"},
            {"spec.runStrategy": "Halted"},
            'Cannot update VM runStrategy until restore "r" completes',
        ),
    ],
)
def test_a_machine_waits_for_its_snapshot(status: dict[str, Any], after: dict[str, Any], message: str) -> None:
    old = {**cases.vm(), "status": status}
    assert told(cases.changed(old, after), old) == [("spec", message)]
    assert told(cases.changed(old, {"spec.template.spec.hostname": "a"}), old) == []
    free = cases.vm()
    assert told(cases.changed(free, after), free) == []


# -- updates in general


def test_an_update_is_not_refused_for_what_was_wrong_before() -> None:
    old = cases.vm({"template.spec.domain.devices.disks[0].name": "lost", "runStrategy": "Sometimes"})
    assert told(cases.changed(old, {"metadata.labels": {"a": "b"}}), old) == []
    assert told(cases.changed(old, {"spec.template.spec.hostname": "fine"}), old) == []
    found = told(cases.changed(old, {"spec.template.spec.hostname": "Bad"}), old)
    assert [field for field, _ in found] == ["spec.template.spec.hostname"]


def test_an_old_fault_stays_old_where_its_place_in_a_list_changes() -> None:
    extra = {"template.spec.domain.devices.disks[+]": {"name": "lost", "disk": {}}}
    old = cases.vm(extra)
    assert told(old) != []
    new = copy.deepcopy(old)
    new["spec"]["template"]["spec"]["domain"]["devices"]["disks"].reverse()
    assert told(new, old) == []
    worse = cases.changed(new, {"spec.template.spec.domain.devices.disks[+]": {"name": "lost2", "disk": {}}})
    assert [field for field, _ in told(worse, old)] == ["spec.template.spec.domain.devices.disks[2].name"]


def test_what_is_being_deleted_is_not_judged() -> None:
    old = cases.vm()
    new = cases.changed(old, {"spec.runStrategy": "Sometimes", "metadata.deletionTimestamp": "2026-01-01T00:00:00Z"})
    assert judge.judge("VirtualMachine", request.Request(obj=new, old=old)).is_allowed
    assert judge.judge("Other", request.Request(obj=cases.vm({"runStrategy": "Sometimes"}))).is_allowed


#: a device that nobody acts on
CLIENT_PASSTHROUGH = "template.spec.domain.devices.clientPassthrough"


def test_what_nobody_acts_on_is_refused_after_what_is_wrong() -> None:
    wrong = {"template.spec.hostname": "A", CLIENT_PASSTHROUGH: {}, "runStrategy": "Sometimes"}
    found = judge.judge("VirtualMachine", request.Request(obj=cases.vm(wrong)))
    fields = [cause.field for cause in found.causes]
    assert fields == ["spec.runStrategy", "spec.template.spec.hostname", f"spec.{CLIENT_PASSTHROUGH}"]
    assert found.causes[-1].message == f"spec.{CLIENT_PASSTHROUGH} is not supported by playvirt yet"


def test_an_update_keeps_what_nobody_acted_on_before() -> None:
    old = cases.vm({CLIENT_PASSTHROUGH: {}})
    new = cases.changed(old, {"spec.template.spec.hostname": "web"})
    assert judge.judge("VirtualMachine", request.Request(obj=new, old=old)).is_allowed
    worse = cases.changed(old, {"spec.template.spec.resourceClaims": [{"name": "gpu"}]})
    found = judge.judge("VirtualMachine", request.Request(obj=worse, old=old)).causes
    assert [cause.field for cause in found] == ["spec.template.spec.resourceClaims"]


# -- VirtualMachineInstanceReplicaSet


def replica_set(fields: dict[str, Any] | None = None) -> dict[str, Any]:
    labels = {"app": "web"}
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": cases.SPEC}}
    return {
        "kind": "VirtualMachineInstanceReplicaSet",
        "metadata": {"name": "web", "namespace": "ns"},
        "spec": cases.changed(spec, fields or {}),
    }


@pytest.mark.parametrize(
    ("wrong", "field", "message", "near"),
    [
        (
            {"selector.matchLabels": {"app": "other"}},
            "spec.selector",
            "selector does not match labels.",
            {"selector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}},
        ),
        ({"template": cases.GONE, "selector": {}}, "spec.template", "missing virtual machine template.", {}),
        (
            {"template.spec.domain.memory.guest": "1k"},
            "spec.template.spec.domain.memory.guest",
            "spec.template.spec.domain.memory.guest '1k': must be greater than or equal to 1M.",
            {},
        ),
    ],
)
def test_a_replica_set(wrong: dict[str, Any], field: str, message: str, near: dict[str, Any]) -> None:
    assert (field, message) in told(replica_set(wrong))
    assert told(replica_set(near)) == []


def test_a_replica_set_may_be_scaled_whatever_its_template_says() -> None:
    old = replica_set({"template.spec.domain.memory.guest": "1k"})
    assert told(cases.changed(old, {"spec.replicas": 3}), old) == []


# -- VirtualMachineInstancePreset


def test_a_preset() -> None:
    good = cases.preset("small", {"memory": {"guest": "64Mi"}, "devices": {}})
    assert told(good) == []
    missing = cases.changed(good, {"spec.domain": cases.GONE})
    assert told(missing) == [("spec.domain", "missing domain.")]
    disk = {"name": "root", "disk": {"bus": "ide"}}
    wrong = cases.changed(good, {"spec.domain.devices.disks": [disk]})
    assert told(wrong) == [("spec.domain.devices.disks[0].disk.bus", "IDE bus is not supported")]
    assert told(cases.changed(wrong, {"spec.domain.memory.guest": "65Mi"}), wrong) == []
    assert told(cases.changed(good, {"metadata.name": "a" * 64})) == [
        ("metadata.name", "must be no more than 63 characters")
    ]


# -- VirtualMachineInstanceMigration


def migration(fields: dict[str, Any] | None = None) -> dict[str, Any]:
    obj = {
        "kind": "VirtualMachineInstanceMigration",
        "metadata": {"name": "move", "namespace": "ns", "labels": {"kubevirt.io/vmi-name": "guest"}},
        "spec": {"vmiName": "guest"},
    }
    return cases.changed(obj, fields or {})


@pytest.mark.parametrize(
    ("around", "message"),
    [
        ({"vmi": None}, 'the VMI "ns/guest" does not exist'),
        ({"vmi": {"status": {"phase": "Succeeded"}}}, "Cannot migrate VMI in finalized state."),
        (
            {
                "vmi": {
                    "status": {
                        "conditions": [
                            {
                                "type": "LiveMigratable",
                                "status": "False",
                                "reason": "DisksNotLiveMigratable",
                                "message": "no",
                            }
                        ]
                    }
                }
            },
            "Cannot migrate VMI, Reason: DisksNotLiveMigratable, Message: no",
        ),
        (
            {
                "vmi": {"status": {"phase": "Running"}},
                "migrations": [migration({"metadata.name": "first", "status": {"phase": "Running"}})],
            },
            "in-flight migration detected. Active migration job (first) is currently already in progress for VMI guest.",
        ),
    ],
)
def test_a_migration_that_cannot_be(around: dict[str, Any], message: str) -> None:
    found = verdict(migration(), surroundings=request.Surroundings(**around))
    assert (found.error, found.causes) == (message, ())


def test_a_migration_that_can_be() -> None:
    over = migration({"metadata.name": "first", "status": {"phase": "Failed"}})
    other = migration({"spec.vmiName": "other"})
    around = request.Surroundings(vmi={"status": {"phase": "Running"}}, migrations=[over, other])
    assert verdict(migration(), surroundings=around).is_allowed
    assert verdict(migration(), surroundings=request.Surroundings(is_known=False)).is_allowed


def test_a_migrations_fields() -> None:
    around = request.Surroundings(vmi={"status": {"phase": "Running"}})
    assert told(migration({"spec.vmiName": ""}), surroundings=around) == [("spec.vmiName", "vmiName is missing")]
    urgent = migration({"spec.priority": "system-critical"})
    message = "Migration priority queue, only virt-controller is allowed to set priority field"
    assert told(urgent, surroundings=around) == [("spec.priority", message)]
    assert told(urgent, surroundings=around, own_account=True) == []


def test_a_migration_under_way_stays_what_it_is() -> None:
    old = migration()
    changed = told(migration({"spec.vmiName": "other"}), old)
    assert changed == [("spec", "update of Migration object's spec is restricted")]
    removed = told(migration({"metadata.labels": {}}), old)
    assert removed == [("metadata.labels", "selector label can't be removed from an in-flight migration")]
    modified = told(migration({"metadata.labels": {"kubevirt.io/vmi-name": "x"}}), old)
    assert modified == [("metadata.labels", "selector label can't be modified on an in-flight migration")]
    over = migration({"status": {"phase": "Succeeded"}})
    assert told(migration({"metadata.labels": {}}), over) == []


# -- MigrationPolicy and KubeVirt


@pytest.mark.parametrize("name", ["bandwidthPerMigration", "completionTimeoutPerGiB", "maxDowntimeMs"])
def test_a_migration_policys_numbers(name: str) -> None:
    def policy(value: int) -> dict[str, Any]:
        return {"kind": "MigrationPolicy", "metadata": {"name": "p"}, "spec": {"selectors": {}, name: value}}

    assert told(policy(-1)) == [(f"spec.{name}", "must not be negative")]
    assert told(policy(0)) == []
    assert told(policy(-1), policy(-1)) == []


def test_a_kubevirts_configuration() -> None:
    def kubevirt(**configuration: Any) -> dict[str, Any]:
        return {"kind": "KubeVirt", "metadata": {"name": "kubevirt"}, "spec": {"configuration": configuration}}

    field = "spec.configuration"
    assert told(kubevirt(evictionStrategy="Never")) == [
        (
            f"{field}.evictionStrategy",
            f"{field}.evictionStrategy 'Never' is not one of LiveMigrate, LiveMigrateIfPossible, None, External",
        )
    ]
    assert told(kubevirt(network={"defaultNetworkInterface": "slirp"})) == [
        (
            f"{field}.network.defaultNetworkInterface",
            f"{field}.network.defaultNetworkInterface 'slirp' is not one of bridge, masquerade, passt",
        )
    ]
    assert told(kubevirt(cpuRequest="-1")) == [
        (f"{field}.cpuRequest", f"{field}.cpuRequest '-1': must be greater than or equal to 0.")
    ]
    ratio = f"{field}.developerConfiguration.cpuAllocationRatio"
    assert told(kubevirt(developerConfiguration={"cpuAllocationRatio": 0, "memoryOvercommit": 150})) == [
        (ratio, f"{ratio} '0': must be greater than or equal to 1.")
    ]
    place = f"{field}.additions.domain[0].xml"
    assert told(kubevirt(additions={"domain": [{"name": "a", "xml": "<a"}]})) == [
        (place, f"{place} is not XML: not well-formed (invalid token): line 1, column 12")
    ]
    place = f"{field}.admission.siteRules[0]"
    assert told(kubevirt(admission={"siteRules": ["../evil"]})) == [
        (
            place,
            f"{place} '../evil' names no site rule; write NAME for one of playvirt.core, or NAMESPACE.COLLECTION.NAME",
        )
    ]
    place = f"{field}.architectureConfiguration.amd64.machineType"
    amd64 = {"machineType": "pc", "emulatedMachines": ["q35", "pc-q35*"]}
    assert told(kubevirt(architectureConfiguration={"amd64": amd64})) == [
        (place, f"{place} 'pc' is none of emulatedMachines, which are q35, pc-q35*")
    ]
    amd64["machineType"] = "pc-q35-9.0"
    assert told(kubevirt(architectureConfiguration={"amd64": amd64})) == []
    fine = kubevirt(evictionStrategy="LiveMigrate", cpuRequest="100m", admission={"siteRules": ["a", "x.y.z"]})
    assert told(fine) == []
    gates = kubevirt(developerConfiguration={"featureGates": ["HostDisk", "Hostdisk", "HotplugVolumes"]})
    assert verdict(gates).warnings == (
        f"{field}.developerConfiguration.featureGates: 'Hostdisk' is no feature gate; it has no effect",
        f"{field}.developerConfiguration.featureGates: 'HotplugVolumes' is discontinued; it has no effect",
    )
