"""virt-api as processes of their own beside a bare API server, registered as the installation registers it.

In: a BareAPIServer, a folder. Out: processes that can be started, ended and killed; the files of their certificate, as the kubelet keeps them; the webhook
configurations of the installation, reached by a URL on loopback or by their Service.
"""

from __future__ import annotations

import base64
import datetime
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.cluster import pki
from ansible_collections.playvirt.core.plugins.module_utils.installation import settings, webhooks
from ansible_collections.playvirt.core.tests.integration import bare_api_server
from ansible_collections.playvirt.core.tests.unit.images.virt_api import scene

NAMESPACE = "kubevirt"
SETTINGS = settings.Settings(registry="", tag="", namespace=NAMESPACE)
_CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1"
_MERGE = "application/merge-patch+json"

ClientConfig = Callable[[Mapping[str, Any]], dict[str, Any]]


def until(check: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Try until it does not raise; gives what it gave."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return check()
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


class VirtAPI:
    """One process; it answers once `start` is through."""

    def __init__(self, kubeconfig: pathlib.Path, certificates: pathlib.Path, host: str = "127.0.0.1") -> None:
        self._kubeconfig, self._certificates, self.host = kubeconfig, certificates, host
        self.port, self._health = bare_api_server.free_ports(2)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        arguments = [
            *("--kubeconfig", str(self._kubeconfig), "--certificate-directory", str(self._certificates)),
            *("--address", f"{self.host}:{self.port}", "--health-address", f"127.0.0.1:{self._health}"),
            *("--leave", "0", "--log-level", "warning"),
        ]
        module = "ansible_collections.playvirt.core.images.virt_api"
        environment = {**os.environ, "POD_NAMESPACE": NAMESPACE}
        self._process = subprocess.Popen([sys.executable, "-m", module, *arguments], env=environment)
        until(lambda: socket.create_connection((self.host, self.port)).close())

    def stop(self) -> None:
        """SIGTERM, and wait."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=30)
            self._process = None

    def kill(self) -> None:
        """SIGKILL, in the middle of whatever it does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(timeout=30)
        self._process = None

    def answered(self) -> int:
        """How many reviews it has answered, by its own metrics."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._health}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        found = [line for line in lines if line.startswith("playvirt_api_webhook_requests_total")]
        return int(sum(float(line.rpartition(" ")[2]) for line in found))


def issue_certificate(directory: pathlib.Path, *names: str) -> str:
    """Make an authority and a certificate of it for these names; gives the authority as a caBundle."""
    now = datetime.datetime.now(datetime.UTC)
    authority = pki.new_authority("test", now=now, days=1)
    wanted = pki.Request(common_name="virt-api", organizations=(), names=names)
    pair = pki.new_certificate(wanted, authority, now=now, days=1)
    scene.put_certificate(directory, pair)
    return base64.b64encode(authority.certificate).decode()


def register(api: bare_api_server.BareAPIServer, bundle: str, client: ClientConfig = dict) -> None:
    """What role kubevirt does, or does again with another bundle; `client` may change how virt-api is reached."""
    for obj in webhooks.render_configurations(SETTINGS, bundle):
        for hook in obj["webhooks"]:
            hook["clientConfig"] = client(hook["clientConfig"])
        path = f"{_CONFIGURATIONS}/{obj['kind'].lower()}s"
        try:
            api.request("POST", path, obj)
        except bare_api_server.APIServerError as error:
            if error.status != 409:
                raise
            hooks = {"webhooks": obj["webhooks"]}
            api.request("PATCH", f"{path}/{obj['metadata']['name']}", hooks, content_type=_MERGE)
    patch = webhooks.conversion_patch(SETTINGS, bundle)
    way = patch["spec"]["conversion"]["webhook"]
    # What the definition says of the Service goes where a URL comes.
    way["clientConfig"] = {"service": None, **client(way["clientConfig"])}
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{webhooks.DEFINITION}"
    api.request("PATCH", path, patch, content_type=_MERGE)
