"""The fixture of tests of modules: a stateful API server on loopback, reached through a kubeconfig."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest
from ansible_collections.playvirt.core.tests.unit.fakes import kube_thread
from ansible_collections.playvirt.core.tests.unit.images.runner import widgets


@pytest.fixture
def api(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[kube_thread.ThreadedKubeAPI]:
    with kube_thread.reached_by_kubeconfig(tmp_path, monkeypatch, extra_kinds=[widgets.WIDGET]) as server:
        yield server
