"""The life of a guest beside start and stop: paused and let go on, well and unwell, off by its own will; its pod's class, and what its agent tells.

In scope: what a user sees on the objects, and module libvirt_domain as an administrator calls it. Not in scope: what happens when a part of playvirt fails
(test_kills), or a step (test_failures).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.playvirt.core.tests.e2e import cluster as clusters
from ansible_collections.playvirt.core.tests.e2e import machines, nodes
from ansible_collections.playvirt.core.tests.e2e import namespace as namespaces

NAME = "lively"
GATE = "kubevirt.io/virtual-machine-unpaused"
AGENT_SECONDS = 900


def instance(**special: Any) -> machines.Object:
    """An instance of the tiny guest with more in its spec."""
    made = machines.instance(NAME)
    made["spec"] |= special
    return made


def condition(namespace: namespaces.Namespace, kind: str) -> clusters.Object:
    """A condition of the instance; empty where it has none."""
    return clusters.condition(namespace.instance(NAME), kind)


def gate(namespace: namespaces.Namespace) -> str:
    """The status of the pod's readiness gate."""
    return str(clusters.condition(namespace.launcher(NAME), GATE).get("status"))


def wait_for(namespace: namespaces.Namespace, what: str, look: Callable[[], Any], seconds: float = 240) -> None:
    namespace.wait_for(f"{what} of {NAME}", seconds, look)


def set_domain(namespace: namespaces.Namespace, state: str) -> clusters.Object:
    """Run module libvirt_domain in virt-handler on the guest's node; what it returned."""
    pod = namespace.launcher(NAME)
    assert pod is not None
    handlers = namespace.cluster.component_pods("virt-handler")
    [handler] = [each for each in handlers if each["spec"]["nodeName"] == pod["spec"]["nodeName"]]
    [libvirtd] = nodes.pod_processes(pod["metadata"]["uid"], "libvirtd")
    arguments = {
        "pid": libvirtd.pid,
        "pod_uid": pod["metadata"]["uid"],
        "name": f"{namespace.name}_{NAME}",
        "state": state,
    }
    where = ["--namespace", clusters.INSTALLATION, handler["metadata"]["name"], "--container=virt-handler", "--"]
    call = ["ansible", "localhost", "--one-line", "--module-name", "playvirt.core.libvirt_domain", "--args"]
    done = namespace.cluster.run("kubectl", "exec", *where, *call, json.dumps(arguments))
    found: clusters.Object = json.loads(done.stdout.partition("=>")[2])
    return found


def test_a_guest_that_starts_paused(namespace: namespaces.Namespace) -> None:
    """startStrategy Paused: the guest stands still and its pod is not Ready; module state running lets it boot, paused stops it again."""
    namespace.apply(instance(startStrategy="Paused"))
    namespace.wait_running(NAME)
    wait_for(namespace, "condition Paused", lambda: condition(namespace, "Paused").get("reason") == "PausedByUser")
    wait_for(namespace, "gate False", lambda: gate(namespace) == "False")
    assert condition(namespace, "Ready").get("status") != "True"
    assert "login:" not in namespace.console_log(NAME)

    assert set_domain(namespace, "running")["changed"]
    wait_for(namespace, "no condition Paused", lambda: not condition(namespace, "Paused"))
    wait_for(namespace, "Ready", lambda: condition(namespace, "Ready").get("status") == "True")
    wait_for(namespace, "login", lambda: "login:" in namespace.console_log(NAME), namespaces.BOOT_SECONDS)

    assert set_domain(namespace, "paused")["domain"] == {
        "name": f"{namespace.name}_{NAME}",
        "state": "paused",
        "reason": "user",
    }
    wait_for(namespace, "condition Paused again", lambda: condition(namespace, "Paused").get("status") == "True")
    wait_for(namespace, "gate False again", lambda: gate(namespace) == "False")
    assert not set_domain(namespace, "paused")["changed"]


def test_a_soft_reboot(namespace: namespaces.Namespace) -> None:
    """Module state rebooted: the same QEMU boots its guest once more."""
    namespace.apply(instance())
    namespace.wait_running(NAME)
    wait_for(namespace, "login", lambda: "login:" in namespace.console_log(NAME), namespaces.BOOT_SECONDS)
    before = nodes.qemus(namespace.name, NAME)
    set_domain(namespace, "rebooted")
    wait_for(
        namespace, "second login", lambda: namespace.console_log(NAME).count("login:") > 1, namespaces.BOOT_SECONDS
    )
    assert nodes.qemus(namespace.name, NAME) == before
    assert namespace.phase(NAME) == "Running"


@pytest.mark.parametrize(
    ("command", "policy", "phase"), [("poweroff", "Reboot", "Succeeded"), ("reboot", "Terminate", "Succeeded")]
)
def test_a_guest_that_ends_by_its_own_will(
    namespace: namespaces.Namespace, command: str, policy: str, phase: str
) -> None:
    """A guest that turns itself off has Succeeded, and one that reboots where a reboot means the end; an Event says so."""
    made = instance()
    made["spec"]["domain"]["rebootPolicy"] = policy
    namespace.apply(made)
    namespace.wait_running(NAME)
    with namespace.console(NAME) as console:
        console.log_in("root", "playvirt")
        console.run(f"sh -c 'sleep 2; {command}' >/dev/null 2>&1 & true")
        wait_for(namespace, phase, lambda: namespace.phase(NAME) == phase)
    stamps = (namespace.instance(NAME) or {})["status"]["phaseTransitionTimestamps"]
    assert [stamp["phase"] for stamp in stamps] == ["Scheduling", "Scheduled", "Running", phase]

    def told() -> list[str]:
        events = namespace.find_all("Event")
        return [
            event["message"]
            for event in events
            if (event["involvedObject"]["name"], event["reason"]) == (NAME, "Stopped")
        ]

    wait_for(namespace, "Event Stopped", lambda: told() == ["The VirtualMachineInstance was shut down."])


def test_a_guest_with_cpu_and_memory_of_its_own(namespace: namespaces.Namespace) -> None:
    """Requests equal to limits make the pod Guaranteed, and the instance says so."""
    asked = {"cpu": "100m", "memory": "128Mi"}
    made = instance()
    made["spec"]["domain"]["resources"] = {"requests": asked, "limits": asked}
    namespace.apply(made)
    namespace.wait_running(NAME)
    pod = namespace.launcher(NAME)
    assert pod is not None
    assert pod["status"]["qosClass"] == "Guaranteed"
    wait_for(namespace, "qosClass", lambda: (namespace.instance(NAME) or {})["status"].get("qosClass") == "Guaranteed")
    status = (namespace.instance(NAME) or {})["status"]
    assert status["memory"]["guestAtBoot"] == "128Mi"
    assert status["currentCPUTopology"] == {"cores": 1, "sockets": 1, "threads": 1}
    assert clusters.condition({"status": status}, "LiveMigratable")["status"] == "True"


def test_a_probe_decides_whether_a_guest_is_ready(namespace: namespaces.Namespace) -> None:
    """A page of the guest's web server makes the instance Ready, and its absence keeps it from being so."""
    probe = {"httpGet": {"port": 80}, "periodSeconds": 2, "timeoutSeconds": 5}
    namespace.apply(instance(readinessProbe=probe))
    namespace.wait_running(NAME)
    assert condition(namespace, "Ready").get("status") != "True"
    wait_for(
        namespace,
        "Ready",
        lambda: condition(namespace, "Ready").get("status") == "True",
        namespaces.BOOT_SECONDS,
    )
    with namespace.console(NAME) as console:
        console.log_in("root", "playvirt")
        console.run("killall httpd")
        wait_for(namespace, "not Ready", lambda: condition(namespace, "Ready").get("status") == "False")


def test_a_priority_class_that_is_not_there(namespace: namespaces.Namespace) -> None:
    """The instance has the API server's words under the name of the task, and starts once the class is there."""
    name = f"{namespace.name}-high"
    namespace.apply(instance(priorityClassName=name))
    expected = f"no PriorityClass with name {name} was found"
    wait_for(
        namespace,
        "condition Synchronized=False",
        lambda: expected in str(condition(namespace, "Synchronized").get("message")),
    )
    assert condition(namespace, "Synchronized")["message"].startswith("Create the launcher pod: ")
    priority = {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": name},
        "value": 1000,
    }
    namespace.cluster.create(priority)
    try:
        namespace.wait_running(NAME)
        assert not condition(namespace, "Synchronized")
    finally:
        namespace.cluster.delete(priority)


def test_metrics_of_a_guest(namespace: namespaces.Namespace) -> None:
    """virt-handler tells what the guest uses, under KubeVirt's names."""
    namespace.apply(instance())
    namespace.wait_running(NAME)
    pod = namespace.launcher(NAME)
    assert pod is not None
    handlers = namespace.cluster.component_pods("virt-handler")
    [handler] = [each for each in handlers if each["spec"]["nodeName"] == pod["spec"]["nodeName"]]
    path = f"/api/v1/namespaces/{clusters.INSTALLATION}/pods/{handler['metadata']['name']}:8081/proxy/metrics"
    labels = f'name="{NAME}",namespace="{namespace.name}",node="{pod["spec"]["nodeName"]}"'

    def series() -> str:
        return namespace.cluster.kubectl("get", "--raw", path)

    wait_for(namespace, "CPU time", lambda: f"kubevirt_vmi_cpu_usage_seconds_total{{{labels}}}" in series())
    text = series()
    for name in ("memory_resident_bytes", "network_receive_bytes_total", "storage_read_traffic_bytes_total"):
        assert f"kubevirt_vmi_{name}{{" in text


@pytest.mark.full
def test_what_the_guests_agent_tells(namespace: namespaces.Namespace) -> None:
    """The debian guest's agent tells its system, makes a probe in the guest work, and turns the guest off."""
    made = machines.instance(NAME, image=machines.DEBIAN_IMAGE, memory="512Mi", grace_seconds=180)
    made["spec"]["readinessProbe"] = {
        "exec": {"command": ["grep", "-q", "ID=debian", "/etc/os-release"]},
        "periodSeconds": 5,
        "timeoutSeconds": 10,
    }
    namespace.apply(made)
    namespace.wait_running(NAME)
    wait_for(
        namespace,
        "condition AgentConnected",
        lambda: condition(namespace, "AgentConnected").get("status") == "True",
        AGENT_SECONDS,
    )

    def told() -> clusters.Object:
        return (namespace.instance(NAME) or {})["status"]

    wait_for(namespace, "guestOSInfo", lambda: (told().get("guestOSInfo") or {}).get("id") == "debian", AGENT_SECONDS)
    wait_for(
        namespace,
        "the guest's view of its interface",
        lambda: told()["interfaces"][0]["infoSource"] == "domain, guest-agent",
        AGENT_SECONDS,
    )
    assert told()["interfaces"][0]["ipAddress"] == (namespace.launcher(NAME) or {})["status"]["podIP"]
    wait_for(namespace, "Ready", lambda: condition(namespace, "Ready").get("status") == "True", AGENT_SECONDS)
