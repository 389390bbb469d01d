"""A real etcd and kube-apiserver on loopback, in a temporary folder, without nodes and controllers: for what only a real API server shows.

In: the programs of the embedded cluster (`make cluster` builds them), the names of the users that a test wants to tell apart. Out: `BareAPIServer`: a
kubeconfig for each user, requests by hand, the audit log (who wrote what and when), and the API server stopped, started, frozen and killed at will.
Both processes get free ports, end with the context by their own ids, and with this process (or thread) should it be killed. There is no
controller manager: nothing collects garbage and a deleted namespace stays. Called by: conftest.py here, and tests/bench.

    with bare_api_server.running(users=("one", "other")) as api:
        api.load_crds("crds"); api.request("GET", "/api/v1/namespaces"); subprocess.run(..., env={"KUBECONFIG": str(api.kubeconfig("one"))})
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import json
import os
import pathlib
import random
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml
from ansible_collections.playvirt.core.plugins.module_utils.cluster import pki

ROOT = pathlib.Path(__file__).parents[2]
START_SECONDS = 240.0
ADMIN = "admin"
_ETCD = pathlib.Path("/usr/bin/etcd")
_LAST_LINES = 20
#: below those of outgoing connections and of NodePorts, above those of the embedded cluster
_PORTS = range(24000, 30000)


class APIServerError(Exception):
    """A program did not start, or the API server refused a request: then `status` is the HTTP status."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


def find_programs() -> Mapping[str, pathlib.Path]:
    """The programs {"etcd", "kube-apiserver", "kubectl"}: of this checkout's cluster, else the newest build in the role's cache.

    Raises APIServerError where they are not, with what to do.
    """
    defaults = yaml.safe_load((ROOT / "roles/embedded_cluster/defaults/main.yml").read_text())
    # The role's default is below $HOME, which it looks up when it runs.
    below_home = defaults["embedded_cluster_cache_directory"].partition("}}")[2].lstrip("/")
    builds = sorted(
        (pathlib.Path.home() / below_home / "bin").glob("kubernetes-*"), key=lambda path: path.stat().st_mtime
    )
    for directory in [ROOT / ".cluster/bin", *reversed(builds)]:
        found = {"etcd": _ETCD, **{name: directory / name for name in ("kube-apiserver", "kubectl")}}
        if all(path.exists() for path in found.values()):
            return found
    raise APIServerError(
        "etcd, kube-apiserver and kubectl are not there: run `make cluster` once (cluster-down keeps them)"
    )


class _Program:
    """A process with its log; it dies with the thread that started it."""

    def __init__(self, name: str, argv: Sequence[str], log: pathlib.Path) -> None:
        self.name = name
        self._argv = argv
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} was not started"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self._argv], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
            self._process.send_signal(signal.SIGCONT)
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=15)

    def last_lines(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-_LAST_LINES:])


class BareAPIServer:
    """See the file's docstring; made by `running`."""

    def __init__(self, folder: pathlib.Path, users: Sequence[str], extra_flags: Sequence[str] = ()) -> None:
        self.folder = folder
        self.audit_log = folder / "audit.log"
        self._extra_flags = extra_flags
        self._tokens = {user: f"token-of-{user}" for user in (ADMIN, *users)}
        self._programs = find_programs()
        self._ports = free_ports(3)
        self._write_files()
        self._tls = ssl.create_default_context(cafile=str(folder / "ca.crt"))
        self._etcd = _Program("etcd", self._etcd_arguments(), folder / "etcd.log")
        self._server = _Program("kube-apiserver", self._server_arguments(), folder / "kube-apiserver.log")

    # -- the processes

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"https://127.0.0.1:{self._ports[0]}"

    @property
    def pid(self) -> int:
        """The process id of kube-apiserver."""
        return self._server.pid

    @property
    def pids(self) -> tuple[int, int]:
        """The process ids of etcd and kube-apiserver."""
        return (self._etcd.pid, self._server.pid)

    def start(self, *, wait: bool = True) -> None:
        """Start what does not run, and wait until it is ready."""
        for program in (self._etcd, self._server):
            if not program.is_running:
                program.start()
        if wait:
            self.wait_ready()

    def stop(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End kube-apiserver (etcd goes on): every connection breaks and new ones are refused, until `start`."""
        self._server.stop(number)

    def restart(self) -> None:
        """Stop in order, and start."""
        self.stop(signal.SIGTERM)
        self.start()

    def freeze(self) -> None:
        """SIGSTOP: connections stay and nothing answers, until `thaw`."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on after `freeze`."""
        os.kill(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """End both."""
        self._server.stop(signal.SIGKILL)
        self._etcd.stop(signal.SIGKILL)

    def wait_ready(self, seconds: float = START_SECONDS) -> None:
        """Wait until /readyz says ok and namespace `default` exists; raises APIServerError with the log's end."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for program in (self._etcd, self._server):
                if not program.is_running:
                    raise APIServerError(f"{program.name} ended:\n{program.last_lines()}")
            with contextlib.suppress(APIServerError, OSError):
                self.request("GET", "/readyz", timeout=2)
                self.request("GET", "/api/v1/namespaces/default", timeout=2)
                return
            time.sleep(0.1)
        raise APIServerError(f"kube-apiserver was not ready within {seconds:g} s:\n{self._server.last_lines()}")

    # -- using it

    def kubeconfig(self, user: str = ADMIN) -> pathlib.Path:
        """The kubeconfig of one of the users; each may do everything."""
        return self.folder / f"{user}.kubeconfig"

    def kubectl(self, *arguments: str, user: str = ADMIN) -> str:
        """Run kubectl; returns its output."""
        command = [str(self._programs["kubectl"]), f"--kubeconfig={self.kubeconfig(user)}", *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=120, env={"HOME": str(self.folder)}
        )
        if done.returncode:
            raise APIServerError(f"{' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        user: str = ADMIN,
        content_type: str = "application/json",
        timeout: float = 120.0,
    ) -> Any:
        """One request by hand; returns the decoded JSON, or the text where it is none. Raises APIServerError, OSError."""
        headers = {"Authorization": f"Bearer {self._tokens[user]}", "Content-Type": content_type}
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=timeout, context=self._tls) as answer:
                text = answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                raise APIServerError(f"{method} {path}: {error.code} {error.read().decode()}", error.code) from error
        try:
            return json.loads(text)
        except ValueError:
            return text

    def load_crds(self, *paths: str | pathlib.Path) -> None:
        """Create the CRDs of YAML files (or of folders with such), relative to the checkout, and wait until they are served."""
        names = []
        for path in (ROOT / path for path in paths):
            for file in sorted(path.glob("*.yaml")) if path.is_dir() else [path]:
                names += [self.create_crd(document) for document in yaml.safe_load_all(file.read_text()) if document]
        for name in names:
            self.wait_crd(name)

    def create_crd(self, crd: Mapping[str, Any]) -> str:
        """Create one CRD unless it is there; returns its name."""
        try:
            self.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd)
        except APIServerError as error:
            if error.status != 409:
                raise
        return str(crd["metadata"]["name"])

    def wait_crd(self, name: str, seconds: float = 120.0) -> None:
        """Wait until a CRD is Established and a list of it is answered in every served version."""
        deadline = time.monotonic() + seconds
        while True:
            crd = self.request("GET", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}")
            conditions = (crd.get("status") or {}).get("conditions") or []
            try:
                if any(found["type"] == "Established" and found["status"] == "True" for found in conditions):
                    spec = crd["spec"]
                    for version in (found["name"] for found in spec["versions"] if found["storage"]):
                        self.request("GET", f"/apis/{spec['group']}/{version}/{spec['names']['plural']}?limit=1")
                    return
            except APIServerError as error:
                if error.status not in (404, 429, 503):
                    raise
            if time.monotonic() > deadline:
                raise APIServerError(f"CRD {name} was not served within {seconds:g} s: {conditions}")
            time.sleep(0.1)

    def audit(self) -> list[dict[str, Any]]:
        """Every finished request but reads, in the order of the log: audit.k8s.io/v1 Events with the body that was sent.

        `user.username` is the client, `requestReceivedTimestamp` and `stageTimestamp` are when it came and was answered.
        """
        if not self.audit_log.exists():
            return []
        lines = self.audit_log.read_bytes().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith(b"\n")]

    # -- files

    def _write_files(self) -> None:
        now = datetime.datetime.now(datetime.UTC)
        authority = pki.new_authority("bare-api-server", now=now, days=2)
        wanted = pki.Request(common_name="kube-apiserver", organizations=(), names=("127.0.0.1", "localhost"))
        serving = pki.new_certificate(wanted, authority, now=now, days=2)
        private, public = pki.new_key_pair()
        files = {
            "ca.crt": authority.certificate,
            "server.crt": serving.certificate,
            "server.key": serving.key,
            "accounts.key": private,
            "accounts.pub": public,
            "audit-policy.yaml": _AUDIT_POLICY.encode(),
            "tokens.csv": "".join(f'{t},{u},{u},"system:masters"\n' for u, t in self._tokens.items()).encode(),
        }
        for user in self._tokens:
            files[f"{user}.kubeconfig"] = json.dumps(self._kubeconfig(user, authority.certificate)).encode()
        for name, content in files.items():
            path = self.folder / name
            path.touch(mode=0o600)
            path.write_bytes(content)

    def _kubeconfig(self, user: str, authority: bytes) -> Mapping[str, Any]:
        cluster = {"server": self.url, "certificate-authority-data": base64.b64encode(authority).decode()}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "bare",
            "clusters": [{"name": "bare", "cluster": cluster}],
            "contexts": [{"name": "bare", "context": {"cluster": "bare", "user": user}}],
            "users": [{"name": user, "user": {"token": self._tokens[user]}}],
        }

    def _etcd_arguments(self) -> list[str]:
        client, peer = (f"http://127.0.0.1:{port}" for port in self._ports[1:])
        flags = {
            "name": "bare",
            "data-dir": self.folder / "etcd",
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"bare={peer}",
        }
        written = [f"--{name}={value}" for name, value in flags.items()]
        return [str(self._programs["etcd"]), *written, "--unsafe-no-fsync", "--logger=zap", "--log-level=warn"]

    def _server_arguments(self) -> list[str]:
        flags = {
            "secure-port": self._ports[0],
            "bind-address": "127.0.0.1",
            "advertise-address": "127.0.0.1",
            "endpoint-reconciler-type": "none",
            "etcd-servers": f"http://127.0.0.1:{self._ports[1]}",
            "tls-cert-file": self.folder / "server.crt",
            "tls-private-key-file": self.folder / "server.key",
            "token-auth-file": self.folder / "tokens.csv",
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": self.folder / "accounts.pub",
            "service-account-signing-key-file": self.folder / "accounts.key",
            "service-cluster-ip-range": "10.96.0.0/24",
            "authorization-mode": "RBAC",
            "disable-admission-plugins": "ServiceAccount",
            "audit-policy-file": self.folder / "audit-policy.yaml",
            "audit-log-path": self.audit_log,
            "audit-log-mode": "blocking",
            "shutdown-send-retry-after": "false",
            "profiling": "false",
        }
        written = [f"--{name}={value}" for name, value in flags.items()]
        return [str(self._programs["kube-apiserver"]), *written, *self._extra_flags]


# Reads are many and of no interest; of writes the body shows which object and which resourceVersion.
_AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
- {level: None, verbs: [get, list, watch]}
- {level: None, userGroups: ["system:nodes"]}
- {level: None, users: ["system:apiserver"]}
- {level: Request}
"""


def free_ports(count: int) -> list[int]:
    """Ports of loopback on which nobody listens, and which the kernel gives to nobody who connects somewhere: they stay free until they are used."""
    found: list[int] = []
    for port in random.sample(_PORTS, len(_PORTS)):
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise APIServerError(f"no {count} ports of {_PORTS} are free")


@contextlib.contextmanager
def running(*, users: Sequence[str] = (), extra_flags: Sequence[str] = ()) -> Iterator[BareAPIServer]:
    """A started server; everything it made is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="bare-api-server-") as folder:
        made = BareAPIServer(pathlib.Path(folder), users, extra_flags)
        try:
            made.start()
            yield made
        finally:
            made.close()
