"""How many reconciles per second the runner does, beside one process per reconcile, and how fast it is at a first task.

What runs: the real runner (`python -m ...images.runner`) on a watch list with a role per scenario, against an etcd and a kube-apiserver of its own
on loopback; objects are created and the runner's own log says when their plays succeeded. The peer is what ansible-operator ships: per reconcile
one `ansible-runner`, which starts one `ansible-playbook`, with ansible-operator's command line, files, event socket and verbosity
(ansible_operator.py), by default with facts gathered, because that is its default for roles; `_facts_off` is the same with facts switched off.

It is fair because both have the same roles, the same objects, the same API server, the same versions of Python, ansible-core and the `kubernetes`
package, and the same number of reconciles at a time; both are measured in turns within the same minutes, after a warm-up each. The peer is given no
watch, no cache, no status writes and no proxy, all of which ansible-operator pays for as well. Our runner's figure includes the creation of the objects,
the watch, the cache, the queue, the proxy and the log; it writes no status either (manageStatus: false).

Scenarios: `action1`, `action10`: one and ten tasks of an action plugin that does nothing. `k8s10`: ten kubernetes.core.k8s tasks that find their
objects unchanged, since the warm-up has made them. `same_job`: ten such objects kept in order, there with kubernetes.core, here with this
collection's module. A ratio is ours over the peer's reconciles per second, of the medians of ROUNDS rounds; a round is OUR_OBJECTS and PEER_OBJECTS
reconciles, and the first ones of each side are not counted. `*_cpu_s`: processor time of one reconcile, of all processes of a side. `*_peak_mib`: the
highest PSS of all processes of a side, looked at twice a second; that of this benchmark is nobody's. `event_to_task_*_ms`: the runner idle, one object at
a time, SAMPLES of them after five that are not counted: from the answer to the create request to the first task. `idle_mib`: PSS of all the runner's
processes, before any play.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import queue
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.playvirt.core.tests.bench import ansible_operator, processes
from ansible_collections.playvirt.core.tests.integration import bare_api_server

GROUP, VERSION, NAMESPACE = "bench.playvirt.io", "v1", "default"
SCENARIOS = ("action1", "action10", "k8s10", "same_job")
PEER_ROLES = {"same_job": "k8s10"}
AT_A_TIME = 2
ROUNDS = 3
OUR_OBJECTS = {"action1": 100, "action10": 60, "k8s10": 12, "same_job": 40}
PEER_OBJECTS = 2
SAMPLES = 60
SECONDS = 600.0
ROOT = Path(__file__).parents[2]
Result = dict[str, Any]


def _kind(scenario: str) -> str:
    return scenario.replace("_", "").capitalize()


def _crd(scenario: str) -> dict[str, Any]:
    kind = _kind(scenario)
    names = {"kind": kind, "plural": kind.lower() + "s", "singular": kind.lower(), "listKind": f"{kind}List"}
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": VERSION, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names['plural']}.{GROUP}"},
        "spec": {"group": GROUP, "names": names, "scope": "Namespaced", "versions": [version]},
    }


def _object(scenario: str, name: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": _kind(scenario), "metadata": metadata, "spec": {"size": "1"}}


class _Runner:
    """The runner's process and its log."""

    def __init__(self, api: bare_api_server.BareAPIServer, peer: Path, folder: Path) -> None:
        self._api = api
        self._folder = folder
        self.stamps = folder / "stamps"
        self.succeeded: queue.Queue[str] = queue.Queue()
        watches = [
            {
                "group": GROUP,
                "version": VERSION,
                "kind": _kind(scenario),
                "role": scenario,
                "manageStatus": False,
                "snakeCaseParameters": False,
                "watchDependentResources": False,
                "markUnsafe": True,
                "reconcilePeriod": "0s",
            }
            for scenario in (*SCENARIOS, "stamp")
        ]
        (folder / "watches.yaml").write_text(yaml.safe_dump(watches))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._health = f"127.0.0.1:{free.getsockname()[1]}"
        command = ["setpriv", "--pdeathsig", "KILL", sys.executable]
        command += ["-m", "ansible_collections.playvirt.core.images.runner"]
        command += ["--watches-file", str(folder / "watches.yaml"), "--workers", str(AT_A_TIME)]
        command += ["--socket", str(folder / "runner.sock"), "--health-address", self._health]
        collections = os.environ["ANSIBLE_COLLECTIONS_PATH"]
        environment = {
            **os.environ,
            "KUBECONFIG": str(api.kubeconfig()),
            "K8S_AUTH_KUBECONFIG": str(api.kubeconfig()),
            "ANSIBLE_ROLES_PATH": str(ROOT / "tests/bench/roles"),
            "ANSIBLE_ACTION_PLUGINS": str(ROOT / "tests/bench/action_plugins"),
            "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join([collections, str(peer / "collections")]),
            "BENCH_STAMPS": str(self.stamps),
        }
        self._process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            try:
                said = json.loads(line)
            except ValueError:
                print(line, end="", file=sys.stderr)
                continue
            if said["message"] == "play succeeded":
                self.succeeded.put(str(said["object"]).rpartition("/")[2])
            elif said["level"] in ("warning", "error"):
                print(line, end="", file=sys.stderr)

    def wait_ready(self) -> None:
        """Until /readyz says so."""
        import urllib.request

        deadline = time.monotonic() + SECONDS
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://{self._health}/readyz", timeout=2).close()
                return
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the runner did not get ready; its output is above")
            time.sleep(0.1)

    def create(self, scenario: str, name: str) -> float:
        """Create an object; the time when the answer came."""
        path = f"/apis/{GROUP}/{VERSION}/namespaces/{NAMESPACE}/{_kind(scenario).lower()}s"
        self._api.request("POST", path, _object(scenario, name))
        return time.time()

    def wait(self, names: set[str]) -> None:
        """Until the plays of these objects succeeded."""
        left = set(names)
        while left:
            left.discard(self.succeeded.get(timeout=SECONDS))

    def run(self, scenario: str, prefix: str, count: int) -> float:
        """Reconciles per second: from the first create request to the last play's end."""
        names = [f"{prefix}-{number}" for number in range(count)]
        started = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(4) as creators:
            list(creators.map(lambda name: self.create(scenario, name), names))
        self.wait(set(names))
        return count / (time.monotonic() - started)

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()


class _Peer:
    """The other side: as many processes at a time as the runner has workers."""

    def __init__(self, api: bare_api_server.BareAPIServer, environment: Path, folder: Path) -> None:
        self._environment = environment
        self._folder = folder
        config = str(api.kubeconfig())
        self._variables = {"KUBECONFIG": config, "K8S_AUTH_KUBECONFIG": config}

    def run(self, scenario: str, prefix: str, count: int, *, facts: bool) -> float:
        """Reconciles per second; raises RuntimeError when one fails."""

        def one(number: int) -> int:
            name = f"{prefix}-{number}"
            return ansible_operator.reconcile(
                self._environment,
                self._folder / name,
                obj=_object(scenario, name),
                role=PEER_ROLES.get(scenario, scenario),
                facts=facts,
                variables=self._variables,
            )

        started = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as workers:
            codes = list(workers.map(one, range(count)))
        if any(codes):
            raise RuntimeError(f"a reconcile of the peer failed: {codes}; its output is above")
        return count / (time.monotonic() - started)


def _latency(runner: _Runner) -> Iterator[Result]:
    created: dict[str, float] = {}
    for number in range(-5, SAMPLES):
        name = f"stamp-{number + 5}"
        created[name] = runner.create("stamp", name)
        runner.wait({name})
        time.sleep(0.05)
    ran = {name: float(at) for name, at in (line.split() for line in runner.stamps.read_text().splitlines())}
    delays = sorted(1000 * (ran[name] - at) for name, at in list(created.items())[5:])
    for share in (50, 99):
        value = delays[min(len(delays) - 1, round(share / 100 * (len(delays) - 1)))]
        yield {"name": f"event_to_task_p{share}_ms", "value": round(value, 1), "unit": "ms", "samples": SAMPLES}


def _scenario(scenario: str, runner: _Runner, peer: _Peer, apart: frozenset[int]) -> Iterator[Result]:
    runner.run(scenario, f"{_kind(scenario).lower()}-warm", AT_A_TIME)
    peer.run(scenario, f"{_kind(scenario).lower()}-warm", 1, facts=False)
    ours: list[float] = []
    theirs: dict[bool, list[float]] = {True: [], False: []}
    costs: dict[str, list[float]] = {"ours": [], "peer": []}
    peaks = {"ours": 0.0, "peer": 0.0}
    for turn in range(ROUNDS):
        prefix, count = f"{_kind(scenario).lower()}-{turn}", OUR_OBJECTS[scenario]
        before = processes.cpu_seconds(runner.pid)
        with processes.watched(runner.pid) as peak:
            ours.append(runner.run(scenario, prefix, count))
        costs["ours"].append((processes.cpu_seconds(runner.pid) - before) / count)
        peaks["ours"] = max(peaks["ours"], peak.mib)
        for facts in (True, False):
            spent = os.times()
            with processes.watched(os.getpid(), without=apart, only_below=True) as peak:
                theirs[facts].append(peer.run(scenario, f"{prefix}-peer", PEER_OBJECTS, facts=facts))
            now = os.times()
            if facts:
                used = now.children_user + now.children_system - spent.children_user - spent.children_system
                costs["peer"].append(used / PEER_OBJECTS)
                peaks["peer"] = max(peaks["peer"], peak.mib)
        print(f"{scenario}: ours {ours[-1]:.2f}/s, peer {theirs[True][-1]:.3f}/s", file=sys.stderr, flush=True)
    rate = statistics.median(ours)
    for facts, suffix in ((True, ""), (False, "_facts_off")):
        ratio = rate / statistics.median(theirs[facts])
        yield {"name": f"{scenario}_ratio{suffix}", "value": round(ratio, 1), "unit": "ratio", "rounds": ROUNDS}
    for side, rates in (("ours", ours), ("peer", theirs[True])):
        yield {"name": f"{scenario}_{side}_per_s", "value": round(statistics.median(rates), 3), "unit": "reconciles/s"}
        cost = statistics.median(costs[side])
        yield {"name": f"{scenario}_{side}_cpu_s", "value": round(cost, 4), "unit": "s/reconcile"}
        yield {"name": f"{scenario}_{side}_peak_mib", "value": round(peaks[side], 1), "unit": "MiB"}


def run() -> Iterator[Result]:
    """The figures; on a machine where the programs of the embedded cluster are not there it says to run `make cluster`."""
    environment = ansible_operator.environment()
    with tempfile.TemporaryDirectory(prefix="bench-") as name, bare_api_server.running() as api:
        folder = Path(name)
        for scenario in (*SCENARIOS, "stamp"):
            api.wait_crd(api.create_crd(_crd(scenario)))
        runner = _Runner(api, environment, folder)
        try:
            runner.wait_ready()
            time.sleep(2)
            yield {"name": "idle_mib", "value": round(processes.pss_mib(runner.pid), 1), "unit": "MiB"}
            yield from _latency(runner)
            apart = frozenset({runner.pid, *api.pids})
            peer = _Peer(api, environment, folder / "peer")
            for scenario in SCENARIOS:
                yield from _scenario(scenario, runner, peer, apart)
        finally:
            runner.stop()
