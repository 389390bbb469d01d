"""How fast virt-api answers: reviews of a typical VirtualMachine and its instance, over TLS, to one process on one core.

Prints p99_ms, the 99th percentile of the time from sending a review to having its answer, at a steady 200 reviews a second (validate and mutate in turn,
each sent when its time has come, whether or not others are out); per_s, how many a second eight connections get answered that ask without pause; and cpu_ms,
the processor time that one review costs virt-api, which does not depend on what else the machine does. There is no peer: no other implementation of these
webhooks runs here. It is fair in that nothing is left out: the process is virt-api as it is deployed, with presets in its cache, real certificates and
kept-alive connections, as the API server uses them; it and its client have a core each. Warmed up, three runs, medians.
"""

from __future__ import annotations

import asyncio
import datetime
import itertools
import json
import os
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
from ansible_collections.playvirt.core.plugins.module_utils.admission import mutate, request
from ansible_collections.playvirt.core.plugins.module_utils.cluster import pki
from ansible_collections.playvirt.core.tests.unit.fakes import kube_thread

RATE, SECONDS, RUNS, CONNECTIONS = 200, 5.0, 3, 8
_HEADERS = {"Content-Type": "application/json"}


def _spec() -> dict[str, Any]:
    return {
        "domain": {
            "cpu": {"cores": 2},
            "memory": {"guest": "2Gi"},
            "resources": {"requests": {"cpu": "200m", "memory": "2Gi"}},
            "devices": {
                "disks": [
                    {"name": "root", "disk": {"bus": "virtio"}, "bootOrder": 1},
                    {"name": "scratch", "disk": {"bus": "virtio"}},
                    {"name": "seed", "disk": {"bus": "virtio"}},
                ],
                "interfaces": [{"name": "default", "masquerade": {}, "ports": [{"name": "http", "port": 80}]}],
                "rng": {},
            },
        },
        "networks": [{"name": "default", "pod": {}}],
        "terminationGracePeriodSeconds": 30,
        "nodeSelector": {"example.com/pool": "machines"},
        "volumes": [
            {"name": "root", "containerDisk": {"image": "registry.example/disk:1"}},
            {"name": "scratch", "emptyDisk": {"capacity": "10Gi"}},
            {"name": "seed", "cloudInitNoCloud": {"userData": "#cloud-config\n" + "# line\n" * 100}},
        ],
    }


def _review(obj: dict[str, Any]) -> bytes:
    kind = {"group": "kubevirt.io", "version": "v1", "kind": obj["kind"]}
    resource = {"group": "kubevirt.io", "version": "v1", "resource": f"{obj['kind'].lower()}s"}
    options = {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1", "fieldManager": "kubectl-create"}
    asked = {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": kind,
        "requestKind": kind,
        "resource": resource,
        "requestResource": resource,
        "name": "x",
        "namespace": "ns",
        "operation": "CREATE",
        "dryRun": False,
        "options": options,
        "userInfo": {"username": "someone", "groups": ["system:authenticated"]},
        "object": obj,
        "oldObject": None,
    }
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": asked}
    return json.dumps(review).encode()


def _mutated(obj: dict[str, Any]) -> dict[str, Any]:
    """The object as the API server has it when it asks for validation: with what the mutating webhook added."""
    around = request.Surroundings(presets=[_preset(number) for number in range(20)])
    return mutate.mutate(obj["kind"], request.Request(obj=obj, surroundings=around), lambda: str(uuid.uuid4())).obj


def _reviews() -> list[tuple[str, bytes]]:
    """Path and body: a machine and an instance, each mutated, and then validated as it is by then."""
    meta = {"name": "x", "namespace": "ns", "labels": {"app": "web", "size": "small"}}
    template = {"metadata": {"labels": meta["labels"]}, "spec": _spec()}
    machine = {"kind": "VirtualMachine", "spec": {"runStrategy": "Always", "template": template}}
    instance = {"kind": "VirtualMachineInstance", "spec": _spec()}
    posted = [{"apiVersion": "kubevirt.io/v1", "metadata": meta, **obj} for obj in (machine, instance)]
    return [(path, _review(made(obj))) for obj in posted for path, made in (("/mutate", dict), ("/validate", _mutated))]


def _preset(number: int) -> dict[str, Any]:
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstancePreset",
        "metadata": {"name": f"preset-{number}", "namespace": "ns"},
        "spec": {
            "selector": {"matchLabels": {"size": "small" if number == 0 else f"other-{number}"}},
            "domain": {"devices": {"autoattachMemBalloon": True}},
        },
    }


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def _virt_api(directory: Path, core: int) -> Iterator[tuple[str, ssl.SSLContext, int]]:
    """A virt-api process on one core; gives its URL, what trusts it, and its process id."""
    now = datetime.datetime.now(datetime.UTC)
    authority = pki.new_authority("bench", now=now, days=1)
    names = pki.Request(common_name="virt-api", organizations=(), names=("localhost",))
    pair = pki.new_certificate(names, authority, now=now, days=1)
    (directory / "tls.crt").write_bytes(pair.certificate)
    (directory / "tls.key").write_bytes(pair.key)
    port, health = _free_port(), _free_port()
    with kube_thread.serve_in_thread() as api:
        for number in range(20):
            api.call(api.api.put, _preset(number))
        kubeconfig = api.call(api.api.write_kubeconfig, directory / "kubeconfig")
        arguments = [
            *("--kubeconfig", str(kubeconfig), "--certificate-directory", str(directory), "--log-level", "error"),
            *("--address", f"127.0.0.1:{port}", "--health-address", f"127.0.0.1:{health}", "--leave", "0"),
        ]
        module = "ansible_collections.playvirt.core.images.virt_api"
        process = subprocess.Popen([sys.executable, "-m", module, *arguments])
        try:
            os.sched_setaffinity(process.pid, {core})
            _await_port(process, port)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(cadata=authority.certificate.decode())
            yield f"https://localhost:{port}", context, process.pid
        finally:
            process.terminate()
            process.wait(timeout=20)


def _await_port(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("virt-api did not start")


class _Client:
    """Sends reviews over connections that are kept."""

    def __init__(self, session: aiohttp.ClientSession, url: str, context: ssl.SSLContext) -> None:
        self._session, self._url, self._context = session, url, context

    async def ask(self, path: str, body: bytes) -> float:
        """The seconds that the answer took; every review here is to be allowed."""
        started = time.perf_counter()
        async with self._session.post(
            self._url + path, data=body, headers=_HEADERS, ssl=self._context, timeout=aiohttp.ClientTimeout(total=120)
        ) as answer:
            response = (await answer.json())["response"]
        seconds = time.perf_counter() - started
        if not response["allowed"]:
            raise RuntimeError(f"refused: {response['status']['message']}")
        return seconds


async def _steady(client: _Client, reviews: Sequence[tuple[str, bytes]]) -> list[float]:
    """The times of reviews that are sent at a steady rate."""
    asked: list[asyncio.Task[float]] = []
    begin = time.perf_counter()
    for number, (path, body) in zip(range(int(RATE * SECONDS)), itertools.cycle(reviews), strict=False):
        await asyncio.sleep(max(0.0, begin + number / RATE - time.perf_counter()))
        asked.append(asyncio.create_task(client.ask(path, body)))
    return await asyncio.gather(*asked)


async def _without_pause(client: _Client, reviews: Sequence[tuple[str, bytes]]) -> float:
    """Answers a second."""
    end, answered = time.perf_counter() + SECONDS, 0

    async def ask(offset: int) -> None:
        nonlocal answered
        for path, body in itertools.islice(itertools.cycle(reviews), offset, None):
            if time.perf_counter() > end:
                return
            await client.ask(path, body)
            answered += 1

    await asyncio.gather(*(ask(number) for number in range(CONNECTIONS)))
    return answered / SECONDS


def _cpu_seconds(pid: int) -> float:
    """The processor time that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _measure(url: str, context: ssl.SSLContext, pid: int) -> dict[str, list[float]]:
    reviews = _reviews()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as session:
        client = _Client(session, url, context)
        for path, body in reviews * 50:
            await client.ask(path, body)
        found: dict[str, list[float]] = {"p99_ms": [], "per_s": [], "cpu_ms": []}
        for _ in range(RUNS):
            before = _cpu_seconds(pid)
            times = sorted(await _steady(client, reviews))
            found["cpu_ms"].append((_cpu_seconds(pid) - before) * 1000 / len(times))
            found["p99_ms"].append(times[int(len(times) * 0.99)] * 1000)
            found["per_s"].append(await _without_pause(client, reviews))
    return found


def run() -> Iterator[dict[str, Any]]:
    """Run; see the file's docstring."""
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as directory, _virt_api(Path(directory), cores[0]) as (url, context, pid):
        if len(cores) > 1:
            os.sched_setaffinity(0, set(cores[1:]))
        try:
            found = asyncio.run(_measure(url, context, pid))
        finally:
            os.sched_setaffinity(0, set(cores))
    for name, unit in (("p99_ms", "ms"), ("per_s", "1/s"), ("cpu_ms", "ms")):
        yield {"name": name, "value": round(statistics.median(found[name]), 2), "unit": unit, "rate": RATE}
