"""A runner's process against the bare API server, with role `recorder`, which records each of its turns; and Widgets to give it.

In: the API server, a folder, the runner's arguments. Out: `RunnerProcess` (log lines, metrics, memory, signals), `Turns` read from the record file,
`Widgets` to create, change, delete and count. Everything is ended with its context. Called by: test_runner_*.py here and tests/bench.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ansible_collections.playvirt.core.tests.integration import bare_api_server

MODULE = "ansible_collections.playvirt.core.images.runner"
ROLES = pathlib.Path(__file__).parent / "roles"
FINALIZER = "example.com/recorder"
WATCH_LIST = """\
- group: example.com
  version: v1
  kind: Widget
  role: recorder
  manageStatus: false
  snakeCaseParameters: false
  watchDependentResources: false
  onDelete: run
"""
WIDGET_CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"kind": "Widget", "listKind": "WidgetList", "plural": "widgets", "singular": "widget"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}


def until(what: str, seconds: float, test: Callable[[], Any], *, pause: float = 0.2) -> Any:
    """Wait until `test` returns something true, and return it; AssertionError that says what was waited for."""
    deadline = time.monotonic() + seconds
    while True:
        if found := test():
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(pause)


def boot_time() -> float:
    """The clock of the records."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Widgets:
    """Widgets in namespace default; many at once."""

    PATH = "/apis/example.com/v1/namespaces/default/widgets"

    def __init__(self, api: bare_api_server.BareAPIServer) -> None:
        self._api = api

    def create(self, names: Iterable[str], **spec: Any) -> None:
        """Create them, eight requests at a time."""
        meta = {"finalizers": [FINALIZER]}
        body = {"apiVersion": "example.com/v1", "kind": "Widget", "spec": {"size": 1, **spec}}
        self._all(
            lambda name: self._api.request("POST", self.PATH, {**body, "metadata": {**meta, "name": name}}), names
        )

    def change(self, names: Iterable[str], **spec: Any) -> None:
        """Change their spec, which gives them another generation."""
        patch = {"spec": spec}
        send = self._api.request
        merge = "application/merge-patch+json"
        self._all(lambda name: send("PATCH", f"{self.PATH}/{name}", patch, content_type=merge), names)

    def delete(self, names: Iterable[str]) -> None:
        """Ask for their deletion; the finalizer holds them until their role has run."""
        self._all(lambda name: self._api.request("DELETE", f"{self.PATH}/{name}"), names)

    def release(self, names: Iterable[str]) -> None:
        """Have them gone at once, without a role."""
        names, patch = list(names), {"metadata": {"finalizers": []}}
        merge = "application/merge-patch+json"
        send = self._api.request
        self._all(lambda name: send("PATCH", f"{self.PATH}/{name}", patch, content_type=merge), names)
        self.delete(names)

    def all(self) -> dict[str, dict[str, Any]]:
        """What there is, by name."""
        return {item["metadata"]["name"]: item for item in self._api.request("GET", self.PATH)["items"]}

    def unseen(self) -> list[str]:
        """Those whose newest generation no role has written into the status, or that are still being deleted."""
        return [
            name
            for name, item in self.all().items()
            if (item.get("status") or {}).get("seen") != item["metadata"]["generation"]
            or "deletionTimestamp" in item["metadata"]
        ]

    @staticmethod
    def _all(one: Callable[[str], Any], names: Iterable[str]) -> None:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(one, names))


@dataclass(frozen=True)
class Turn:
    """A run of the role: from its first sign to its last (seconds of CLOCK_BOOTTIME), and whether it came to its end."""

    key: str
    by: str
    pid: int
    generation: int
    deleting: bool
    begin: float
    last: float
    ended: bool


def read_turns(path: pathlib.Path) -> list[Turn]:
    """The turns of a record file, in the order of their beginning."""
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    open_turns: dict[tuple[int, str], list[dict[str, Any]]] = {}
    turns: list[Turn] = []

    def close(recorded: list[dict[str, Any]]) -> None:
        first, last = recorded[0], recorded[-1]
        names = ("key", "by", "pid", "generation", "deleting")
        turns.append(
            Turn(
                **{name: first[name] for name in names},
                begin=first["at"],
                last=last["at"],
                ended=last["event"] == "end",
            )
        )

    for line in (json.loads(line) for line in lines if line.endswith(b"\n")):
        place = (line["pid"], line["key"])
        if line["event"] == "begin" and place in open_turns:
            close(open_turns.pop(place))
        open_turns.setdefault(place, []).append(line)
        if line["event"] == "end":
            close(open_turns.pop(place))
    for recorded in open_turns.values():
        close(recorded)
    return sorted(turns, key=lambda turn: turn.begin)


def overlapping(turns: Iterable[Turn]) -> list[tuple[Turn, Turn]]:
    """Pairs of turns of one object that were in work at the same time."""
    found, latest = [], dict[str, Turn]()
    for turn in sorted(turns, key=lambda turn: turn.begin):
        before = latest.get(turn.key)
        if before is not None and turn.begin < before.last:
            found.append((before, turn))
        if before is None or turn.last > before.last:
            latest[turn.key] = turn
    return found


class RunnerProcess:
    """A started runner."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self._process = process
        self._port = port
        self.lines: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            for line in lines:
                self.lines.append(json.loads(line) if line.startswith("{") else {"message": "raw", "text": line})

    @property
    def pid(self) -> int:
        """The controller's process id."""
        return self._process.pid

    @property
    def pids(self) -> list[int]:
        """The controller, its zygote, the workers."""
        found, waiting = [], [self.pid]
        while waiting:
            found.append(waiting.pop())
            with contextlib.suppress(OSError):
                for children in pathlib.Path(f"/proc/{found[-1]}/task").glob("*/children"):
                    waiting += map(int, children.read_text().split())
        return found

    @property
    def zygote(self) -> int:
        """The process id of the newest zygote."""
        return int(self.logged("engine ready")[-1]["zygote"])

    def logged(self, message: str) -> list[dict[str, Any]]:
        """The log lines with that message."""
        return [line for line in list(self.lines) if line["message"] == message]

    def signal(self, number: signal.Signals) -> None:
        """Signal the controller."""
        os.kill(self.pid, number)

    def code(self) -> int | None:
        """The exit code, once it has ended."""
        return self._process.poll()

    def wait(self, seconds: float = 60.0) -> int:
        """Wait for its end; the exit code."""
        code = self._process.wait(timeout=seconds)
        self._reader.join(timeout=10)
        return code

    def stop(self) -> int:
        """SIGTERM (SIGKILL where that does not help), and wait."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self.signal(signal.SIGCONT)
                self.signal(signal.SIGTERM)
        try:
            return self.wait(90)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self.wait()

    def get(self, path: str) -> tuple[int, str]:
        """Ask its health port: status and text; (0, reason) where it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def metric(self, series: str, /, **labels: str) -> float:
        """The sum of the series of a metric whose labels are those; 0 where there is none."""
        total = 0.0
        for line in self.get("/metrics")[1].splitlines():
            found = re.match(r"(\w+)(?:\{(.*)\})? (\S+)$", line)
            if found and found[1] == series:
                given = dict(re.findall(r'(\w+)="([^"]*)"', found[2] or ""))
                if all(given.get(label) == value for label, value in labels.items()):
                    total += float(found[3])
        return total

    def pss_kib(self) -> dict[int, int]:
        """Proportional set size of each process."""
        found = {}
        for pid in self.pids:
            with contextlib.suppress(OSError):
                text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
                found[pid] = int(text.partition("\nPss:")[2].split()[0])
        return found


@dataclass(frozen=True)
class Setting:
    """What runners of one test share."""

    api: bare_api_server.BareAPIServer
    folder: pathlib.Path

    @property
    def records(self) -> pathlib.Path:
        """The record file."""
        return self.folder / "records"

    def turns(self) -> list[Turn]:
        """The turns so far."""
        return read_turns(self.records)

    @contextlib.contextmanager
    def runner(
        self, *arguments: str, name: str = "first", watch_list: str = WATCH_LIST, log_level: str = "info"
    ) -> Iterator[RunnerProcess]:
        """Start a runner as user and replica `name`."""
        place = self.folder / name
        for part in ("home", "tmp"):
            (place / part).mkdir(parents=True, exist_ok=True)
        watches = place / "watches.yaml"
        watches.write_text(watch_list)
        (port,) = bare_api_server.free_ports(1)
        kept = {variable: os.environ[variable] for variable in ("PATH", "PYTHONPATH") if variable in os.environ}
        environment = {
            **kept,
            "ANSIBLE_ROLES_PATH": str(ROLES),
            "ANSIBLE_COLLECTIONS_PATH": os.environ.get("ANSIBLE_COLLECTIONS_PATH", ""),
            "ANSIBLE_HOME": str(place / "ansible"),
            "HOME": str(place / "home"),
            "TMPDIR": str(place / "tmp"),
            "POD_NAME": name,
            "POD_NAMESPACE": "default",
            "RECORD_FILE": str(self.records),
        }
        command = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", MODULE, "--watches-file", str(watches)]
        command += ["--socket", str(place / "socket")]
        command += ["--kubeconfig", str(self.api.kubeconfig(name)), "--health-address", f"127.0.0.1:{port}"]
        command += ["--log-level", log_level, *arguments]
        process = subprocess.Popen(command, env=environment, cwd=place, stderr=subprocess.PIPE, text=True)
        found = RunnerProcess(process, port)
        try:
            yield found
        finally:
            found.stop()
