"""A reconcile as ansible-operator executes it: a directory, an event socket and one `ansible-runner run` process.

In: an object, the role, whether facts are gathered. Out: the exit status. Called by runner.py. The command, the files and the settings are those of
ansible-operator 1.42 (its internal/ansible/runner): extra variables and environment in files, inventory localhost, `-vv`, twenty artifacts, events
posted to a unix socket by ansible-runner-http. The programs come out of an environment of their own, made once in ~/.cache/playvirt from
requirements/bench.txt; kubernetes.core comes out of PyPI's `ansible` package.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import shutil
import socketserver
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ANSIBLE_PACKAGE = "ansible==14.5.0"
ROOT = Path(__file__).parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "playvirt"


def environment() -> Path:
    """The directory with `bin` and `collections`; made when it is not there."""
    requirements = ROOT / "requirements" / "bench.txt"
    made_from = requirements.read_bytes() + ANSIBLE_PACKAGE.encode() + sys.version.encode()
    directory = CACHE / f"bench-peer-{hashlib.sha256(made_from).hexdigest()[:12]}"
    if (directory / "complete").exists():
        return directory
    print(f"making the peer's environment in {directory}", file=sys.stderr)
    shutil.rmtree(directory, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", directory], check=True)
    pip = [directory / "bin" / "python", "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--requirement", requirements], check=True)
    subprocess.run([*pip, "download", "--no-deps", "--dest", directory / "wheel", ANSIBLE_PACKAGE], check=True)
    for wheel in (directory / "wheel").glob("*.whl"):
        with zipfile.ZipFile(wheel) as content:
            names = [name for name in content.namelist() if name.startswith("ansible_collections/kubernetes/core/")]
            content.extractall(directory / "collections", names)
    shutil.rmtree(directory / "wheel")
    (directory / "complete").touch()
    return directory


class _Events(http.server.BaseHTTPRequestHandler):
    """Takes events and forgets them."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""

    def address_string(self) -> str:
        return "unix"


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@contextmanager
def _event_socket(path: Path) -> Iterator[None]:
    path.unlink(missing_ok=True)
    with _Server(str(path), _Events) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def reconcile(
    peer: Path, work: Path, *, obj: Mapping[str, Any], role: str, facts: bool, variables: Mapping[str, str]
) -> int:
    """Execute one; `work` is a directory for this object, `variables` the environment beyond the peer's own."""
    meta = {"name": obj["metadata"]["name"], "namespace": obj["metadata"]["namespace"]}
    extra = {**obj["spec"], "ansible_operator_meta": meta}
    sockets = work / "socket"
    for name in ("env", "inventory", "project"):
        (work / name).mkdir(parents=True, exist_ok=True)
    settings = {"runner_http_url": str(sockets), "runner_http_path": "/events/"}
    files = {"extravars": extra, "settings": settings, "envvars": {}, "passwords": {}}
    for name, content in files.items():
        (work / "env" / name).write_text(json.dumps(content))
    (work / "inventory" / "hosts").write_text("localhost ansible_connection=local\n")
    command = [peer / "bin" / "ansible-runner", "run", work, "--rotate-artifacts", "20"]
    command += ["--role", role, "--roles-path", ROOT / "tests" / "bench" / "roles", "--hosts", "localhost"]
    command += ["-i", str(abs(hash(meta["name"]))), "-vv"]
    if not facts:
        command.append("--role-skip-facts")
    own = {
        "PATH": f"{peer / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "HOME": os.environ["HOME"],
        "ANSIBLE_COLLECTIONS_PATH": str(peer / "collections"),
        "ANSIBLE_ACTION_PLUGINS": str(ROOT / "tests" / "bench" / "action_plugins"),
        **({} if facts else {"ANSIBLE_GATHERING": "explicit"}),
        **variables,
    }
    with _event_socket(sockets):
        done = subprocess.run(command, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        print(done.stdout.decode(errors="replace")[-2000:], file=sys.stderr)
    return done.returncode
