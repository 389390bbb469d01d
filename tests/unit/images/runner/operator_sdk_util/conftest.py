"""A stateful API server on loopback, reached the way a person's `ansible-playbook` reaches one: through a kubeconfig."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import kinds
from ansible_collections.playvirt.core.plugins.module_utils.k8s import kubernetes_transport
from ansible_collections.playvirt.core.tests.unit.fakes import kube_thread

WIDGET = kinds.Resource("example.com/v1", "Widget", "widgets")


@pytest.fixture
def api(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[kube_thread.ThreadedKubeAPI]:
    monkeypatch.setenv("PLAYVIRT_RUNNER_SOCKET", str(tmp_path / "no-runner"))
    with kube_thread.serve_in_thread(extra_kinds=[WIDGET]) as server:
        kubeconfig = server.call(server.api.write_kubeconfig, tmp_path / "kubeconfig")
        monkeypatch.setenv("K8S_AUTH_KUBECONFIG", str(kubeconfig))
        yield server
        for client in kubernetes_transport._opened.values():
            client.rest_client.pool_manager.clear()
        kubernetes_transport._opened.clear()
