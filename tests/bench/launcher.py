"""What a virtual machine costs beyond its guest: memory of its pod, time from scheduled to Running, virt-handler with 30 guests, the network's speed.

All of it runs on the embedded cluster alone, whose nodes' processes are seen in this machine's /proc. Guests are `tiny` with 96 MiB.

`overhead_mib`: PSS of everything in the launcher pod but QEMU (libvirtd, the launcher, what prints the console, the pod's pause), of a guest that has
booted and is the only one on its node: where there are more they share pages and each one's PSS is smaller. `overhead_rss_mib` is RSS of the same
processes, which counts shared pages once for each. Medians over MEMORY_GUESTS guests, one after the other. `parts` are the medians of each program. The
container runtime's shim is not in the pod, and is there for every pod.

`scheduled_to_running_s`: from the moment a watch on pods delivers the launcher pod with condition PodScheduled to the moment a watch on
VirtualMachineInstances delivers phase Running, both by this machine's clock: the timestamps in the objects have whole seconds. Median of STARTS starts,
one at a time, after WARM_UP. It has no peer: `pod_scheduled_to_ready_s` beside it is a plain pod on the same node in turns with it.

`handler_mib_30_guests`: PSS of virt-handler's processes on a node with 30 guests, each booted before the next starts; `handler_idle_mib` is
that before the first. `handler_millicores_30_guests`: its processor time over QUIET_SECONDS in which nobody asks for anything.
`handler_cpu_s_per_start`: its processor time for a start, up to the guest's prompt.

`masquerade_ratio`, `passt_ratio`: a client pod moves bytes from and to a guest, and from and to a pod, on one node. The peer is the pod: same client, same
server programs, same kernel path but for what playvirt and QEMU add. It is fair because it all goes on in turns, ROUNDS times after one that does not
count. A ratio is that of the times for one MiB there and one back, from the medians. Without KVM the guest's own TCP is emulated as well, so a
ratio is far below what hardware would give; it compares bindings and versions with each other on one machine.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import kubernetes
import kubernetes.client
import kubernetes.config
import kubernetes.watch
from ansible_collections.playvirt.core.tests.bench import processes, throughput
from ansible_collections.playvirt.core.tests.e2e import cluster as clusters
from ansible_collections.playvirt.core.tests.e2e import machines, nodes
from ansible_collections.playvirt.core.tests.e2e import namespace as namespaces

STARTS, WARM_UP = 10, 2
MEMORY_GUESTS = 3
GUESTS = 30
QUIET_SECONDS = 60.0
ROUNDS = 5
TRANSFER_SECONDS = 3.0
#: a guest has its libvirtd and its launcher at rest so long after its prompt
SETTLE_SECONDS = 10.0
MEMORY = "96Mi"
BINDINGS: dict[str, dict[str, Any]] = {
    "masquerade": {"masquerade": {}},
    "passt": {
        "passtBinding": {},
        "ports": [{"port": throughput.SOURCE_PORT}, {"port": throughput.SINK_PORT}],
    },
}
Result = dict[str, Any]
#: what a process of the pod is called in `parts`, by a word of its command line
_PARTS = {"virt_launcher run": "launcher", "libvirtd": "libvirtd", "/pause": "pause"}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _guest(name: str, node: str, *, binding: dict[str, Any] | None = None) -> machines.Object:
    """A tiny guest on that node; with a binding it serves what throughput.py asks for."""
    user_data = "#cloud-config\nhostname: bench\n"
    if binding:
        user_data += f"runcmd:\n  - [sh, -c, '{throughput.SERVER}']\n"
    made = machines.instance(
        name, memory=MEMORY, user_data=user_data, grace_seconds=0, node_selector={"kubernetes.io/hostname": node}
    )
    # 30 times the 100 millicores that one guest asks for unless told are more than a small node has.
    made["spec"]["domain"]["resources"] = {"requests": {"cpu": "5m"}}
    if binding:
        made["spec"]["domain"]["devices"]["interfaces"] = [{"name": "default", **binding}]
    return made


class _Arrivals:
    """When a watch delivered a pod as scheduled and as Ready, and a VirtualMachineInstance as Running: {(what, name or owner's name): seconds}."""

    def __init__(self, cluster: clusters.Cluster, namespace: str) -> None:
        kubernetes.config.load_kube_config(str(cluster.kubeconfig))
        self._namespace = namespace
        self._seen: dict[tuple[str, str], float] = {}
        self._news = threading.Condition()
        for watch in (self._watch_pods, self._watch_instances):
            threading.Thread(target=watch, daemon=True).start()

    def _note(self, what: str, name: str) -> None:
        now = time.monotonic()
        with self._news:
            self._seen.setdefault((what, name), now)
            self._news.notify_all()

    def _watch_pods(self) -> None:
        core = kubernetes.client.CoreV1Api()
        while True:
            for event in kubernetes.watch.Watch().stream(
                core.list_namespaced_pod, self._namespace, timeout_seconds=600
            ):
                pod = event["object"]
                owners = pod.metadata.owner_references or []
                name = owners[0].name if owners else pod.metadata.name
                for condition in pod.status.conditions or []:
                    if condition.status == "True":
                        self._note(condition.type, name)

    def _watch_instances(self) -> None:
        custom = kubernetes.client.CustomObjectsApi()
        where = ("kubevirt.io", "v1", self._namespace, "virtualmachineinstances")
        while True:
            for event in kubernetes.watch.Watch().stream(
                custom.list_namespaced_custom_object, *where, timeout_seconds=600
            ):
                found = event["object"]
                self._note((found.get("status") or {}).get("phase", ""), found["metadata"]["name"])

    def wait(self, what: str, name: str) -> float:
        """When it came. Raises TimeoutError where it does not come."""
        with self._news:
            if not self._news.wait_for(lambda: (what, name) in self._seen, namespaces.START_SECONDS):
                raise TimeoutError(f"{name} was not {what} in {namespaces.START_SECONDS} s")
            return self._seen[what, name]


class _Bench:
    """A namespace, the node on which everything is measured, and virt-handler there."""

    def __init__(self, cluster: clusters.Cluster) -> None:
        self.namespace = namespaces.Namespace(cluster, "bench")
        self.node = sorted(cluster.nodes())[-1]
        [handler] = [pod for pod in cluster.component_pods("virt-handler") if pod["spec"]["nodeName"] == self.node]
        self.handler = nodes.pod_processes(handler["metadata"]["uid"], "runner")[0].pid

    def start(self, name: str, **special: Any) -> None:
        self.namespace.create(_guest(name, self.node, **special))

    def wait_booted(self, name: str) -> None:
        """Until the guest has printed its prompt."""
        self.namespace.wait_running(name)
        self.namespace.wait_for(
            f"prompt of {name}", namespaces.BOOT_SECONDS, lambda: "login:" in self.namespace.console_log(name)
        )

    def remove(self, kind: str, *names: str) -> None:
        for name in names:
            self.namespace.cluster.delete(self.namespace.find(kind, name) or {})
        for name in names:
            self.namespace.wait_gone(kind, name)
        self.namespace.wait_for("pods are gone", namespaces.END_SECONDS, lambda: not self._launchers())

    def _launchers(self) -> list[clusters.Object]:
        return [pod for pod in self.namespace.find_all("Pod") if pod["metadata"].get("ownerReferences")]

    def pod_uid(self, name: str) -> str:
        pod = self.namespace.launcher(name)
        assert pod is not None, f"{name} has no launcher pod"
        return str(pod["metadata"]["uid"])


def _time_to_running(bench: _Bench) -> Iterator[Result]:
    """Guests and pods in turns."""
    arrivals = _Arrivals(bench.namespace.cluster, bench.namespace.name)
    guests: list[float] = []
    pods: list[float] = []
    for index in range(-WARM_UP, STARTS):
        word = f"warm{-index}" if index < 0 else f"run{index}"
        guest, pod = f"vmi-{word}", f"pod-{word}"
        bench.start(guest)
        seconds = arrivals.wait("Running", guest) - arrivals.wait("PodScheduled", guest)
        bench.remove("VirtualMachineInstance", guest)
        # By the scheduler like the guest, so not by nodeName.
        plain = machines.client_pod(pod)
        plain["spec"]["nodeSelector"] = {"kubernetes.io/hostname": bench.node}
        bench.namespace.create(plain)
        pod_seconds = arrivals.wait("Ready", pod) - arrivals.wait("PodScheduled", pod)
        bench.remove("Pod", pod)
        _say(f"{word}: scheduled to Running {seconds:.2f} s, a plain pod to Ready {pod_seconds:.2f} s")
        if index >= 0:
            guests.append(seconds)
            pods.append(pod_seconds)
    yield {
        "name": "scheduled_to_running_s",
        "value": round(statistics.median(guests), 3),
        "unit": "s",
        "max": round(max(guests), 3),
        "starts": STARTS,
    }
    yield {"name": "pod_scheduled_to_ready_s", "value": round(statistics.median(pods), 3), "unit": "s"}


def _part(command: str) -> str:
    return next((part for word, part in _PARTS.items() if word in command), "console log")


def _overhead(bench: _Bench, name: str) -> tuple[float, dict[str, float]]:
    """RSS of all but QEMU, and the PSS of each part, of a guest that has settled."""
    rss, parts = 0.0, dict.fromkeys([*_PARTS.values(), "console log"], 0.0)
    for process in nodes.all_pod_processes(bench.pod_uid(name)):
        if not nodes.PROGRAMS["qemu"].search(process.command):
            rss += processes.own_rss_mib(process.pid)
            parts[_part(process.command)] += processes.own_pss_mib(process.pid)
    return rss, parts


def _memory(bench: _Bench) -> Iterator[Result]:
    """One guest after the other."""
    totals: list[float] = []
    resident: list[float] = []
    all_parts: list[dict[str, float]] = []
    for index in range(MEMORY_GUESTS):
        name = f"memory{index}"
        bench.start(name)
        bench.wait_booted(name)
        time.sleep(SETTLE_SECONDS)
        rss, parts = _overhead(bench, name)
        bench.remove("VirtualMachineInstance", name)
        resident.append(rss)
        totals.append(sum(parts.values()))
        all_parts.append(parts)
        _say(f"{name}: PSS {totals[-1]:.1f} MiB, RSS {rss:.1f} MiB, {parts}")
    medians = {part: round(statistics.median(each[part] for each in all_parts), 1) for part in all_parts[0]}
    yield {"name": "overhead_mib", "value": round(statistics.median(totals), 1), "unit": "MiB", "parts": medians}
    yield {"name": "overhead_rss_mib", "value": round(statistics.median(resident), 1), "unit": "MiB"}


def _many_guests(bench: _Bench) -> Iterator[Result]:
    """GUESTS on one node."""
    idle = processes.pss_mib(bench.handler)
    names = [f"many{index}" for index in range(GUESTS)]
    spent = processes.cpu_seconds(bench.handler)
    for name in names:
        bench.start(name)
        bench.wait_booted(name)
        _say(f"{name}: virt-handler has {processes.pss_mib(bench.handler):.1f} MiB")
    each = (processes.cpu_seconds(bench.handler) - spent) / GUESTS
    time.sleep(SETTLE_SECONDS)
    before, started = processes.cpu_seconds(bench.handler), time.monotonic()
    time.sleep(QUIET_SECONDS)
    millicores = (processes.cpu_seconds(bench.handler) - before) / (time.monotonic() - started) * 1000
    mib = processes.pss_mib(bench.handler)
    pods = [sum(_overhead(bench, name)[1].values()) for name in names]
    bench.remove("VirtualMachineInstance", *names)
    yield {"name": f"handler_mib_{GUESTS}_guests", "value": round(mib, 1), "unit": "MiB"}
    yield {"name": "handler_idle_mib", "value": round(idle, 1), "unit": "MiB"}
    yield {"name": f"handler_millicores_{GUESTS}_guests", "value": round(millicores, 1), "unit": "millicores"}
    yield {"name": "handler_cpu_s_per_start", "value": round(each, 3), "unit": "s"}
    yield {"name": f"overhead_mib_{GUESTS}_guests", "value": round(statistics.median(pods), 1), "unit": "MiB"}


def _serving_pod(node: str) -> machines.Object:
    pod = machines.client_pod("peer", node=node)
    pod["spec"]["containers"][0]["command"] = ["sh", "-c", f"{throughput.SERVER} wait"]
    return pod


def _network(bench: _Bench) -> Iterator[Result]:
    """A client pod, a pod and a guest of each binding, in turns."""
    namespace = bench.namespace
    namespace.create(machines.client_pod("client", node=bench.node))
    namespace.create(_serving_pod(bench.node))
    for name in ("client", "peer"):
        namespace.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=180s")
    client = nodes.all_pod_processes(namespace.find("Pod", "client")["metadata"]["uid"])[0].pid  # type: ignore[index]
    addresses = {"pod": namespace.find("Pod", "peer")["status"]["podIP"]}  # type: ignore[index]
    for name, binding in BINDINGS.items():
        bench.start(name, binding=binding)
        bench.wait_booted(name)
        addresses[name] = (namespace.launcher(name) or {})["status"]["podIP"]
    speeds: dict[tuple[str, str], list[float]] = {(name, way): [] for name in addresses for way in ("in", "out")}
    for index in range(-1, ROUNDS):
        for name, way in speeds:
            speed = throughput.measure(client, way, addresses[name], TRANSFER_SECONDS)
            _say(f"round {index}: {name} {way} {speed:.1f} MiB/s")
            if index >= 0:
                speeds[name, way].append(speed)
    bench.remove("VirtualMachineInstance", *BINDINGS)
    bench.remove("Pod", "client", "peer")
    medians = {key: statistics.median(values) for key, values in speeds.items()}
    cost = {name: 1 / medians[name, "in"] + 1 / medians[name, "out"] for name in addresses}
    for name in BINDINGS:
        yield {"name": f"{name}_ratio", "value": round(cost["pod"] / cost[name], 4), "unit": "ratio"}
    for name in addresses:
        for way, direction in (("in", "from"), ("out", "to")):
            yield {"name": f"{direction}_{name}_mib_s", "value": round(medians[name, way], 1), "unit": "MiB/s"}


def run() -> Iterator[Result]:
    """All of it; the namespace goes away whatever happens."""
    bench = _Bench(clusters.Cluster())
    try:
        for part in (_time_to_running, _memory, _network, _many_guests):
            yield from part(bench)
    finally:
        bench.namespace.close()
