"""What 10,000 objects of 4 KiB cost the runner: memory for each, time until all are there, time to look one up.

What runs: OBJECTS objects of a kind of this benchmark's own, in the shape of a VirtualMachineInstance, each at least 4,096 bytes of JSON without
managedFields and each with its own names, uids, labels, addresses, owner and node; created once on a real API server (the one of $KUBECONFIG, so the
embedded cluster under `make bench`; without it a bare one). A process of its own then imports the runner's client, cache and watcher, opens the
client, and measures from there: `sync_s` until the watcher says synced, from the first request; `kib_per_object`: the growth of the process's PSS
(/proc/PID/smaps_rollup) over that, divided by the objects, two seconds after the sync, with the watch running; `lookup_us`: the mean of a get by
namespace and name over all objects in random order, thus mostly of objects that have to be unpacked; beside it the same by owner, and of objects that
were used lately. Each of REPEATS processes starts anew, medians are printed.

The peer is a list of the same objects as plain dicts, managedFields removed, read page by page by the same client (the runner's watcher lets the server
stream them where it can): what a cache in Python costs that keeps what json.loads returns. It is fair because it reads the same objects from the same
server in a process with the same imports, and PSS counts everything that a process pays for, garbage that was not given back included. Nothing is warmed
up, since a runner that starts is not warm either.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.playvirt.core.tests.bench import bench_api

OBJECTS = 10_000
BYTES = 4096
REPEATS = 3
NODES = 100
SYNC_TIMEOUT_SECONDS = 300
RESOURCE = bench_api.Resource(
    group="bench.playvirt.io", kind="CachedObject", plural="cachedobjects", namespace="bench-cache"
)


def _uid(number: int, what: int) -> str:
    return f"{number:08x}-{what:04x}-4000-8000-{(number * 2654435761 + what) % 2**48:012x}"


def _condition(kind: str, number: int) -> dict[str, str]:
    stamp = f"2026-01-{number % 28 + 1:02}T{number % 24:02}:{number % 60:02}:00Z"
    return {"type": kind, "status": "True", "lastProbeTime": stamp, "lastTransitionTime": stamp}


def _object(number: int) -> dict[str, Any]:
    """One object; its volumes are as many as it takes to reach BYTES."""
    name, node = f"vm-{number:05}", f"node-{number % NODES:03}"
    owner = {"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "name": name, "uid": _uid(number, 1)}
    interface = {
        "name": "default",
        "ipAddress": f"10.{number // 65536}.{number // 256 % 256}.{number % 256}",
        "mac": f"02:00:{number // 65536:02x}:{number // 256 % 256:02x}:{number % 256:02x}:01",
        "infoSource": "domain, guest-agent",
        "interfaceName": "eth0",
        "queueCount": 1,
    }
    found: dict[str, Any] = {
        "apiVersion": "bench.playvirt.io/v1",
        "kind": "CachedObject",
        "metadata": {
            "name": name,
            "namespace": "bench-cache",
            "labels": {"kubevirt.io/nodeName": node, "vm.kubevirt.io/name": name, "app": f"app-{number % 50}"},
            "annotations": {"kubevirt.io/latest-observed-api-version": "v1", "example.com/ticket": f"T-{number}"},
            "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": True}],
        },
        "spec": {
            "domain": {
                "cpu": {"cores": 2, "sockets": 1, "threads": 1, "model": "host-model"},
                "memory": {"guest": "4Gi"},
                "firmware": {"uuid": _uid(number, 2), "serial": _uid(number, 3)},
                "machine": {"type": "q35"},
                "resources": {"requests": {"memory": "4Gi", "cpu": "200m"}},
                "devices": {"disks": [], "interfaces": [{"name": "default", "masquerade": {}, "model": "virtio"}]},
            },
            "networks": [{"name": "default", "pod": {}}],
            "terminationGracePeriodSeconds": 180,
            "evictionStrategy": "LiveMigrate",
            "volumes": [],
        },
        "status": {
            "phase": "Running",
            "nodeName": node,
            "activePods": {_uid(number, 4): node},
            "interfaces": [interface],
            "guestOSInfo": {"id": "debian", "name": "Debian GNU/Linux", "version": "13", "kernelRelease": "6.12.0"},
            "conditions": [_condition(kind, number) for kind in ("Ready", "LiveMigratable", "AgentConnected")],
            "volumeStatus": [],
        },
    }
    disks, volumes = found["spec"]["domain"]["devices"]["disks"], found["spec"]["volumes"]
    while len(json.dumps(found, separators=(",", ":"))) < BYTES:
        volume = f"{name}-data-{len(volumes)}"
        disks.append(
            {"name": volume, "disk": {"bus": "virtio"}, "serial": _uid(number, 10 + len(volumes)), "cache": "none"}
        )
        volumes.append({"name": volume, "persistentVolumeClaim": {"claimName": f"claim-{volume}"}})
        found["status"]["volumeStatus"].append(
            {"name": volume, "target": f"vd{chr(97 + len(volumes))}", "size": 4096 * number}
        )
    return found


def _measure(mode: str, kubeconfig: pathlib.Path) -> Mapping[str, float]:
    command = [sys.executable, "-m", f"{__package__}.cache_process", mode, str(kubeconfig), str(OBJECTS)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=SYNC_TIMEOUT_SECONDS)
    found: dict[str, float] = json.loads(done.stdout)
    print(f"{mode}: {found}", file=sys.stderr, flush=True)
    return found


def run() -> Iterator[dict[str, Any]]:
    """The figures; those of the peer begin with `plain_dicts_`."""
    with contextlib.ExitStack() as stack:
        api = stack.enter_context(bench_api.server())
        stack.enter_context(bench_api.objects(api, RESOURCE, [_object(number) for number in range(OBJECTS)]))
        modes = ("runner", "plain_dicts")
        taken = {mode: [_measure(mode, api) for _ in range(REPEATS)] for mode in modes}
    medians = {
        mode: {name: statistics.median(one[name] for one in found) for name in found[0]}
        for mode, found in taken.items()
    }
    ours, peer = (medians[mode] for mode in modes)
    yield {"name": "kib_per_object", "value": round(ours["kib_per_object"], 2), "unit": "KiB", "objects": OBJECTS}
    yield {"name": "sync_s", "value": round(ours["sync_s"], 2), "unit": "s", "objects": OBJECTS}
    yield {"name": "lookup_us", "value": round(ours["lookup_us"], 1), "unit": "us"}
    yield {"name": "lookup_by_owner_us", "value": round(ours["lookup_by_owner_us"], 1), "unit": "us"}
    yield {"name": "lookup_recent_us", "value": round(ours["lookup_recent_us"], 2), "unit": "us"}
    yield {"name": "peak_kib_per_object", "value": round(ours["peak_kib_per_object"], 2), "unit": "KiB"}
    yield {"name": "sync_cpu_s", "value": round(ours["sync_cpu_s"], 2), "unit": "s"}
    yield {"name": "plain_dicts_kib_per_object", "value": round(peer["kib_per_object"], 2), "unit": "KiB"}
    yield {"name": "plain_dicts_sync_s", "value": round(peer["sync_s"], 2), "unit": "s"}
    ratio = peer["kib_per_object"] / ours["kib_per_object"]
    yield {"name": "memory_ratio", "value": round(ratio, 2), "unit": "ratio"}
