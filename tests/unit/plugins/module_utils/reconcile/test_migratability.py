"""Which instances can be moved while they run, with the reasons that clients read."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import conditions
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import migratability

NOW = "2030-01-01T00:00:00Z"
CLAIM = {"name": "data", "persistentVolumeClaim": {"claimName": "pvc"}}
NOT_SHARED = (
    "cannot migrate VMI: PVC pvc is not shared, live migration requires that all PVCs must be shared"
    " (using ReadWriteMany access mode)"
)
NETWORK = "cannot migrate VMI which does not use masquerade or a migratable plugin to connect to the pod network"


def _judge(
    devices: dict[str, Any] | None = None,
    volumes: list[dict[str, Any]] | None = None,
    modes: list[str] | None = None,
    annotations: dict[str, str] | None = None,
) -> dict[str, Any]:
    vmi = {
        "metadata": {"name": "a", "namespace": "ns", "annotations": annotations},
        "spec": {
            "domain": {"devices": devices or {}},
            "networks": [{"name": "default", "pod": {}}, {"name": "blue", "multus": {"networkName": "blue"}}],
            "volumes": volumes or [],
        },
    }
    claims = [{"name": "data", "persistentVolumeClaimInfo": {"accessModes": modes}}] if modes else []
    return migratability.judged(vmi, {"volumeStatus": claims}, now=NOW)


@pytest.mark.parametrize(
    ("asked", "reason", "message"),
    [
        ({}, None, None),
        ({"volumes": [{"name": "root", "containerDisk": {"image": "i"}}]}, None, None),
        ({"volumes": [CLAIM], "modes": ["ReadWriteMany"]}, None, None),
        ({"volumes": [CLAIM], "modes": ["ReadWriteOnce"]}, "DisksNotLiveMigratable", NOT_SHARED),
        ({"volumes": [CLAIM]}, "DisksNotLiveMigratable", NOT_SHARED),
        (
            {"volumes": [{"name": "data", "hostDisk": {"path": "/x"}}]},
            "DisksNotLiveMigratable",
            "cannot migrate VMI with non-shared HostDisk",
        ),
        ({"devices": {"interfaces": [{"name": "default", "masquerade": {}}]}}, None, None),
        ({"devices": {"interfaces": [{"name": "blue", "bridge": {}}]}}, None, None),
        ({"devices": {"interfaces": [{"name": "default", "bridge": {}}]}}, "InterfaceNotLiveMigratable", NETWORK),
        (
            {
                "devices": {"interfaces": [{"name": "default", "bridge": {}}]},
                "annotations": {migratability.BRIDGE_ANNOTATION: ""},
            },
            None,
            None,
        ),
        ({"devices": {"gpus": [{"name": "g"}]}}, "HostDeviceNotLiveMigratable", "VMI uses a PCI host devices"),
        ({"devices": {"filesystems": [{"name": "f"}]}}, "VirtIOFSNotLiveMigratable", "VMI uses virtiofs"),
    ],
)
def test_migratability(asked: dict[str, Any], reason: str | None, message: str | None) -> None:
    found = conditions.get(_judge(**asked)["conditions"], "LiveMigratable")
    assert found is not None
    assert (found["status"] == "True", found.get("reason"), found.get("message")) == (reason is None, reason, message)


def test_the_way_to_move_follows_from_the_disks() -> None:
    assert _judge(volumes=[CLAIM])["migrationMethod"] == "LiveMigration"
    assert _judge()["migrationMethod"] == "LiveMigration"
    assert _judge(volumes=[CLAIM, {"name": "c", "cloudInitNoCloud": {}}])["migrationMethod"] == "BlockMigration"
