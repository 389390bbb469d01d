"""Virtual machines that come and go, CYCLES of them: nothing of them stays on the node, and the processes that looked after them do not grow.

In scope: processes, cgroups, mounts, files, network namespaces (the guest's tap and nft rules are in the pod's, and end with it), links and rules of
the node, memory and descriptors of those processes of virt-handler and virt-controller that last. Not in scope: what one start
makes in a pod, which tests/integration looks at.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pytest
from ansible_collections.playvirt.core.images.runner.engine import surroundings
from ansible_collections.playvirt.core.tests.bench import processes
from ansible_collections.playvirt.core.tests.e2e import cluster as clusters
from ansible_collections.playvirt.core.tests.e2e import machines, nodes, waiting
from ansible_collections.playvirt.core.tests.e2e import namespace as namespaces

CYCLES = 50
#: what grows in the first cycles is caches and worker processes that come to their size
WARM_UP = 10
#: medians of so many cycles after the warm-up and at the end are compared
WINDOW = 10
#: half of what a leak that matters would add with each cycle
GROWTH_MIB_PER_CYCLE = 0.25
GROWTH_DESCRIPTORS = 8
#: the kubelet removes directories and logs of a pod that is gone when it comes round to it
LEFT_SECONDS = 240
BINDINGS: Sequence[machines.Object] = (
    {"masquerade": {}},
    {"bridge": {}},
    {"passtBinding": {}, "ports": [{"port": 80}]},
)
#: what is there of a virtual machine that runs
FOUND_WHILE_IT_RUNS = {"processes", "mounts", "cgroups", "files", "network namespaces"}
FILES = ("run/playvirt", "run/containerd", "var/lib/kubelet", "var/log")


@dataclass(frozen=True)
class Trace:
    """What tells a launcher pod that is gone: uids of it and the instance and its containers' ids, its address, the inode number of its network namespace."""

    marks: frozenset[str]
    address: str
    network: int

    def is_in(self, text: str) -> bool:
        """Whether a name has one of the marks, with - or, as in some cgroups, with _."""
        plain = text.replace("_", "-")
        return any(mark in plain for mark in self.marks)


def containers(pod_uid: str) -> set[str]:
    """The container runtime's ids of a pod's containers and of its sandbox, by which it names directories and mounts: the last part of their cgroups."""
    found = set()
    for process in nodes.all_pod_processes(pod_uid):
        groups = pathlib.Path(f"/proc/{process.pid}/cgroup").read_text()
        found |= set(re.findall(r"[0-9a-f]{64}", groups))
    return found


def start(namespace: namespaces.Namespace, node: str, name: str, binding: machines.Object) -> Trace:
    """Create an instance and wait until it is Running."""
    made = machines.instance(
        name,
        user_data="#cloud-config\nhostname: cycle\n",
        grace_seconds=0,
        node_selector={"kubernetes.io/hostname": node},
    )
    made["spec"]["domain"]["devices"]["interfaces"] = [{"name": "default", **binding}]
    machines.with_disk(made, "scratch", {"emptyDisk": {"capacity": "16Mi"}})
    created = namespace.create(made)
    namespace.wait_running(name)

    def with_address() -> clusters.Object | None:
        """The pod once the kubelet has told its address, which the guest may be faster than."""
        pod = namespace.launcher(name)
        return pod if pod and pod["status"].get("podIP") else None

    pod = namespace.wait_for(f"address of {name}", namespaces.START_SECONDS, with_address)
    uid = pod["metadata"]["uid"]
    [qemu] = nodes.pod_processes(uid, "qemu")
    marks = frozenset({uid, created["metadata"]["uid"], *containers(uid)})
    return Trace(marks, pod["status"]["podIP"], qemu.network_namespace())


def end(namespace: namespaces.Namespace, name: str) -> None:
    """Delete it and wait until it and its pod are gone."""
    namespace.kubectl("delete", "vmi", name, "--wait=false")
    namespace.wait_gone("VirtualMachineInstance", name)
    namespace.wait_for(f"no pod of {name}", namespaces.END_SECONDS, lambda: not namespace.find_all("Pod"))


def processes_left(namespace: str, traces: Sequence[Trace]) -> Iterator[str]:
    """Processes of a pod, of an instance by its command line, or in a network namespace that should be gone."""
    networks = {trace.network for trace in traces}
    for process in nodes.processes():
        try:
            groups = pathlib.Path(f"/proc/{process.pid}/cgroup").read_text()
            network = process.network_namespace()
        except OSError:
            continue
        belongs = any(trace.is_in(groups) or trace.is_in(process.command) for trace in traces)
        if belongs or f"{namespace}_cycle" in process.command or network in networks:
            yield f"process {process.pid}: {process.command}"


def mounts_left(pids: Sequence[int], traces: Sequence[Trace]) -> Iterator[str]:
    """Mounts with a mark in them, as these processes see them."""
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/mountinfo").read_text().splitlines():
            if any(trace.is_in(line) for trace in traces):
                yield f"mount seen by process {pid}: {line}"


def names_left(top: pathlib.Path, traces: Sequence[Trace]) -> Iterator[str]:
    """Directories and files below `top` whose name has a mark."""
    for directory, below, files in os.walk(top):
        for name in (*below, *files):
            if any(trace.is_in(name) for trace in traces):
                yield f"{directory}/{name}"


def links_left(node: nodes.Node) -> Iterator[str]:
    """Links of the node that lead nowhere, and such as belong into a pod."""
    links = [line.split()[0] for line in node.run("ip", "-brief", "link").splitlines()]
    ends = [name for name in links if name.startswith("veth")]
    kept = node.network_namespaces()
    if len(ends) > len(kept):
        yield f"{len(ends)} links to {len(kept)} network namespaces: {ends}"
    yield from (name for name in links if name.startswith(("tap", "k6t-")))


def rules_left(cluster: clusters.Cluster, node: nodes.Node, traces: Sequence[Trace]) -> Iterator[str]:
    """Rules of the node about an address that no pod has any more."""
    gone = {trace.address for trace in traces} - {pod["status"].get("podIP") for pod in cluster.find_all("Pod")}
    for command in (("nft", "list", "ruleset"), ("iptables-save",)):
        for line in node.run(*command).splitlines():
            if set(line.replace("/32", " ").replace(",", " ").split()) & gone:
                yield line.strip()


def left(
    namespace: namespaces.Namespace, node: nodes.Node, handler: int, traces: Sequence[Trace]
) -> dict[str, list[str]]:
    """What is there of these virtual machines, by what it is."""
    kept = node.network_namespaces()
    found: dict[str, list[str]] = {
        "processes": list(processes_left(namespace.name, traces)),
        "mounts": list(mounts_left([os.getpid(), node.pid, handler], traces)),
        "cgroups": list(names_left(pathlib.Path("/sys/fs/cgroup"), traces)),
        "files": [name for below in FILES for name in names_left(node.directory / below, traces)],
        "network namespaces": [trace.address for trace in traces if trace.network in kept],
        "links": list(links_left(node)),
        "rules": list(rules_left(namespace.cluster, node, traces)),
    }
    return {kind: listed for kind, listed in found.items() if listed}


def runner(pods: Sequence[clusters.Object]) -> int:
    """The process id of the runner in the one pod."""
    [pod] = pods
    return nodes.pod_processes(pod["metadata"]["uid"], "runner")[0].pid


def sizes_of(pid: int) -> dict[int, float]:
    """RSS in MiB of a process and all below it, by process id: PSS would change with each worker that comes or goes."""
    found = {each: processes.own_rss_mib(each) for each in (pid, *surroundings.descendants(pid))}
    assert found[pid], f"process {pid} has ended: the component was replaced meanwhile"
    return found


def lasting(samples: Sequence[Mapping[int, float]]) -> list[float]:
    """The sum of each sample over the processes that are in all of them: workers, which are replaced when they have grown, are not."""
    there = set.intersection(*map(set, samples))
    assert there
    return [sum(sample[pid] for pid in there) for sample in samples]


def files_of(node: nodes.Node) -> set[str]:
    """What virt-handler keeps on the node."""
    top = node.directory / "run/playvirt"
    return {str(path.relative_to(top)) for path in top.rglob("*")}


@pytest.mark.full
def test_cycles(namespace: namespaces.Namespace) -> None:
    """After CYCLES starts and ends nothing is left of them, and virt-handler and virt-controller are as large as after the first."""
    cluster = namespace.cluster
    node = min(cluster.nodes().values(), key=lambda each: each.name)
    active = cluster.active_controller()
    handlers = [pod for pod in cluster.component_pods("virt-handler") if pod["spec"]["nodeName"] == node.name]
    controllers = [pod for pod in cluster.component_pods("virt-controller") if pod["metadata"]["name"] == active]
    watched = {"virt-handler": runner(handlers), "virt-controller": runner(controllers)}
    kept = files_of(node)
    traces: list[Trace] = []
    sizes: dict[str, list[dict[int, float]]] = {name: [] for name in watched}
    descriptors: dict[str, list[int]] = {name: [] for name in watched}

    def look() -> dict[str, list[str]]:
        return left(namespace, node, watched["virt-handler"], traces)

    for index in range(CYCLES):
        traces.append(start(namespace, node.name, f"cycle{index}", BINDINGS[index % len(BINDINGS)]))
        if index == 0:
            there = set(look())
            assert there >= FOUND_WHILE_IT_RUNS, f"this story would not see what is left: it sees only {there}"
        end(namespace, f"cycle{index}")
        for name, pid in watched.items():
            sizes[name].append(sizes_of(pid))
            descriptors[name].append(len(os.listdir(f"/proc/{pid}/fd")))

    what = f"nothing is left of {CYCLES} virtual machines"
    waiting.wait_for(what, LEFT_SECONDS, lambda: not look(), explain=lambda: json.dumps(look(), indent=1))
    assert files_of(node) == kept
    assert {cluster.active_controller()} == {active}, "another virt-controller has taken over meanwhile"

    bound = GROWTH_MIB_PER_CYCLE * (CYCLES - WARM_UP - WINDOW)
    for name in watched:
        early, late = slice(WARM_UP, WARM_UP + WINDOW), slice(-WINDOW, None)
        mib = lasting(sizes[name][WARM_UP:])
        growth = statistics.median(mib[-WINDOW:]) - statistics.median(mib[:WINDOW])
        assert growth < bound, f"{name} has grown by {growth:.1f} MiB: {[round(value, 1) for value in mib]}"
        more = statistics.median(descriptors[name][late]) - statistics.median(descriptors[name][early])
        assert more < GROWTH_DESCRIPTORS, f"{name} has {more} more descriptors: {descriptors[name]}"
