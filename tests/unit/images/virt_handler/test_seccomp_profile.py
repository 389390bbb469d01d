"""The profile for passt reaches the kubelet's directory whole, and forbids what it must."""

from __future__ import annotations

import json
import pathlib
from typing import Any

from ansible_collections.playvirt.core.images.virt_handler import seccomp_profile

PROFILE: dict[str, Any] = json.loads(seccomp_profile._SOURCE.read_text())
#: flags of clone(2) and unshare(2)
NEW_NETWORK, NEW_CGROUP, NEW_TIME, NEW_USER = 0x40000000, 0x02000000, 0x80, 0x10000000


def rules(name: str) -> list[dict[str, Any]]:
    return [rule for rule in PROFILE["syscalls"] if name in rule["names"]]


def test_install_writes_once(tmp_path: pathlib.Path) -> None:
    assert seccomp_profile.install(str(tmp_path)) is True
    assert json.loads((tmp_path / "seccomp/playvirt/passt.json").read_text()) == PROFILE
    assert seccomp_profile.install(str(tmp_path)) is False
    assert [path.name for path in (tmp_path / "seccomp/playvirt").iterdir()] == ["passt.json"]


def test_install_replaces_what_is_half_or_old(tmp_path: pathlib.Path) -> None:
    target = tmp_path / "seccomp/playvirt/passt.json"
    target.parent.mkdir(parents=True)
    target.write_text('{"defaultAction":')
    assert seccomp_profile.install(str(tmp_path)) is True
    assert json.loads(target.read_text()) == PROFILE


def test_what_is_not_named_is_refused() -> None:
    assert PROFILE["defaultAction"] == "SCMP_ACT_ERRNO"
    refused = (
        "bpf init_module kexec_load keyctl open_by_handle_at perf_event_open ptrace reboot setns swapon userfaultfd"
    )
    assert not [name for name in (*refused.split(), "io_uring_setup", "process_vm_readv", "chroot") if rules(name)]


def test_namespaces_but_for_that_of_the_network() -> None:
    (unshare,) = rules("unshare")
    (flags,) = unshare["args"]
    assert (flags["op"], flags["valueTwo"]) == ("SCMP_CMP_MASKED_EQ", 0)
    assert flags["value"] == NEW_NETWORK | NEW_CGROUP | NEW_TIME
    (clone,) = rules("clone")
    assert clone["args"][0]["value"] & (NEW_USER | NEW_NETWORK) == NEW_USER | NEW_NETWORK
    (clone3,) = rules("clone3")
    assert (clone3["action"], clone3["errnoRet"]) == ("SCMP_ACT_ERRNO", 38), "the C library then asks for clone"
