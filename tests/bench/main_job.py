"""How far a VirtualMachineInstance's start is behind a plain pod's, and what it costs at the API server.

What runs: in turns, a plain pod (create -> condition Ready) and a VMI with the tiny guest (create -> phase Running), each alone
on the cluster, each created and watched by this program over the same API server; PAIRS of them after WARM_UP pairs that do not
count. The peer is the plain pod, because a VMI is a pod with a guest in it: what a VMI needs beyond the pod is what playvirt adds.
It is fair because both are taken in the same minute on the same machine, with images that are there already, and the clock starts
before the create request and stops when the watch delivers the state. The figure "behind" is the difference inside a pair.

Writes are requests other than reads on virtualmachineinstances and pods by virt-controller and virt-handler, read off their own
counters (rest_client_requests_total) before and after the counted starts; Events are requests on events.
"""

from __future__ import annotations

import json
import re
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

PAIRS = 20
WARM_UP = 2
TIMEOUT_SECONDS = 120
NAMESPACE = "playvirt-bench"
_GROUP = ("kubevirt.io", "v1")
_COUNTER = re.compile(r"^rest_client_requests_total\{(.*)\} ([0-9.e+]+)$", re.MULTILINE)


def _pod(name: str) -> dict[str, Any]:
    container = {
        "name": "main",
        "image": "playvirt.io/cluster/busybox:1",
        "imagePullPolicy": "IfNotPresent",
        "command": ["sleep", "3600"],
        "resources": {"requests": {"cpu": "5m", "memory": "8Mi"}},
    }
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def _vmi(name: str) -> dict[str, Any]:
    devices = {
        "disks": [{"name": "root", "disk": {"bus": "virtio"}}, {"name": "config", "disk": {"bus": "virtio"}}],
        "interfaces": [{"name": "default", "masquerade": {}}],
    }
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstance",
        "metadata": {"name": name},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "domain": {"memory": {"guest": "128Mi"}, "devices": devices},
            "networks": [{"name": "default", "pod": {}}],
            "volumes": [
                {"name": "root", "containerDisk": {"image": "playvirt.io/tiny-container-disk:devel"}},
                {"name": "config", "cloudInitNoCloud": {"userData": "#cloud-config\nhostname: bench\n"}},
            ],
        },
    }


class _Bench:
    """The cluster, and the two kinds of start."""

    def __init__(self) -> None:
        kubernetes.config.load_kube_config()
        self.core = kubernetes.client.CoreV1Api()
        self.custom = kubernetes.client.CustomObjectsApi()

    def make_namespace(self) -> None:
        body = {"metadata": {"name": NAMESPACE}}
        try:
            self.core.create_namespace(body)
        except kubernetes.client.ApiException as error:
            if error.status != 409:
                raise

    def start_pod(self, name: str) -> float:
        """Seconds from create to Ready."""
        started = time.monotonic()
        self.core.create_namespaced_pod(NAMESPACE, _pod(name))
        for event in kubernetes.watch.Watch().stream(
            self.core.list_namespaced_pod,
            NAMESPACE,
            field_selector=f"metadata.name={name}",
            timeout_seconds=TIMEOUT_SECONDS,
        ):
            conditions = event["object"].status.conditions or []
            if any(condition.type == "Ready" and condition.status == "True" for condition in conditions):
                return time.monotonic() - started
        raise TimeoutError(f"pod {name} was not Ready in {TIMEOUT_SECONDS} s")

    def start_vmi(self, name: str) -> float:
        """Seconds from create to phase Running."""
        started = time.monotonic()
        self.custom.create_namespaced_custom_object(*_GROUP, NAMESPACE, "virtualmachineinstances", _vmi(name))
        for event in kubernetes.watch.Watch().stream(
            self.custom.list_namespaced_custom_object,
            *_GROUP,
            NAMESPACE,
            "virtualmachineinstances",
            field_selector=f"metadata.name={name}",
            timeout_seconds=TIMEOUT_SECONDS,
        ):
            phase = (event["object"].get("status") or {}).get("phase")
            if phase == "Running":
                return time.monotonic() - started
            if phase in ("Failed", "Succeeded"):
                raise RuntimeError(f"VMI {name} ended: {json.dumps(event['object']['status'])}")
        raise TimeoutError(f"VMI {name} was not Running in {TIMEOUT_SECONDS} s")

    def remove(self, name: str) -> None:
        """Delete both and wait until they are gone."""
        self.core.delete_namespaced_pod(f"pod-{name}", NAMESPACE, grace_period_seconds=0)
        self.custom.delete_namespaced_custom_object(*_GROUP, NAMESPACE, "virtualmachineinstances", f"vmi-{name}")
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            left = self.custom.list_namespaced_custom_object(*_GROUP, NAMESPACE, "virtualmachineinstances")["items"]
            if not left and not self.core.list_namespaced_pod(NAMESPACE).items:
                return
            threading.Event().wait(0.2)
        raise TimeoutError(f"VMI vmi-{name} was not gone in {TIMEOUT_SECONDS} s")

    def requests(self) -> dict[str, float]:
        """Requests by our processes so far: {"writes": n, "events": n}."""
        totals = {"writes": 0.0, "events": 0.0}
        for pod in self.core.list_namespaced_pod("kubevirt").items:
            if not pod.metadata.name.startswith(("virt-controller", "virt-handler")):
                continue
            text = self.core.connect_get_namespaced_pod_proxy_with_path(
                f"{pod.metadata.name}:8081", "kubevirt", "metrics"
            )
            for labels, value in _COUNTER.findall(text):
                given = dict(re.findall(r'(\w+)="([^"]*)"', labels))
                if given["method"] == "GET" or not given["code"].startswith("2"):
                    continue
                if given["resource"] in ("virtualmachineinstances", "pods"):
                    totals["writes"] += float(value)
                elif given["resource"] == "events":
                    totals["events"] += float(value)
        return totals


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, round(share * (len(values) - 1)))]


def run() -> Iterator[dict[str, Any]]:
    """The figures, and beside them the two starts that they come from."""
    bench = _Bench()
    bench.make_namespace()
    pods: list[float] = []
    vmis: list[float] = []
    writes = events = 0.0
    for index in range(-WARM_UP, PAIRS):
        name = f"{'warm' if index < 0 else 'run'}{abs(index)}"
        pod_seconds = bench.start_pod(f"pod-{name}")
        before = bench.requests()
        vmi_seconds = bench.start_vmi(f"vmi-{name}")
        threading.Event().wait(3)  # what is written once more after Running belongs to the start too
        after = bench.requests()
        bench.remove(name)
        print(f"{name}: pod {pod_seconds:.2f} s, VMI {vmi_seconds:.2f} s", file=sys.stderr, flush=True)
        if index >= 0:
            pods.append(pod_seconds)
            vmis.append(vmi_seconds)
            writes += after["writes"] - before["writes"]
            events += after["events"] - before["events"]
    bench.core.delete_namespace(NAMESPACE)
    behind = [vmi - pod for vmi, pod in zip(vmis, pods, strict=True)]
    yield {"name": "vmi_behind_pod_p50_s", "value": round(statistics.median(behind), 3), "unit": "s", "pairs": PAIRS}
    yield {"name": "vmi_behind_pod_p95_s", "value": round(_percentile(behind, 0.95), 3), "unit": "s", "pairs": PAIRS}
    yield {"name": "vmi_start_p50_s", "value": round(statistics.median(vmis), 3), "unit": "s"}
    yield {"name": "pod_start_p50_s", "value": round(statistics.median(pods), 3), "unit": "s"}
    yield {"name": "api_writes_per_vmi_start", "value": round(writes / PAIRS, 2), "unit": "requests"}
    yield {"name": "events_per_vmi_start", "value": round(events / PAIRS, 2), "unit": "requests"}
