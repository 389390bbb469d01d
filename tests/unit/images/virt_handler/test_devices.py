"""Which devices are offered. Device nodes of the machine stand in for those that a node may have."""

from __future__ import annotations

import pathlib

import pytest
from ansible_collections.playvirt.core.images.virt_handler import devices


def test_problem_of_missing_device_node(tmp_path: pathlib.Path) -> None:
    assert devices.problem(str(tmp_path / "kvm"), lambda _: None) == "this node has none"


def test_problem_of_device_that_refuses_its_check() -> None:
    # /dev/null opens, and knows no request to create a virtual machine
    found = devices.problem("/dev/null", devices._can_create_vm)
    assert found is not None
    assert found.startswith("it does not work")


def test_problem_of_working_device() -> None:
    assert devices.problem("/dev/null", devices._can_open) is None


def test_offered_names_what_is_there(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    checks = {"tun": ("/dev/null", devices._can_open), "kvm": ("/dev/null", devices._can_create_vm)}
    monkeypatch.setattr(devices, "_CHECKS", checks)
    caplog.set_level("INFO")
    found = devices.offered(["tun", "kvm", "gpu"], node_directory="/run/x")
    assert found == [devices.HostDevice("tun", "/dev/null", ("/run/x",))]
    assert "device kvm (/dev/null) is not offered: it does not work" in caplog.text
    assert "device gpu" in caplog.text


def test_allocation_of_device_without_directory_has_no_mount() -> None:
    answer = devices.HostDevice("kvm", "/dev/kvm").allocation()
    assert [device.host_path for device in answer.devices] == ["/dev/kvm"]
    assert not answer.mounts
