"""The fake API server in a thread of its own, for code that is not asyncio.

with kube_thread.serve_in_thread() as api: ...         # call the methods of `api.api` through `api.call(...)`
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.k8s import kubernetes_transport
from ansible_collections.playvirt.core.tests.unit.fakes.kube_api import KubeAPI


class ThreadedKubeAPI:
    """The server in a thread of its own, for tests that are not asyncio; `call` runs a method of `api` there."""

    def __init__(self, **arguments: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.api: KubeAPI = self.call(lambda: KubeAPI(**arguments))
        asyncio.run_coroutine_threadsafe(self.api.start(), self._loop).result(10)

    @property
    def url(self) -> str:
        """Where it listens."""
        return self.api.url

    def call(self, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        """Run a plain function in the server's thread, such as `call(api.put, {...})`."""

        async def run() -> Any:
            return function(*arguments, **keywords)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def stop(self) -> None:
        """Stop the server; its objects stay, and its thread."""
        asyncio.run_coroutine_threadsafe(self.api.stop(), self._loop).result(10)

    def close(self) -> None:
        """Stop the server and its thread."""
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@contextlib.contextmanager
def serve_in_thread(**arguments: Any) -> Iterator[ThreadedKubeAPI]:
    """A `ThreadedKubeAPI` for the block."""
    server = ThreadedKubeAPI(**arguments)
    try:
        yield server
    finally:
        server.close()


@contextlib.contextmanager
def reached_by_kubeconfig(
    directory: Path, monkeypatch: pytest.MonkeyPatch, **arguments: Any
) -> Iterator[ThreadedKubeAPI]:
    """A `ThreadedKubeAPI` that modules reach the way a person's `ansible-playbook` reaches an API server: there is no runner, but a kubeconfig."""
    monkeypatch.setenv("PLAYVIRT_RUNNER_SOCKET", str(directory / "no-runner"))
    with serve_in_thread(**arguments) as server:
        kubeconfig = server.call(server.api.write_kubeconfig, directory / "kubeconfig")
        monkeypatch.setenv("K8S_AUTH_KUBECONFIG", str(kubeconfig))
        yield server
        for client in kubernetes_transport._opened.values():
            client.rest_client.pool_manager.clear()
        kubernetes_transport._opened.clear()
