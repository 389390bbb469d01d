"""The capability cache's files; the probing itself needs a real libvirtd and is shown by the end-to-end tests."""

from __future__ import annotations

import json
import os
import pathlib
import stat

import pytest
from ansible_collections.playvirt.core.images.virt_launcher import capabilities, libvirtd
from ansible_collections.playvirt.core.plugins.module_utils.api import errors


@pytest.fixture(autouse=True)
def unprivileged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 107)
    monkeypatch.setattr(capabilities, "identity", lambda: '{"kernel": "6.18"}')


def probed(directory: str) -> dict[str, str]:
    return {
        "capabilities.xml": "<capabilities/>",
        "domcapabilities.xml": "<domainCapabilities/>",
        "qemu/abc.xml": "<qemuCaps/>",
    }


def test_main_writes_files_for_all_to_read(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capabilities, "probe", probed)
    os.umask(0o077)
    output = tmp_path / "capabilities"
    assert capabilities.main(str(output)) == 0
    found = {str(path.relative_to(output)): path for path in output.rglob("*") if path.is_file()}
    assert sorted(found) == ["capabilities.xml", "domcapabilities.xml", "probed.json", "qemu/abc.xml"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in found.values()} == {0o644}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (output, output / "qemu")} == {0o755}
    assert found["qemu/abc.xml"].read_text() == "<qemuCaps/>"


def test_main_again_probes_nothing(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def probe(directory: str) -> dict[str, str]:
        calls.append(directory)
        return probed(directory)

    monkeypatch.setattr(capabilities, "probe", probe)
    assert capabilities.main(str(tmp_path)) == 0
    assert capabilities.main(str(tmp_path)) == 0
    assert len(calls) == 1
    monkeypatch.setattr(capabilities, "identity", lambda: '{"kernel": "6.19"}')
    (tmp_path / "qemu/old.xml").write_text("old")
    assert capabilities.main(str(tmp_path)) == 0
    assert len(calls) == 2
    assert not (tmp_path / "qemu/old.xml").exists()


def test_main_failure_keeps_what_was_there(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def probe(directory: str) -> dict[str, str]:
        raise errors.HypervisorError("connection to libvirtd: refused")

    monkeypatch.setattr(capabilities, "probe", probe)
    (tmp_path / "probed.json").write_text("old")
    assert capabilities.main(str(tmp_path)) == 1
    assert "virt-launcher probe-capabilities: connection to libvirtd: refused" in capsys.readouterr().err
    assert (tmp_path / "probed.json").read_text() == "old"


def test_identity_names_the_binaries(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(libvirtd, "PROGRAM", __file__)
    qemu = f"/usr/bin/qemu-system-{os.uname().machine}"
    found = os.stat
    monkeypatch.setattr(
        os, "stat", lambda path, *rest, **named: found(__file__ if path == qemu else path, *rest, **named)
    )
    said = json.loads(capabilities.identity())
    assert sorted(said["binaries"]) == sorted([__file__, qemu])
    assert said["kernel"] == os.uname().release
