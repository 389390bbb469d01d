"""Volumes in the decisions of both planners: claims that are missing, come, bind and go; what the status tells; steps of the node. XML: test_golden.py."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import conditions, metadata
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import plan, planners, printable_status
from ansible_collections.playvirt.core.tests.unit.fakes import cluster as fake

NOW = "2030-01-01T00:10:00Z"
CONTROLLER, NODE = planners.PLANNERS["virtualmachineinstance"], planners.PLANNERS["domain"]
MISSING = "failed to render launch manifest: didn't find PVC data"
DATA = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}


@pytest.fixture
def cluster() -> fake.Cluster:
    return fake.Cluster()


def _vmi(*volumes: dict[str, Any]) -> dict[str, Any]:
    disks = [{"name": volume["name"], "disk": {"bus": "virtio"}} for volume in volumes]
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstance",
        "metadata": {"name": "a", "namespace": "ns", "uid": "u1"},
        "spec": {
            "domain": {"memory": {"guest": "64Mi"}, "devices": {"disks": disks, "autoattachPodInterface": False}},
            "volumes": list(volumes),
        },
    }


def _claim(
    *, phase: str = "Bound", mode: str | None = None, capacity: str = "1Gi", asked: str = "1Gi"
) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": "ns"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": asked}},
            **({"volumeMode": mode} if mode else {}),
        },
        "status": {"phase": phase, **({"capacity": {"storage": capacity}} if phase == "Bound" else {})},
    }


def _decide(cluster: fake.Cluster, vmi: dict[str, Any]) -> plan.Plan:
    """virt-controller's plan, its status carried over."""
    made = CONTROLLER.plan(vmi, CONTROLLER.observe(vmi, cluster), NOW)
    if made.status is not None:
        vmi["status"] = dict(made.status)
    return made


def _on_node(cluster: fake.Cluster, vmi: dict[str, Any]) -> plan.Plan:
    """virt-handler's plan for the pod that virt-controller made, with a launcher that has no domain yet."""
    created = _decide(cluster, vmi)
    pod = cluster.put(created.steps["create_pod"]["pod"])
    pod["spec"]["nodeName"] = "node01"
    _decide(cluster, vmi)
    cluster.launchers[pod["metadata"]["uid"]] = {"pid": 7, "domain": {"state": "absent", "reason": ""}}
    return NODE.plan(vmi, NODE.observe(vmi, cluster), NOW)


def _told(vmi: dict[str, Any], kind: str) -> tuple[Any, ...] | None:
    found = conditions.get(vmi["status"].get("conditions"), kind)
    return found and (found["status"], found["reason"], found["message"])


def _info(vmi: dict[str, Any]) -> dict[str, Any]:
    (entry,) = vmi["status"]["volumeStatus"]
    info: dict[str, Any] = entry["persistentVolumeClaimInfo"]
    return info


def test_missing_claim_is_told_and_found_when_it_comes(cluster: fake.Cluster) -> None:
    vmi = _vmi(DATA)
    assert _decide(cluster, vmi).steps == {"tell_problem": {"reason": "FailedPvcNotFound", "message": MISSING}}
    assert vmi["status"]["phase"] == "Pending"
    assert _told(vmi, "Synchronized") == ("False", "FailedPvcNotFound", MISSING)
    assert _told(vmi, "PodScheduled") == ("False", "Unschedulable", MISSING)
    assert printable_status.of({"metadata": {}, "spec": {}}, vmi, {}) == "ErrorPvcNotFound"
    assert _decide(cluster, vmi).is_empty

    cluster.put(_claim())
    before = vmi["status"]["conditions"]
    created = _decide(cluster, vmi)
    assert list(created.steps) == ["add_finalizer", "create_pod"]
    assert vmi["status"]["phase"] == "Scheduling"
    cluster.put(created.steps["create_pod"]["pod"])
    vmi["status"]["conditions"] = before  # a role adds conditions, the next plan takes away what is past
    assert not _decide(cluster, vmi).steps
    assert _told(vmi, "Synchronized") is None
    assert _told(vmi, "PodScheduled") is None


def test_claim_without_its_volume(cluster: fake.Cluster) -> None:
    vmi = _vmi(DATA)
    cluster.put(_claim(phase="Lost"))
    assert list(_decide(cluster, vmi).steps) == ["tell_problem"]
    lost = "failed to render launch manifest: PVC data has lost its PersistentVolume; restore that, or make the claim again"
    assert _told(vmi, "Synchronized") == ("False", "FailedCreate", lost)
    cluster.put(_claim(phase="Bound"))
    assert "create_pod" in _decide(cluster, vmi).steps


def test_claim_that_waits_for_its_first_consumer_gets_one(cluster: fake.Cluster) -> None:
    """The pod makes it bind; its capacity is told once it is known."""
    vmi = _vmi(DATA)
    claim = cluster.put(_claim(phase="Pending"))
    pod = _decide(cluster, vmi).steps["create_pod"]["pod"]
    assert {"name": "volume-0", "persistentVolumeClaim": {"claimName": "data"}} in pod["spec"]["volumes"]
    assert _info(vmi) == {
        "claimName": "data",
        "accessModes": ["ReadWriteOnce"],
        "volumeMode": "Filesystem",
        "requests": {"storage": "1Gi"},
        "filesystemOverhead": "0.055",
    }
    assert printable_status.of({"metadata": {}, "spec": {}}, vmi, {}) == "WaitingForVolumeBinding"
    cluster.put(pod)
    claim["status"] = {"phase": "Bound", "capacity": {"storage": "2Gi"}}
    assert not _decide(cluster, vmi).steps
    assert _info(vmi)["capacity"] == {"storage": "2Gi"}
    assert printable_status.of({"metadata": {}, "spec": {}}, vmi, {}) == "Starting"


def test_what_was_known_of_a_claim_stays_when_it_goes(cluster: fake.Cluster) -> None:
    vmi = _vmi(DATA)
    claim = cluster.put(_claim())
    cluster.put(_decide(cluster, vmi).steps["create_pod"]["pod"])
    known = _info(vmi)
    cluster.remove(claim)
    assert _decide(cluster, vmi).is_empty
    assert _info(vmi) == known


@pytest.mark.parametrize(
    ("capacity", "asked", "mib"), [("1Gi", "1Gi", 967), ("10Gi", "1Gi", 967), ("1Gi", "2Gi", 967), ("100M", "100M", 90)]
)
def test_size_of_a_new_image(cluster: fake.Cluster, capacity: str, asked: str, mib: int) -> None:
    vmi = _vmi(DATA)
    cluster.put(_claim(capacity=capacity, asked=asked))
    (disk,) = _on_node(cluster, vmi).steps["make_disks"]["disks"]
    assert disk["bytes"] == mib << 20


def test_claim_that_is_too_small_for_an_image(cluster: fake.Cluster) -> None:
    vmi = _vmi(DATA)
    cluster.put(_claim(capacity="1Mi", asked="1Mi"))
    made = _on_node(cluster, vmi)
    assert not made.steps
    vmi["status"] = made.status
    few = "spec.volumes[data].persistentVolumeClaim: the claim's 1048576 bytes are too few for a disk image"
    assert _told(vmi, "Synchronized") == ("False", "InvalidSpec", few)


def test_node_waits_for_what_is_known_of_a_claim(cluster: fake.Cluster) -> None:
    vmi = _vmi(DATA)
    cluster.put(_claim())
    created = _decide(cluster, vmi)
    pod = cluster.put(created.steps["create_pod"]["pod"])
    cluster.launchers[pod["metadata"]["uid"]] = {"pid": 7, "domain": {"state": "absent", "reason": ""}}
    del vmi["status"]["volumeStatus"]
    made = NODE.plan(vmi, NODE.observe(vmi, cluster), NOW)
    assert not made.steps
    vmi["status"] = made.status
    told = _told(vmi, "Synchronized")
    assert told is not None
    assert "nothing is known of the size of the claim yet" in told[2]


def test_block_claim_is_a_device_of_the_pod(cluster: fake.Cluster) -> None:
    vmi = _vmi(DATA)
    cluster.put(_claim(mode="Block"))
    made = _on_node(cluster, vmi)
    (disk,) = made.steps["make_disks"]["disks"]
    assert disk == {
        "volume": "data",
        "kind": "persistentVolumeClaim",
        "claim": "data",
        "read_only": False,
        "device": "/dev/data",
    }
    assert '<source dev="/dev/data"' in made.steps["define"]["xml"]
    pod = cluster.objects["Pod", "ns", metadata.launcher_pod_name(vmi)]
    assert pod["spec"]["containers"][0]["volumeDevices"] == [{"name": "volume-0", "devicePath": "/dev/data"}]
    assert "filesystemOverhead" not in _info(vmi)


def test_block_claim_that_would_hide_a_device_of_the_pod(cluster: fake.Cluster) -> None:
    vmi = _vmi({"name": "null", "persistentVolumeClaim": {"claimName": "data"}})
    cluster.put(_claim(mode="Block"))
    assert list(_decide(cluster, vmi).steps) == ["tell_problem"]
    assert _told(vmi, "Synchronized") == (
        "False",
        "FailedCreate",
        "spec.volumes[null].name: the block device of claim data cannot be called /dev/null in the pod; give the volume another name",
    )


def test_status_tells_targets_and_sizes(cluster: fake.Cluster) -> None:
    """The node adds what it knows, and keeps what is known of the claim."""
    vmi = _vmi(
        DATA, {"name": "scratch", "emptyDisk": {"capacity": "1Mi"}}, {"name": "config", "configMap": {"name": "c"}}
    )
    vmi["spec"]["domain"]["devices"]["disks"][2] = {"name": "config", "cdrom": {"bus": "sata"}}
    cluster.put(_claim())
    status = _on_node(cluster, vmi).status
    assert status is not None
    shown = {entry["name"]: (entry["target"], entry.get("size")) for entry in status["volumeStatus"]}
    assert shown == {"data": ("vda", None), "scratch": ("vdb", 1 << 20), "config": ("sda", None)}
    assert status["volumeStatus"][0]["persistentVolumeClaimInfo"]["claimName"] == "data"
    vmi["status"] = dict(status)
    again = CONTROLLER.plan(vmi, CONTROLLER.observe(vmi, cluster), NOW)
    assert again.status is None or again.status["volumeStatus"] == status["volumeStatus"]


def test_secrets_are_named_and_never_read(cluster: fake.Cluster) -> None:
    """The plan has the Secret's name and place; its contents are the launcher's."""
    vmi = _vmi(
        {"name": "init", "cloudInitNoCloud": {"secretRef": {"name": "login"}}},
        {"name": "s", "secret": {"secretName": "key"}},
    )
    steps = _on_node(cluster, vmi).steps
    assert steps["make_cloud_init"]["secrets"] == [
        {
            "file": "user-data",
            "secret": "login",
            "directory": "/var/run/kubevirt-private/cloud-init/init/userdata",
            "keys": ["userdata", "userData"],
        }
    ]
    assert steps["make_iso_images"]["images"][0]["content"] == "Secret key"
    assert [key for key in cluster.objects if key[0] == "Secret"] == []


@pytest.mark.parametrize(
    ("volumes", "message"),
    [
        (
            [{"name": "c", "cloudInitConfigDrive": {"userDataBase64": "no base64!"}}],
            "spec.volumes[c].cloudInitConfigDrive.userDataBase64 is not a valid base64 value.",
        ),
        (
            [
                {"name": "c", "cloudInitNoCloud": {"userData": "x"}},
                {"name": "d", "cloudInitConfigDrive": {"userData": "x"}},
            ],
            "spec.volumes[d]: volume c has cloud-init data already; put all of it into one volume",
        ),
        (
            [{"name": "e", "emptyDisk": {"capacity": "0"}}],
            "spec.volumes[e].emptyDisk.capacity '0': must be greater than 0.",
        ),
        (
            [{"name": "h", "hostDisk": {"path": "/d/x", "type": "DiskOrCreate", "capacity": "-1"}}],
            "spec.volumes[h].hostDisk.capacity '-1': must be greater than 0.",
        ),
    ],
)
def test_wrong_volumes(cluster: fake.Cluster, volumes: list[dict[str, Any]], message: str) -> None:
    vmi = _vmi(*volumes)
    made = _on_node(cluster, vmi)
    assert not made.steps
    vmi["status"] = made.status
    assert _told(vmi, "Synchronized") == ("False", "InvalidSpec", message)


def test_read_only_claim_on_a_bus_that_cannot(cluster: fake.Cluster) -> None:
    vmi = _vmi({"name": "data", "persistentVolumeClaim": {"claimName": "data", "readOnly": True}})
    vmi["spec"]["domain"]["devices"]["disks"][0]["disk"]["bus"] = "sata"
    cluster.put(_claim())
    made = _on_node(cluster, vmi)
    assert not made.steps
    vmi["status"] = made.status
    assert _told(vmi, "Synchronized") == (
        "False",
        "InvalidSpec",
        "spec.domain.devices.disks[0].disk.bus 'sata': volume data is read-only, which a SATA disk cannot be; "
        "use virtio or scsi, or a cdrom",
    )
