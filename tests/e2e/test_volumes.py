"""Volumes as a guest sees them: data that stay, data that go, files out of ConfigMaps and Secrets, and what is told when a volume is not there.

In scope: claims with a file system and with a block device, ephemeral volumes, host disks, Secrets for cloud-init, ISO disks. Not in scope: what is
written into the pod and the domain for them (golden files), and every refusal (unit tests).
"""

from __future__ import annotations

import base64
import json
import pathlib
import subprocess
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.playvirt.core.tests.e2e import cluster as clusters
from ansible_collections.playvirt.core.tests.e2e import machines
from ansible_collections.playvirt.core.tests.e2e import namespace as namespaces

NAME = "keeper"
#: what the file system of a claim keeps to itself, and how much of 64 MiB is left in whole MiB
MIB_OF_64 = 60
CLAIM = {"persistentVolumeClaim": {"claimName": "data"}}
EPHEMERAL = {"ephemeral": {"persistentVolumeClaim": {"claimName": "data"}}}


def write(namespace: namespaces.Namespace, text: str, *, name: str = NAME, device: str = "/dev/vdb") -> None:
    """Write a word to the start of the guest's disk, and wait until it is on the disk."""
    with namespace.console(name) as console:
        console.log_in("root", "playvirt")
        console.run(f"echo {text} | dd of={device} bs=512 conv=sync,fsync && sync")


def read(namespace: namespaces.Namespace, *, name: str = NAME, device: str = "/dev/vdb") -> str:
    """The word at the start of the guest's disk; empty where nothing was written."""
    with namespace.console(name) as console:
        console.log_in("root", "playvirt")
        return console.run(f"dd if={device} bs=512 count=1 2> /dev/null | tr -d '\\000'")


def restart(namespace: namespaces.Namespace) -> clusters.Object:
    """Stop the machine, start it again; the new instance."""
    before = namespace.wait_running(NAME)["metadata"]["uid"]
    namespace.set_run_strategy(NAME, "Halted")
    namespace.wait_gone("VirtualMachineInstance", NAME)
    namespace.set_run_strategy(NAME, "Always")
    return namespace.wait_running(NAME, other_than=before)


def volume_status(namespace: namespaces.Namespace, volume: str) -> dict[str, Any]:
    listed = ((namespace.instance(NAME) or {}).get("status") or {}).get("volumeStatus") or []
    return next((entry for entry in listed if entry["name"] == volume), {})


def wait_for_message(namespace: namespaces.Namespace, message: str) -> None:
    """Wait until condition Synchronized=False says exactly this."""

    def is_told() -> bool:
        told = clusters.condition(namespace.instance(NAME), "Synchronized")
        return (told.get("status"), told.get("message")) == ("False", message)

    namespace.wait_for(f"condition Synchronized=False: {message}", namespaces.START_SECONDS, is_told)


@pytest.fixture
def block_volume(cluster: clusters.Cluster) -> Iterator[str]:
    """A volume of class `block` that nobody uses; at the end it is for everybody again, whatever is on it."""
    listed = json.loads(cluster.kubectl("get", "persistentvolumes", "-o", "json"))["items"]
    free = [
        each["metadata"]["name"]
        for each in listed
        if each["spec"].get("storageClassName") == "block" and each["status"]["phase"] in ("Available", "Released")
    ]
    if not free:
        pytest.fail("the cluster has no free volume of class block: make cluster BLOCK_VOLUMES=2", pytrace=False)
    release = ("patch", "persistentvolume", free[0], "--type=merge", "--patch", '{"spec": {"claimRef": null}}')
    cluster.kubectl(*release)
    yield free[0]
    # The claim goes with its namespace, which ends before this; the volume keeps its claim's name until it is taken away.
    cluster.wait_for("the volume is released", 240, lambda: is_released(cluster, free[0]))
    cluster.kubectl(*release)


def is_released(cluster: clusters.Cluster, volume: str) -> bool:
    found = json.loads(cluster.kubectl("get", "persistentvolume", volume, "-o", "json"))
    return found["status"]["phase"] in ("Available", "Released")


def test_claim_keeps_data(namespace: namespaces.Namespace) -> None:
    """What a guest writes to an empty claim is there after a stop and a start; the disk is as large as the claim without its file system's share."""
    namespace.create(machines.claim("data"))
    namespace.apply(machines.with_disk(machines.machine(NAME), "data", CLAIM))
    namespace.wait_running(NAME)
    with namespace.console(NAME) as console:
        console.log_in("root", "playvirt")
        assert console.run("cat /sys/block/vdb/size") == str(MIB_OF_64 * 2048)
    write(namespace, "kept")
    restart(namespace)
    assert read(namespace) == "kept"

    status = volume_status(namespace, "data")
    assert status["target"] == "vdb"
    assert status["persistentVolumeClaimInfo"]["claimName"] == "data"
    assert status["persistentVolumeClaimInfo"]["volumeMode"] == "Filesystem"


def test_block_claim_keeps_data(block_volume: str, namespace: namespaces.Namespace) -> None:
    """The same on a block device, which the launcher opens as user 107."""
    mark = uuid.uuid4().hex[:8]
    namespace.create(machines.claim("data", size="1Mi", volume=block_volume))
    namespace.apply(machines.with_disk(machines.machine(NAME), "data", CLAIM))
    namespace.wait_running(NAME)
    write(namespace, mark)
    restart(namespace)
    assert read(namespace) == mark
    pod = namespace.launcher(NAME)
    assert pod is not None
    owner = namespace.kubectl(
        "exec", pod["metadata"]["name"], "-c", "compute", "--", "stat", "-c", "%u %F", "/dev/data"
    )
    assert owner.strip() == "107 block special file"


def test_ephemeral_changes_are_gone(namespace: namespaces.Namespace) -> None:
    """An ephemeral volume begins with what is on its claim at each start, and never changes it."""
    namespace.create(machines.claim("data"))
    namespace.apply(machines.with_disk(machines.instance("maker"), "data", CLAIM))
    namespace.wait_running("maker")
    write(namespace, "base", name="maker")
    namespace.kubectl("delete", "virtualmachineinstance", "maker", "--wait=true", seconds=namespaces.END_SECONDS)

    namespace.apply(machines.with_disk(machines.machine(NAME), "data", EPHEMERAL))
    namespace.wait_running(NAME)
    assert read(namespace) == "base"
    write(namespace, "changed")
    assert read(namespace) == "changed"
    restart(namespace)
    assert read(namespace) == "base"


def test_ephemeral_volume_over_an_empty_claim(namespace: namespaces.Namespace) -> None:
    """There is nothing to start from, and the instance says so."""
    namespace.create(machines.claim("data"))
    namespace.apply(machines.with_disk(machines.instance(NAME), "data", EPHEMERAL))
    wait_for_message(
        namespace,
        "Make the guest's disks: volume data: claim data has no disk.img; an ephemeral volume needs one to start from: copy it there first",
    )


def test_image_that_was_copied(namespace: namespaces.Namespace) -> None:
    """An image that is on the claim already is kept; one in a format that the guest could not read is refused until it is replaced."""
    namespace.create(machines.claim("data"))
    filler = machines.client_pod("filler")
    filler["spec"]["securityContext"] = {"runAsUser": 107, "runAsGroup": 107, "fsGroup": 107}
    filler["spec"]["volumes"] = [{"name": "data", **CLAIM}]
    filler["spec"]["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    namespace.create(filler)
    namespace.kubectl("wait", "--for=condition=Ready", "pod/filler", "--timeout=180s")

    def copy(start: str) -> None:
        """A disk.img of 1 MiB that begins with this."""
        script = f"printf '{start}' | dd of=/data/disk.img bs=1M conv=sync"
        namespace.kubectl("exec", "filler", "--", "sh", "-c", script)

    copy("QFI\\373")
    namespace.apply(machines.with_disk(machines.instance(NAME), "data", CLAIM))
    wait_for_message(
        namespace,
        "Make the guest's disks: volume data: claim data: disk.img is a qcow2 image, and the guest would see it as it is; "
        "turn it into a raw one (qemu-img convert -O raw)",
    )
    copy("copied")
    namespace.wait_running(NAME)
    assert read(namespace) == "copied"
    with namespace.console(NAME) as console:
        console.log_in("root", "playvirt")
        assert console.run("cat /sys/block/vdb/size") == "2048"


def test_claim_that_comes_late(namespace: namespaces.Namespace) -> None:
    """Without its claim a machine is ErrorPvcNotFound; with it, it starts by itself."""
    namespace.apply(machines.with_disk(machines.machine(NAME), "data", CLAIM))
    wait_for_message(namespace, "failed to render launch manifest: didn't find PVC data")
    told = clusters.condition(namespace.instance(NAME), "Synchronized")
    assert told["reason"] == "FailedPvcNotFound"
    assert namespace.launcher(NAME) is None
    reasons = [event["reason"] for event in namespace.find_all("Event") if event["involvedObject"]["name"] == NAME]
    assert "FailedPvcNotFound" in reasons

    def status() -> str:
        machine = namespace.find("VirtualMachine", NAME) or {}
        return str((machine.get("status") or {}).get("printableStatus"))

    namespace.wait_for("status ErrorPvcNotFound", 120, lambda: status() == "ErrorPvcNotFound")
    namespace.create(machines.claim("data"))
    namespace.wait_running(NAME)
    namespace.wait_for(
        "no complaint is left", 120, lambda: not clusters.condition(namespace.instance(NAME), "Synchronized")
    )


def test_user_data_of_a_secret_that_comes_late(namespace: namespaces.Namespace) -> None:
    """The instance names the Secret that it waits for; the user in it can log in, and no controller's log has the password."""
    password = f"pw-{uuid.uuid4().hex[:12]}"
    user_data = f"#cloud-config\nhostname: vault\nuser: ada\npassword: {password}\nchpasswd: {{expire: false}}\n"
    source = {"cloudInitNoCloud": {"secretRef": {"name": "login"}}}
    namespace.apply(machines.with_disk(machines.instance(NAME), "init", source))
    wait_for_message(
        namespace,
        "Make the cloud-init disk: volume init: Secret login is not there, or has nothing in it; "
        "create it, and the kubelet brings it into the pod",
    )
    encoded = base64.b64encode(user_data.encode()).decode()
    namespace.create(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"}, "data": {"userdata": encoded}}
    )
    # The kubelet looks at a mounted Secret about once a minute, and the step is tried again with growing pauses.
    namespace.wait_running(NAME, seconds=2 * namespaces.START_SECONDS)
    with namespace.console(NAME) as console:
        console.log_in("ada", password)
        assert console.run("hostname") == "vault"
    for component in ("virt-controller", "virt-handler"):
        logs = namespace.cluster.kubectl(
            *("logs", "--namespace", clusters.INSTALLATION, "--selector", f"kubevirt.io={component}", "--tail=-1")
        )
        assert password not in logs


def test_config_drive(namespace: namespaces.Namespace) -> None:
    """The guest finds a disk labelled config-2 with cloud-init's files, the user data as they were in base64."""
    content = b"#!/bin/sh\necho started\n"
    source = {
        "cloudInitConfigDrive": {
            "userDataBase64": base64.b64encode(content).decode(),
            "networkData": '{"links": []}',
        }
    }
    namespace.apply(machines.with_disk(machines.instance(NAME), "init", source))
    namespace.wait_running(NAME)
    with namespace.console(NAME) as console:
        console.log_in("root", "playvirt")
        console.run("mkdir -p /mnt/c && mount -o ro -t iso9660 $(findfs LABEL=config-2) /mnt/c")
        assert console.run("base64 /mnt/c/openstack/latest/user_data") == base64.b64encode(content).decode()
        assert console.run("cat /mnt/c/openstack/latest/network_data.json") == '{"links": []}'
        assert json.loads(console.run("cat /mnt/c/openstack/latest/meta_data.json"))["hostname"] == NAME


def test_iso_disks(namespace: namespaces.Namespace) -> None:
    """ConfigMap, Secret, service account and downward API are disks with files that a guest can mount."""
    namespace.create(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "app"}, "data": {"app.ini": "[a]\n"}}
    )
    namespace.create(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"}, "stringData": {"id_ed25519": "not really"}}
    )
    namespace.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "teller"}})
    made = machines.instance(NAME)
    made["metadata"]["labels"] = {"tier": "front"}
    field = {"path": "pod/labels", "fieldRef": {"fieldPath": "metadata.labels"}}
    scsi = {"cdrom": {"bus": "scsi"}}
    machines.with_disk(made, "settings", {"configMap": {"name": "app", "volumeLabel": "settings"}})
    machines.with_disk(made, "keys", {"secret": {"secretName": "key", "volumeLabel": "keys"}}, target=scsi)
    machines.with_disk(made, "account", {"serviceAccount": {"serviceAccountName": "teller"}})
    machines.with_disk(made, "pod", {"downwardAPI": {"fields": [field], "volumeLabel": "pod"}})
    namespace.apply(made)
    namespace.wait_running(NAME)
    with namespace.console(NAME) as console:
        console.log_in("root", "playvirt")
        for label in ("settings", "cfgdata", "pod"):
            console.run(f"mkdir -p /mnt/{label} && mount -o ro -t iso9660 $(findfs LABEL={label}) /mnt/{label}")
        console.run("mkdir -p /mnt/keys && mount -o ro -t iso9660 /dev/sr0 /mnt/keys")
        assert console.run("cat /mnt/settings/app.ini") == "[a]"
        assert console.run("cat /mnt/keys/id_ed25519") == "not really"
        assert console.run("cat /mnt/cfgdata/namespace") == namespace.name
        assert console.run("grep -c 'BEGIN CERTIFICATE' /mnt/cfgdata/ca.crt") == "1"
        token = console.run("cut -d . -f 2 /mnt/cfgdata/token")
        assert 'tier="front"' in console.run("cat /mnt/pod/pod/labels")
    claims = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    assert claims["sub"] == f"system:serviceaccount:{namespace.name}:teller"


@pytest.fixture
def host_disks(cluster: clusters.Cluster) -> Iterator[None]:
    """Feature gate HostDisk, for as long as the story takes."""
    installed = cluster.get("KubeVirt", "kubevirt", clusters.INSTALLATION)

    def switch(gates: list[str] | None) -> None:
        change = {"spec": {"configuration": {"developerConfiguration": {"featureGates": gates}}}}
        cluster.patch(installed, change)

    switch(["HostDisk"])
    try:
        yield
    finally:
        switch(None)


def refusal(namespace: namespaces.Namespace, obj: clusters.Object) -> str:
    """Why the API server refuses the object; empty where it takes it (and nothing is created)."""
    arguments = ("kubectl", "--namespace", namespace.name, "create", "--dry-run=server", "-f", "-")
    done: subprocess.CompletedProcess[str] = namespace.cluster.run(*arguments, stdin=json.dumps(obj), check=False)
    return done.stderr if done.returncode else ""


def test_host_disk_needs_its_gate(namespace: namespaces.Namespace) -> None:
    source = {"hostDisk": {"path": "/srv/disks/data.img", "type": "DiskOrCreate", "capacity": "16Mi"}}
    told = refusal(namespace, machines.with_disk(machines.instance(NAME), "data", source))
    assert "HostDisk feature gate is not enabled" in told


def test_host_disk(namespace: namespaces.Namespace, host_disks: None) -> None:
    """A file of the node is made once, and stays when the instance has gone."""
    directory = pathlib.Path(namespace.cluster.state / "shared" / f"host-disks-{namespace.name}")
    source = {"hostDisk": {"path": f"{directory}/data.img", "type": "DiskOrCreate", "capacity": "16Mi"}}
    wanted = machines.with_disk(machines.instance(NAME), "data", source)
    namespace.wait_for("the gate is open", 60, lambda: not refusal(namespace, wanted))
    directory.mkdir()
    directory.chmod(0o777)
    try:
        for seen, written in (("", "first"), ("first", "second")):
            namespace.apply(wanted)
            namespace.wait_running(NAME)
            assert read(namespace) == seen
            write(namespace, written)
            namespace.kubectl("delete", "virtualmachineinstance", NAME, "--wait=true", seconds=namespaces.END_SECONDS)
            assert (directory / "data.img").stat().st_size == 16 << 20
        assert sorted(path.name for path in directory.iterdir()) == ["data.img"]
    finally:
        (directory / "data.img").unlink(missing_ok=True)
        directory.rmdir()


@pytest.mark.full
def test_claim_follows_to_another_node(namespace: namespaces.Namespace) -> None:
    """The machine starts on another node, with what it wrote on the first."""
    cluster = namespace.cluster
    names = sorted(node["metadata"]["name"] for node in cluster.find_all("Node"))
    if len(names) < 2:
        pytest.skip("the cluster has one node, this story takes two: make cluster NODES=2")
    namespace.create(machines.claim("data"))
    namespace.apply(machines.with_disk(machines.machine(NAME), "data", CLAIM))
    first = namespace.wait_running(NAME)["status"]["nodeName"]
    write(namespace, "moved")
    cluster.kubectl("cordon", first)
    try:
        second = restart(namespace)
    finally:
        cluster.kubectl("uncordon", first)
    assert second["status"]["nodeName"] != first
    assert read(namespace) == "moved"
