"""Labels from the probe's file to the Node of a fake API server."""

from __future__ import annotations

import pathlib

import pytest
from ansible_collections.playvirt.core.images.virt_handler import node_labels
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.tests.unit.fakes import virt_handler as fakes

XML = (
    "<domainCapabilities><cpu><mode name='custom'><model usable='yes'>Nehalem</model></mode></cpu></domainCapabilities>"
)
NEHALEM = "cpu-model.node.kubevirt.io/Nehalem"


def test_read_takes_the_probes_files(tmp_path: pathlib.Path) -> None:
    path = tmp_path / node_labels.DOMAIN_CAPABILITIES
    path.parent.mkdir()
    path.write_text(XML)
    assert node_labels.read(str(tmp_path)) == {NEHALEM: "true"}
    (tmp_path / node_labels.EXPANDED_CPU).write_text("<cpu><feature policy='require' name='aes'/></cpu>")
    assert node_labels.read(str(tmp_path)) == {NEHALEM: "true", "cpu-feature.node.kubevirt.io/aes": "true"}


@pytest.mark.parametrize("content", [None, "nonsense"])
def test_read_without_a_usable_file(
    tmp_path: pathlib.Path, content: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    if content is not None:
        path = tmp_path / node_labels.DOMAIN_CAPABILITIES
        path.parent.mkdir()
        path.write_text(content)
    assert node_labels.read(str(tmp_path)) == {}
    assert "no labels for CPU models" in caplog.text


async def test_write_tries_until_it_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_labels, "RETRY_SECONDS", 0)
    context = fakes.Context()
    labels = context.client.node["metadata"]["labels"]
    labels.update({"cpu-model.node.kubevirt.io/Penryn": "true", "kubernetes.io/os": "linux"})
    context.client.failures = [errors.TransientError("connection refused")]
    await node_labels.write(context, {NEHALEM: "true"})
    assert labels == {NEHALEM: "true", "kubernetes.io/os": "linux"}


async def test_write_of_nothing_new_patches_nothing() -> None:
    context = fakes.Context()
    context.client.node["metadata"]["labels"][NEHALEM] = "true"
    await node_labels.write(context, {NEHALEM: "true"})
    assert not context.client.patched.is_set()
