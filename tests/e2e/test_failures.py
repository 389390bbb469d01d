"""A step that fails: the object's condition has the name of the role's task and its message, whoever runs the role.

In scope: a disk image without a disk (role domain, on the node) and a guest that fits on no node (role virtualmachineinstance), each under our runner
and under plain `ansible-playbook`, in the same words.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable

import pytest
from ansible_collections.playvirt.core.tests.e2e import cluster as clusters
from ansible_collections.playvirt.core.tests.e2e import image_archive, machines
from ansible_collections.playvirt.core.tests.e2e import namespace as namespaces

NAME = "hopeless"
DISKLESS_IMAGE = "playvirt.io/e2e/diskless:1"
NO_DISK = "Make the guest's disks: volume root: no disk file in /disk of the image; a container disk needs exactly one file there"
TOO_MUCH = "4Ti"
NO_NODE = "Bring the launcher pod up: 0/"


def synchronized(namespace: namespaces.Namespace, name: str = NAME) -> clusters.Object:
    """The condition that tells of a failed step."""
    return clusters.condition(namespace.instance(name), "Synchronized")


def wait_for_message(namespace: namespaces.Namespace, is_expected: Callable[[str], bool]) -> None:
    """Wait until Synchronized is False with such a message; another trouble may come and go before."""

    def is_told() -> bool:
        told = synchronized(namespace)
        return told.get("status") == "False" and is_expected(told["message"])

    namespace.wait_for(f"condition Synchronized=False of {NAME} with the expected message", 240, is_told)


@pytest.fixture
def diskless_image(cluster: clusters.Cluster, tmp_path: pathlib.Path) -> str:
    """An image that has a file, but none in /disk."""
    archive = tmp_path / "image.tar"
    image_archive.write_image(archive, DISKLESS_IMAGE, {"readme": b"no disk here\n"})
    cluster.import_image(archive)
    return DISKLESS_IMAGE


def test_image_without_disk(namespace: namespaces.Namespace, diskless_image: str) -> None:
    """The instance says in which task it fails and why, and role domain says the same when it is run by hand on the node; another image starts."""
    namespace.apply(machines.machine(NAME, image=diskless_image))
    wait_for_message(namespace, lambda told: told == NO_DISK)
    assert namespace.phase(NAME) == "Scheduled"

    pod = namespace.launcher(NAME)
    assert pod is not None
    handlers = namespace.cluster.component_pods("virt-handler")
    [handler] = [each for each in handlers if each["spec"]["nodeName"] == pod["spec"]["nodeName"]]
    obj = {"kind": "VirtualMachineInstance", "metadata": {"name": NAME, "namespace": namespace.name}}
    where = ["--namespace", clusters.INSTALLATION, handler["metadata"]["name"], "--container=virt-handler", "--"]
    play = ["ansible-playbook", "playvirt.core.reconcile", "-e", json.dumps(obj), "-e", "reconcile_role=domain"]
    done = namespace.cluster.run("kubectl", "exec", *where, *play, check=False)
    assert done.returncode == 2, done.stdout + done.stderr
    assert NO_DISK in done.stdout

    before = namespace.change_template(NAME, "/spec/volumes/0/containerDisk/image", machines.TINY_IMAGE)
    namespace.wait_running(NAME, other_than=before)


def test_guest_that_fits_nowhere(namespace: namespaces.Namespace) -> None:
    """The machine is ErrorUnschedulable, and the instance has the scheduler's words under the name of the task; a smaller one fits."""
    namespace.apply(machines.machine(NAME, memory=TOO_MUCH))
    wait_for_message(namespace, lambda told: told.startswith(NO_NODE) and "Insufficient memory" in told)
    scheduled = clusters.condition(namespace.instance(NAME), "PodScheduled")
    assert (scheduled["status"], scheduled["reason"]) == ("False", "Unschedulable")

    def status() -> str:
        machine = namespace.find("VirtualMachine", NAME) or {}
        return str((machine.get("status") or {}).get("printableStatus"))

    namespace.wait_for("status ErrorUnschedulable", 120, lambda: status() == "ErrorUnschedulable")
    before = namespace.change_template(NAME, "/spec/domain/memory/guest", "128Mi")
    namespace.wait_running(NAME, other_than=before)


def test_plain_playbook(namespace: namespaces.Namespace, without_controllers: None, tmp_path: pathlib.Path) -> None:
    """With no controller at all, `ansible-playbook playvirt.core.reconcile` makes the pod, and tells of the failed step like the runner does."""
    namespace.apply(machines.instance(NAME, memory=TOO_MUCH))
    manifest = tmp_path / "vmi.yaml"
    manifest.write_text(namespace.kubectl("get", "vmi", NAME, "-o", "yaml"))
    assert namespace.launcher(NAME) is None

    namespace.cluster.playbook("reconcile", "-e", f"@{manifest}")
    pod = namespace.launcher(NAME)
    assert pod is not None
    assert namespace.phase(NAME) == "Scheduling"
    name = pod["metadata"]["name"]

    def is_judged() -> bool:
        return clusters.condition(namespace.find("Pod", name), "PodScheduled").get("status") == "False"

    namespace.wait_for("judgement of the scheduler", 120, is_judged)

    done = namespace.cluster.playbook("reconcile", "-e", f"@{manifest}", check=False)
    assert done.returncode == 2, done.stdout + done.stderr
    told = synchronized(namespace)
    assert told["status"] == "False"
    assert told["message"].startswith(NO_NODE)
    assert told["message"] in done.stdout.replace("\\n", "\n")
