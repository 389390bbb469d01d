"""The life of a virtual machine: apply it, log in, reach it through a Service, stop it, start it again, delete it.

In scope: what a user sees with kubectl and on the console, and what is left on the node. Not in scope: what happens when something fails
(test_kills, test_failures).
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from ansible_collections.playvirt.core.tests.e2e import cluster as clusters
from ansible_collections.playvirt.core.tests.e2e import machines, nodes
from ansible_collections.playvirt.core.tests.e2e import namespace as namespaces

NAME = "story"
PASSWORD = "correct-horse"
GRACE_SECONDS = 120
USER_DATA = f"""#cloud-config
hostname: teller
user: ada
password: {PASSWORD}
chpasswd: {{expire: false}}
"""


@pytest.fixture(scope="module")
def running(installed: clusters.Cluster) -> Iterator[namespaces.Namespace]:
    """A namespace with a virtual machine that runs, which its tests only look at."""
    made = namespaces.Namespace(installed, "looked-at")
    try:
        made.apply(machines.machine(NAME, user_data=USER_DATA))
        made.wait_running(NAME)
        yield made
    finally:
        made.close()


def test_cloud_init(running: namespaces.Namespace) -> None:
    """The guest has the name of cloud-init's data, and the user of that data can log in with the password."""
    with running.console(NAME) as console:
        console.log_in("ada", PASSWORD)
        assert console.run("hostname") == "teller"
        assert console.run("id -un") == "ada"


def test_columns(running: namespaces.Namespace) -> None:
    """`kubectl get vm,vmi` shows name, age and state of both, and address and node of the instance."""
    launcher = running.launcher(NAME)
    assert launcher is not None
    node = launcher["spec"]["nodeName"]

    def reads_as_it_should() -> bool:
        """The pod's address and readiness come to the instance when the kubelet has told them, which may be after its phase."""
        pod = running.cluster.get("Pod", launcher["metadata"]["name"], running.name)
        lines = [line.split() for line in running.kubectl("get", "vm,vmi").splitlines() if line]
        return len(lines) == 4 and lines == [
            ["NAME", "AGE", "STATUS", "READY"],
            [f"virtualmachine.kubevirt.io/{NAME}", lines[1][1], "Running", "True"],
            ["NAME", "AGE", "PHASE", "IP", "NODENAME", "READY"],
            [
                f"virtualmachineinstance.kubevirt.io/{NAME}",
                lines[3][1],
                "Running",
                pod["status"].get("podIP"),
                node,
                "True",
            ],
        ]

    running.wait_for("the columns", 180, reads_as_it_should)


def test_service(running: namespaces.Namespace) -> None:
    """A web server in the guest answers another pod that asks the Service by its name."""
    running.apply(machines.service("web", app=NAME, port=80))
    running.apply(machines.client_pod("client"))
    running.kubectl("wait", "--for=condition=Ready", "pod/client", "--timeout=180s")

    page = "teller is a playvirt guest"
    running.wait_for(page, namespaces.BOOT_SECONDS, lambda: running.fetch("client", "web") == page)


def test_console_is_in_the_logs(running: namespaces.Namespace) -> None:
    """`kubectl logs POD -c guest-console-log` has what the guest has printed, from its kernel to the login prompt."""
    running.wait_for(
        "login prompt in the log", namespaces.BOOT_SECONDS, lambda: "teller login:" in running.console_log(NAME)
    )


@dataclass(frozen=True)
class Identity:
    """What a guest sees of its machine, which a restart must not change."""

    uuid: str
    mac: str


def identity(namespace: namespaces.Namespace) -> Identity:
    with namespace.console(NAME) as console:
        console.log_in("root", "playvirt")
        uuid = console.run("cat /sys/class/dmi/id/product_uuid")
        return Identity(uuid.lower(), console.run("cat /sys/class/net/eth0/address"))


def stop_and_watch(namespace: namespaces.Namespace) -> tuple[float, list[tuple[bool, bool]]]:
    """Patch the machine to Halted: how long QEMU went on, and pairs of (QEMU runs, instance is there) as they changed.

    In a sample that shows the instance gone QEMU was looked for after it, in any other before: no order is feigned by the time between the two.
    """
    begun = time.monotonic()
    namespace.set_run_strategy(NAME, "Halted")
    ran_for, seen = 0.0, [(True, True)]
    while seen[-1] != (False, False):
        assert time.monotonic() < begun + GRACE_SECONDS + 240, f"it does not stop; seen {seen}\n{namespace.explain()}"
        is_on = bool(nodes.qemus(namespace.name, NAME))
        is_there = namespace.instance(NAME) is not None
        if not is_there:
            is_on = bool(nodes.qemus(namespace.name, NAME))
        if is_on:
            ran_for = time.monotonic() - begun
        if (is_on, is_there) != seen[-1]:
            seen.append((is_on, is_there))
    return ran_for, seen


def test_stop_and_start(namespace: namespaces.Namespace) -> None:
    """Halted: the guest is asked by its power button and shuts down in its own time; first QEMU goes, then the instance. Always: the same machine is back."""
    namespace.apply(machines.machine(NAME, user_data=USER_DATA, grace_seconds=GRACE_SECONDS))
    first = namespace.wait_running(NAME)
    before = identity(namespace)
    pod = namespace.launcher(NAME)
    assert pod is not None
    follow = ["kubectl", "logs", "-n", namespace.name, "-f", pod["metadata"]["name"], "-c", "guest-console-log"]
    with subprocess.Popen(follow, stdout=subprocess.PIPE, text=True, env=namespace.cluster.environment) as log:
        assert log.stdout is not None
        try:
            assert log.stdout.readline(), "the log is followed before there is nothing to follow any more"
            ran_for, seen = stop_and_watch(namespace)
            printed, _ = log.communicate(timeout=120)
        finally:
            log.kill()

    # An instance that goes right after QEMU may be gone in the first sample without QEMU.
    assert seen in ([(True, True), (False, True), (False, False)], [(True, True), (False, False)])
    assert ran_for < GRACE_SECONDS
    assert "Power down" in printed
    reasons = [event["reason"] for event in namespace.find_all("Event") if event["involvedObject"]["name"] == NAME]
    assert "ShuttingDown" in reasons
    namespace.wait_for("status Stopped", 120, lambda: printable_status(namespace) == "Stopped")

    namespace.set_run_strategy(NAME, "Always")
    second = namespace.wait_running(NAME, other_than=first["metadata"]["uid"])
    assert identity(namespace) == before
    assert before == Identity(second["spec"]["domain"]["firmware"]["uuid"], second["status"]["interfaces"][0]["mac"])


def printable_status(namespace: namespaces.Namespace) -> str:
    machine = namespace.find("VirtualMachine", NAME) or {}
    return str((machine.get("status") or {}).get("printableStatus"))


def files_below(directory: os.PathLike[str]) -> set[str]:
    return {name for _, _, names in os.walk(directory) for name in names}


def test_delete(namespace: namespaces.Namespace) -> None:
    """Deleting the machine leaves nothing: no object, no pod, no process, no tap device, no disk, no cloud-init image."""
    namespace.apply(machines.machine(NAME, user_data=USER_DATA))
    namespace.wait_running(NAME)
    pod = namespace.launcher(NAME)
    assert pod is not None
    uid = pod["metadata"]["uid"]
    node = namespace.cluster.nodes()[pod["spec"]["nodeName"]]
    [qemu] = nodes.qemus(namespace.name, NAME)
    network = qemu.network_namespace()
    links = json.loads(subprocess.check_output(["nsenter", f"--net=/proc/{qemu.pid}/ns/net", "ip", "-json", "link"]))
    assert {"tap0", "k6t-eth0"} <= {link["ifname"] for link in links}
    assert network in node.network_namespaces()
    assert {"disk.qcow2", "noCloud.iso"} <= files_below(node.pod_directory(uid))

    namespace.kubectl("delete", "virtualmachine", NAME, "--wait=false")
    namespace.wait_gone("VirtualMachine", NAME)
    namespace.wait_gone("VirtualMachineInstance", NAME)
    namespace.wait_gone("Pod", pod["metadata"]["name"])
    assert nodes.qemus(namespace.name, NAME) == []
    assert [program for program in nodes.PROGRAMS if nodes.pod_processes(uid, program)] == []
    seconds = namespaces.END_SECONDS
    namespace.wait_for("directory of the pod is gone", seconds, lambda: not node.pod_directory(uid).exists())
    namespace.wait_for("network namespace is gone", seconds, lambda: network not in node.network_namespaces())
