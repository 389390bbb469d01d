"""What a user has broken or left out, what the instance then says, and that it goes on once that is put right.

In scope: images, claims and their room, other objects that a machine needs, guests that crash, hang or lose their pod; each text that is awaited here is in
the table of docs/life.md. Not in scope: what the same steps say under ansible-playbook (test_failures), and processes that are killed (test_kills).
"""

from __future__ import annotations

import json
import pathlib
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from ansible_collections.playvirt.core.tests.e2e import cluster as clusters
from ansible_collections.playvirt.core.tests.e2e import image_archive, machines, nodes
from ansible_collections.playvirt.core.tests.e2e import namespace as namespaces

NAME = "troubled"
CLAIM = {"persistentVolumeClaim": {"claimName": "data"}}
EMPTY_DISK = bytes(1 << 20)
#: a qcow2 header: magic, version, where the name of the backing file is and how long, bits of a cluster, size
QCOW2 = struct.Struct(">4sIQIIQ")
PANIC_SECONDS = 120


def told(namespace: namespaces.Namespace, name: str = NAME) -> str:
    """The message of condition Synchronized=False; empty where there is none."""
    found = clusters.condition(namespace.instance(name), "Synchronized")
    return str(found["message"]) if found.get("status") == "False" else ""


def wait_told(namespace: namespaces.Namespace, text: str, *, name: str = NAME) -> None:
    """Wait until the instance complains in words that contain this; another trouble may come and go before."""
    namespace.wait_for(f"complaint of {name}: {text}", namespaces.START_SECONDS, lambda: text in told(namespace, name))


def wait_recovered(namespace: namespaces.Namespace, *, name: str = NAME, other_than: str = "") -> None:
    """Wait until the instance is Running and complains of nothing."""
    namespace.wait_running(name, other_than=other_than)
    namespace.wait_for("no complaint is left", 120, lambda: not told(namespace, name))


def change_root(namespace: namespaces.Namespace, **container_disk: str) -> str:
    """Give the machine's next instance another root disk; the uid of this one."""
    return namespace.change_template(NAME, "/spec/volumes/0/containerDisk", container_disk)


@pytest.fixture
def add_image(cluster: clusters.Cluster, namespace: namespaces.Namespace, tmp_path: pathlib.Path) -> Callable[..., str]:
    """A function that brings an image of this story to every node: its name."""

    def add(name: str, files: Mapping[str, bytes]) -> str:
        reference = f"playvirt.io/{namespace.name}/{name}:1"
        archive = tmp_path / f"{name}.tar"
        image_archive.write_image(archive, reference, files)
        cluster.import_image(archive)
        return reference

    return add


def test_image_that_comes_late(namespace: namespaces.Namespace, add_image: Callable[..., str]) -> None:
    """An image that no registry has: the kubelet's words are on the instance, and it starts when the image is there."""
    image = f"playvirt.io/{namespace.name}/late:1"
    namespace.apply(machines.machine(NAME, image=image))
    wait_told(namespace, f'Bring the launcher pod up: Back-off pulling image "{image}"')
    reason = clusters.condition(namespace.instance(NAME), "Synchronized")["reason"]
    assert reason in ("ErrImagePull", "ImagePullBackOff")
    assert add_image("late", {"disk/disk.img": EMPTY_DISK}) == image
    wait_recovered(namespace)


def test_image_with_two_disks(namespace: namespaces.Namespace, add_image: Callable[..., str]) -> None:
    """The instance names both; with a path in the template, the next instance starts."""
    image = add_image("two", {"disk/a.img": EMPTY_DISK, "disk/b.img": EMPTY_DISK})
    namespace.apply(machines.machine(NAME, image=image))
    wait_told(
        namespace,
        "Make the guest's disks: volume root: 2 files (a.img, b.img) in /disk of the image; a container disk needs exactly one file there",
    )
    change_root(namespace, image=image, path="/disk/c.img")
    wait_told(namespace, "Make the guest's disks: volume root: the image has no file /disk/c.img")
    wait_recovered(namespace, other_than=change_root(namespace, image=image, path="/disk/b.img"))


def test_image_with_a_broken_disk(namespace: namespaces.Namespace, add_image: Callable[..., str]) -> None:
    """A qcow2 file that is cut off, and one that refers to a file of the node: neither is started; another image is."""
    cut = QCOW2.pack(b"QFI\xfb", 3, 0, 0, 16, 1 << 20)
    referring = QCOW2.pack(b"QFI\xfb", 2, QCOW2.size, 11, 16, 1 << 20) + b"/etc/shadow" + bytes(512)
    namespace.apply(machines.machine(NAME, image=add_image("cut", {"disk/disk.qcow2": cut})))
    wait_told(namespace, "qcow2 header too short")
    assert told(namespace).startswith("Make the guest's disks: volume root: ")
    change_root(namespace, image=add_image("referring", {"disk/disk.qcow2": referring}))
    wait_told(
        namespace,
        "Make the guest's disks: volume root: the disk file disk.qcow2 of the image refers to another file; flatten it (qemu-img convert) "
        "and build the image again",
    )
    wait_recovered(namespace, other_than=change_root(namespace, image=machines.TINY_IMAGE))


def test_node_that_comes_late(namespace: namespaces.Namespace) -> None:
    """No node has the label that the machine asks for; once one has, the machine starts there."""
    label = f"e2e.playvirt.io/{namespace.name[-5:]}"
    namespace.apply(machines.machine(NAME, node_selector={label: "yes"}))
    wait_told(namespace, "Bring the launcher pod up: 0/")
    assert "didn't match Pod's node affinity/selector" in told(namespace)
    node = namespace.cluster.find_all("Node")[0]["metadata"]["name"]
    namespace.cluster.kubectl("label", "node", node, f"{label}=yes")
    try:
        wait_recovered(namespace)
        assert (namespace.instance(NAME) or {})["status"]["nodeName"] == node
        assert not clusters.condition(namespace.instance(NAME), "PodScheduled")
    finally:
        namespace.cluster.kubectl("label", "node", node, f"{label}-")


@dataclass(frozen=True)
class SmallVolume:
    """A file system in a node's memory, for one claim: its storage class is `name`, and its size can be changed."""

    cluster: clusters.Cluster
    name: str
    node: nodes.Node

    @property
    def path(self) -> str:
        return f"/mnt/{self.name}"

    def resize(self, size: str) -> None:
        self.node.run("mount", "-o", f"remount,size={size}", self.path)

    def offer(self) -> None:
        """Make the PersistentVolume."""
        term = {"key": "kubernetes.io/hostname", "operator": "In", "values": [self.node.name]}
        volume = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": self.name},
            "spec": {
                "capacity": {"storage": "64Mi"},
                "accessModes": ["ReadWriteMany"],
                "persistentVolumeReclaimPolicy": "Retain",
                "storageClassName": self.name,
                "hostPath": {"path": self.path},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [term]}]}},
            },
        }
        self.cluster.kubectl("create", "-f", "-", stdin=json.dumps(volume))


@pytest.fixture
def small_volume(cluster: clusters.Cluster, request: pytest.FixtureRequest) -> Iterator[SmallVolume]:
    """The file system of a claim that only root may write, with room for 8 MiB; it goes after everything that uses it."""
    name = f"small-{abs(hash(request.node.nodeid)) % 10**8}"
    node = next(iter(cluster.nodes().values()))
    made = SmallVolume(cluster, name, node)
    node.run("mkdir", made.path)
    node.run("mount", "-t", "tmpfs", "-o", "size=8m,mode=0755", "tmpfs", made.path)
    try:
        yield made
    finally:
        cluster.kubectl("delete", "persistentvolume", name, "--ignore-not-found", "--wait=false")
        node.run("umount", "--lazy", made.path)
        node.run("rmdir", made.path)


def test_claim_that_is_put_right(small_volume: SmallVolume, namespace: namespaces.Namespace) -> None:
    """A claim without a volume, then without permission, then without room: the instance says each, and starts in the end.

    Then the claim has no room for what the guest writes: the guest is paused, and goes on when there is room, with nothing lost.
    """
    wanted = machines.claim("data")
    wanted["spec"]["storageClassName"] = small_volume.name
    namespace.create(wanted)
    namespace.apply(machines.with_disk(machines.machine(NAME), "data", CLAIM))
    wait_told(namespace, "Bring the launcher pod up: 0/")
    assert "pod has unbound immediate PersistentVolumeClaims" in told(namespace)

    small_volume.offer()
    wait_told(
        namespace,
        "Make the guest's disks: volume data: claim data: user 107 may not make a file there; give the directory to that user, "
        "or to group 107 with mode 0770",
    )
    small_volume.node.run("chown", "107:107", small_volume.path)
    wait_told(
        namespace,
        "Make the guest's disks: volume data: claim data: the disk image needs 60 MiB and only 8 MiB are free; make room there, or ask for less",
    )
    small_volume.resize("64m")
    wait_recovered(namespace)

    small_volume.resize("8m")
    with namespace.console(NAME) as console:
        console.log_in("root", "playvirt")
        writing = "dd if=/dev/zero of=/dev/vdb bs=1M count=16 conv=fsync"
        console.run(f"{{ {writing}; echo ended $? > /tmp/ended; }} > /dev/null 2>&1 & true")

        def paused() -> clusters.Object:
            return clusters.condition(namespace.instance(NAME), "Paused")

        namespace.wait_for("condition Paused", 120, lambda: paused().get("reason") == "PausedIOError")
        assert paused()["message"] == "VMI was paused, low-level IO error detected"
        small_volume.resize("64m")
        namespace.wait_for("the guest goes on", 120, lambda: not paused())
        assert console.run("until [ -e /tmp/ended ]; do sleep 1; done; cat /tmp/ended") == "ended 0"


def test_claim_of_another_guest(namespace: namespaces.Namespace) -> None:
    """A disk that is in use is not opened twice: the second instance says so, and starts when the first has gone."""
    namespace.create(machines.claim("data"))
    namespace.apply(machines.with_disk(machines.instance("first"), "data", CLAIM))
    first = namespace.wait_running("first")
    selector = {"kubernetes.io/hostname": first["status"]["nodeName"]}
    namespace.apply(machines.with_disk(machines.instance(NAME, node_selector=selector), "data", CLAIM))
    wait_told(namespace, 'Failed to get "write" lock')
    namespace.kubectl("delete", "virtualmachineinstance", "first", "--wait=false")
    wait_recovered(namespace)


def test_ephemeral_volume_whose_image_comes_late(namespace: namespaces.Namespace) -> None:
    """There is nothing on the claim to start from; once another instance has put a disk there and gone, there is."""
    namespace.create(machines.claim("data"))
    source = {"ephemeral": CLAIM}
    namespace.apply(machines.with_disk(machines.instance(NAME), "data", source))
    wait_told(
        namespace,
        "Make the guest's disks: volume data: claim data has no disk.img; an ephemeral volume needs one to start from: copy it there first",
    )
    namespace.apply(machines.with_disk(machines.instance("maker"), "data", CLAIM))
    namespace.wait_running("maker")
    namespace.kubectl("delete", "virtualmachineinstance", "maker", "--wait=false")
    wait_recovered(namespace)


def test_service_account_that_comes_late(namespace: namespaces.Namespace) -> None:
    """The API server makes no pod under an account that is not there; with it, the instance starts."""
    source = {"serviceAccount": {"serviceAccountName": "teller"}}
    namespace.apply(machines.with_disk(machines.instance(NAME), "account", source))
    wait_told(namespace, "Create the launcher pod: ")
    assert 'serviceaccount "teller" not found' in told(namespace)
    namespace.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "teller"}})
    wait_recovered(namespace)


def test_config_map_that_comes_late(namespace: namespaces.Namespace) -> None:
    """The instance names the ConfigMap that it waits for, and starts when the kubelet has brought it into the pod."""
    source = {"configMap": {"name": "app"}}
    namespace.apply(machines.with_disk(machines.instance(NAME), "settings", source))
    wait_told(
        namespace, "Make the images of ConfigMaps, Secrets and their like: volume settings: ConfigMap app is not there"
    )
    namespace.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "app"}, "data": {"a": "b"}})
    # The kubelet looks at what is mounted about once a minute, and the step is tried again with growing pauses.
    namespace.wait_running(NAME, seconds=2 * namespaces.START_SECONDS)


def test_secret_without_its_key(namespace: namespaces.Namespace) -> None:
    """A Secret that has other keys than cloud-init's is named with the key that it lacks; with it, the instance starts."""
    secret: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"}}
    namespace.apply({**secret, "stringData": {"password": "secret"}})
    source = {"cloudInitNoCloud": {"secretRef": {"name": "login"}}}
    namespace.apply(machines.with_disk(machines.instance(NAME), "init", source))
    wait_told(namespace, "Make the cloud-init disk: volume init: Secret login has none of the keys userdata")
    namespace.apply({**secret, "stringData": {"userdata": "#cloud-config\nhostname: vault\n"}})
    namespace.wait_running(NAME, seconds=2 * namespaces.START_SECONDS)


def test_user_data_that_are_not_base64(namespace: namespaces.Namespace) -> None:
    """The object is refused before it is stored, with the field; corrected, it is taken."""
    wanted = machines.with_disk(
        machines.instance(NAME), "init", {"cloudInitNoCloud": {"userDataBase64": "#cloud-config"}}
    )
    create = ("kubectl", "--namespace", namespace.name, "create", "--dry-run=server", "-f", "-")
    done = namespace.cluster.run(*create, stdin=json.dumps(wanted), check=False)
    place = "spec.volumes[1].cloudInitNoCloud.userDataBase64"
    assert f"{place}: {place}.cloudInitNoCloud.userDataBase64 is not a valid base64 value." in done.stderr
    wanted["spec"]["volumes"][1]["cloudInitNoCloud"]["userDataBase64"] = "I2Nsb3VkLWNvbmZpZwo="
    namespace.cluster.run(*create, stdin=json.dumps(wanted))


def stopped(namespace: namespaces.Namespace) -> list[str]:
    """The messages of the Events that tell of the guest's end."""
    events = [each for each in namespace.find_all("Event") if each["involvedObject"]["name"] == NAME]
    return [event["message"] for event in events if event["reason"] in ("Stopped", "Deleted")]


def test_guest_that_panics(namespace: namespaces.Namespace) -> None:
    """A guest whose kernel panics tells so through its panic device: the instance has Failed, and the machine starts another."""
    made = machines.machine(NAME)
    made["spec"]["template"]["spec"]["domain"]["devices"]["panicDevices"] = [{"model": "pvpanic"}]
    namespace.apply(made)
    before = namespace.wait_running(NAME)["metadata"]["uid"]
    with namespace.console(NAME) as console:
        console.log_in("root", "playvirt")
        console.run("insmod /lib/modules/pvpanic.ko && insmod /lib/modules/pvpanic-pci.ko")
        console.run("sh -c 'sleep 1; echo c > /proc/sysrq-trigger' > /dev/null 2>&1 & true")
        namespace.wait_for(
            "Event Stopped", PANIC_SECONDS, lambda: "The VirtualMachineInstance crashed." in stopped(namespace)
        )
    namespace.wait_running(NAME, other_than=before)


def test_guest_that_hangs(namespace: namespaces.Namespace) -> None:
    """A guest that does not listen to its power button is turned off when its grace period has ended, and not before."""
    namespace.apply(machines.instance(NAME, grace_seconds=10))
    namespace.wait_running(NAME)
    with namespace.console(NAME) as console:
        console.log_in("root", "playvirt")
        console.run("rm -r /etc/acpi/PWRF")
    [qemu] = nodes.qemus(namespace.name, NAME)
    namespace.kubectl("delete", "virtualmachineinstance", NAME, "--wait=false")
    namespace.wait_for("Event ShuttingDown", 60, lambda: "ShuttingDown" in reasons(namespace))
    assert nodes.qemus(namespace.name, NAME) == [qemu]
    namespace.wait_gone("VirtualMachineInstance", NAME)
    assert nodes.qemus(namespace.name, NAME) == []
    assert "Deleted" in reasons(namespace)


def reasons(namespace: namespaces.Namespace) -> list[str]:
    """The reasons of the instance's Events."""
    return [each["reason"] for each in namespace.find_all("Event") if each["involvedObject"]["name"] == NAME]


def test_pod_that_is_deleted_by_hand(namespace: namespaces.Namespace) -> None:
    """The guest is shut down, the instance ends, and the machine starts another; there is nothing left of the first."""
    namespace.apply(machines.machine(NAME))
    before = namespace.wait_running(NAME)["metadata"]["uid"]
    qemus = nodes.qemus(namespace.name, NAME)
    pod = namespace.launcher(NAME)
    assert pod is not None
    namespace.kubectl("delete", "pod", pod["metadata"]["name"], "--wait=false")
    namespace.wait_for(
        "Event Stopped", 120, lambda: stopped(namespace) == ["The VirtualMachineInstance was shut down."]
    )
    namespace.wait_running(NAME, other_than=before)
    namespace.wait_gone("Pod", pod["metadata"]["name"])
    assert not {each.pid for each in qemus} & {each.pid for each in nodes.qemus(namespace.name, NAME)}
