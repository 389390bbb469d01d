"""The client of the runner's gateway: HTTP over a unix socket, from a play to the process that started it.

In: method, path, body. Out: HTTP status and decoded JSON. The gateway speaks to the API server with the runner's credentials, answers reads from its
cache on request, and offers what the runner's services offer (virt-handler: `/launchers/...`). Standard library only, because it is imported by every worker.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors

DEFAULT_SOCKET = "/run/playvirt/runner.sock"
TIMEOUT_SECONDS = 60.0


def socket_path() -> str | None:
    """The path of the gateway's socket, or None where no runner is near."""
    path = os.environ.get("PLAYVIRT_RUNNER_SOCKET", DEFAULT_SOCKET)
    return path if os.path.exists(path) else None


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def request(
    method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
) -> tuple[int, dict[str, Any]]:
    """Send one request; answer with the HTTP status and the body as a dict (text becomes `{"message": text}`).

    Raises TransientError where there is no gateway or it does not answer.
    """
    where = socket_path()
    if where is None:
        raise errors.TransientError(
            f"no runner is listening on {os.environ.get('PLAYVIRT_RUNNER_SOCKET', DEFAULT_SOCKET)};"
            " run this where a runner runs, or name its socket in PLAYVIRT_RUNNER_SOCKET"
        )
    connection = _UnixConnection(where)
    content = None if body is None else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", "Accept": "application/json", **(headers or {})}
    try:
        connection.request(method, path, body=content, headers=sent)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        raise errors.TransientError(f"{method} {path}: the runner did not answer: {error}") from error
    finally:
        connection.close()
    try:
        decoded = json.loads(text) if text else {}
    except ValueError:
        decoded = {"message": text}
    return answer.status, decoded if isinstance(decoded, dict) else {"items": decoded}
