"""`kill -9` of each process that a virtual machine depends on, while it starts and while it runs.

In scope: a VirtualMachine with runStrategy Always is Running in the end; a bare VirtualMachineInstance goes on where its guest has survived, and otherwise ends
Failed with a condition that says what happened; never are there two QEMUs of one machine; everything can be deleted afterwards.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import pytest
from ansible_collections.playvirt.core.tests.e2e import cluster as clusters
from ansible_collections.playvirt.core.tests.e2e import machines, nodes, samples
from ansible_collections.playvirt.core.tests.e2e import namespace as namespaces

IMMORTAL, MORTAL = "immortal", "mortal"
COMPONENTS = ("virt-controller", "virt-handler")
#: the guest goes on without these
OUTLIVED = (*COMPONENTS, "libvirtd")
TARGETS = (*OUTLIVED, "qemu", "launcher")
STAGES = ("starting", "running")
IN_EVERY_RUN = {
    ("virt-controller", "starting"),
    ("virt-handler", "running"),
    ("libvirtd", "starting"),
    ("qemu", "running"),
}
AGAIN_SECONDS = 480
#: after so long the kubelet starts a container that failed without a pause again
FORGIVEN_SECONDS = 600


def cells() -> Iterator[object]:
    """One parameter set for each target and stage."""
    for target in TARGETS:
        for stage in STAGES:
            marks = () if (target, stage) in IN_EVERY_RUN else (pytest.mark.full,)
            yield pytest.param(target, stage, id=f"{target}-{stage}", marks=marks)


def has_fallen_lately(pod: clusters.Object) -> bool:
    """Whether the kubelet would make the pod's container wait before it starts again."""
    for status in pod["status"].get("containerStatuses") or []:
        ended = (status.get("lastState") or {}).get("terminated") or {}
        if ended.get("finishedAt"):
            age = datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(ended["finishedAt"])
            return age.total_seconds() < FORGIVEN_SECONDS
    return False


def forgive(cluster: clusters.Cluster, component: str) -> None:
    """Replace pods of the component that were killed before, so that it is this kill alone that they recover from."""
    fallen = [pod for pod in cluster.component_pods(component) if has_fallen_lately(pod)]
    for pod in fallen:
        cluster.delete(pod)
    if fallen:
        gone = {pod["metadata"]["uid"] for pod in fallen}

        def is_replaced() -> bool:
            now = {pod["metadata"]["uid"] for pod in cluster.component_pods(component)}
            return not now & gone and cluster.is_ready()

        cluster.wait_for(f"new pods of {component}", AGAIN_SECONDS, is_replaced)


def restarts(cluster: clusters.Cluster, component: str) -> dict[str, tuple[str, int]]:
    """The uid of each pod of a component, by name, and how often its containers were started again."""
    return {
        pod["metadata"]["name"]: (
            pod["metadata"]["uid"],
            sum(status["restartCount"] for status in pod["status"].get("containerStatuses") or []),
        )
        for pod in cluster.component_pods(component)
    }


def kill_component(namespace: namespaces.Namespace, component: str, stage: str) -> None:
    """Kill virt-handler on every node, or the active virt-controller; return when it works again."""
    cluster = namespace.cluster
    if stage == "starting" and component == "virt-controller":
        namespace.wait_for("instance", namespaces.START_SECONDS, lambda: namespace.instance(IMMORTAL))
    elif stage == "starting":
        what = "launcher's process"
        namespace.wait_for(what, namespaces.START_SECONDS, lambda: processes(namespace, MORTAL, "launcher"))
    before = restarts(cluster, component)
    if component == "virt-controller":
        active = cluster.active_controller()
        before = {name: known for name, known in before.items() if name == active}
    killed = [nodes.pod_processes(uid, "runner") for uid, _ in before.values()]
    assert killed, f"no pod of {component} is active\n{cluster.explain()}"
    assert all(killed), f"no process of {component}\n{cluster.explain()}"
    for found in killed:
        found[0].kill()

    def is_back() -> bool:
        """The kubelet has told of the restart, so what it tells of readiness is not from before the kill."""
        now = restarts(cluster, component)
        return all(name in now and now[name][1] > count for name, (_, count) in before.items()) and cluster.is_ready()

    namespace.wait_for(f"{component} works again", AGAIN_SECONDS, is_back)


def processes(namespace: namespaces.Namespace, name: str, program: str) -> list[nodes.Process]:
    """The processes of a machine's launcher pod that run a program."""
    pod = namespace.launcher(name)
    return nodes.pod_processes(pod["metadata"]["uid"], program) if pod else []


def kill_in_pod(namespace: namespaces.Namespace, name: str, program: str) -> None:
    """Kill a process of the machine's launcher pod as soon as it is there; return when it is gone, and libvirtd back."""
    what = f"process {program} of {name}"
    found = namespace.wait_for(what, namespaces.START_SECONDS, lambda: processes(namespace, name, program))
    found[0].kill()

    def is_over() -> bool:
        now = processes(namespace, name, program)
        return found[0] not in now and bool(now or program != "libvirtd")

    namespace.wait_for(f"{program} of {name} is gone", 120, is_over)


def check_outlived(namespace: namespaces.Namespace, before: dict[str, set[int]], uids: dict[str, str]) -> None:
    """Both guests have gone on as if nothing had happened: the same instance, the same QEMU."""
    for name, pids in before.items():
        found = namespace.wait_running(name)
        assert found["metadata"]["uid"] == uids[name]
        assert {process.pid for process in nodes.qemus(namespace.name, name)} == pids


def check_ended(namespace: namespaces.Namespace, uids: dict[str, str], *, may_recover: bool) -> None:
    """The machine is Running again, the bare instance is Failed and says why; `may_recover`: or has come up all the same."""
    namespace.wait_running(IMMORTAL, seconds=AGAIN_SECONDS, other_than=uids.get(IMMORTAL, ""))
    finals = ("Failed", "Running") if may_recover else ("Failed",)
    namespace.wait_for(f"{MORTAL} is {' or '.join(finals)}", AGAIN_SECONDS, lambda: namespace.phase(MORTAL) in finals)
    if namespace.phase(MORTAL) == "Failed":
        told = clusters.condition(namespace.instance(MORTAL), "Synchronized")
        assert told.get("status") == "False", namespace.explain()
        assert "ended" in told["message"]


@pytest.mark.parametrize(("target", "stage"), list(cells()))
def test_kill(namespace: namespaces.Namespace, target: str, stage: str) -> None:
    """After the kill a machine is in the state that its runStrategy asks for, a bare instance runs or says why it does not, and both can be deleted."""
    if target in COMPONENTS:
        forgive(namespace.cluster, target)
    with samples.QemuWatch(namespace.name, IMMORTAL, MORTAL) as watch:
        namespace.apply(machines.machine(IMMORTAL))
        namespace.apply(machines.instance(MORTAL))
        if stage == "running":
            found = {name: namespace.wait_running(name) for name in (IMMORTAL, MORTAL)}
            uids = {name: instance["metadata"]["uid"] for name, instance in found.items()}
            before = {name: {process.pid for process in nodes.qemus(namespace.name, name)} for name in found}
        if target in COMPONENTS:
            kill_component(namespace, target, stage)
        else:
            for name in (IMMORTAL, MORTAL):
                kill_in_pod(namespace, name, target)
        if target in OUTLIVED and stage == "running":
            check_outlived(namespace, before, uids)
        elif target in COMPONENTS:
            for name in (IMMORTAL, MORTAL):
                namespace.wait_running(name, seconds=AGAIN_SECONDS)
        else:
            # The kill may come before there is a QEMU, or while libvirtd starts one, which then goes with it.
            may_recover = stage == "starting" and target in ("libvirtd", "qemu")
            check_ended(namespace, uids if stage == "running" else {}, may_recover=may_recover)
        namespace.kubectl("delete", "vm,vmi", "--all", "--wait=false")
        for name in (IMMORTAL, MORTAL):
            namespace.wait_gone("VirtualMachineInstance", name)
    assert watch.count > 10
    assert max(watch.most.values()) == 1, f"two QEMUs of one machine: {watch.pids}"
    assert [nodes.qemus(namespace.name, name) for name in (IMMORTAL, MORTAL)] == [[], []]
