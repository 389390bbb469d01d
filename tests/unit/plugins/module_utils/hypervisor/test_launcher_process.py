"""Whose a process is, and walking below its root. This test's own process stands in for a launcher's; what needs other users or namespaces is in
tests/integration.
"""

from __future__ import annotations

import os
import pathlib

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import launcher_process

UID = "5a0b5b4e-6a5c-4f6b-9d53-0a7f0c1d2e3f"
OTHER = "11111111-2222-3333-4444-555555555555"
SYSTEMD = UID.replace("-", "_")


@pytest.mark.parametrize(
    ("cgroup", "pod_uid"),
    [
        (f"0::/kubepods/burstable/pod{UID}/0123abcd\n", UID),
        (
            f"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{SYSTEMD}.slice/cri-containerd-01.scope\n",
            UID,
        ),
        (f"0::/kubepods.slice/kubepods-pod{SYSTEMD}.slice/cri-containerd-01.scope\n", UID),
        (
            f"8:pids:/node01/kubepods/burstable/pod{UID}/01\n5:devices:/node01/kubepods/burstable/pod{UID}/01\n0::/\n",
            UID,
        ),
        (f"0::/../../pod{UID}/01\n", UID),
        (f"0::/kubepods/pod{UID}/01/pod{OTHER}/02\n", UID),
        (f"8:pids:/kubepods/pod{UID}/01\n5:devices:/kubepods/pod{OTHER}/01\n", None),
        (f"0::/kubepods/notapod{UID}/01\n", None),
        (f"0::/kubepods/pod{UID}0/01\n", None),
        ("0::/system.slice/sshd.service\n", None),
        ("", None),
    ],
)
def test_parse_pod_uid(cgroup: str, pod_uid: str | None) -> None:
    assert launcher_process.parse_pod_uid(cgroup) == pod_uid


def test_parse_start_time_of_command_with_parentheses() -> None:
    fields = " ".join(str(number) for number in range(4, 53))
    assert launcher_process.parse_start_time(f"42 (a) b (c)) S {fields}\n") == 22


def fake_proc(root: pathlib.Path, cgroup: str) -> str:
    process = root / "42"
    process.mkdir()
    (process / "stat").write_text("42 (python3) S " + " ".join(str(number) for number in range(4, 53)))
    (process / "cgroup").write_text(cgroup)
    return str(root)


def test_identify_process_of_a_pod(tmp_path: pathlib.Path) -> None:
    proc = fake_proc(tmp_path, f"0::/kubepods/pod{UID}/01\n")
    assert launcher_process.identify(42, proc=proc) == launcher_process.Identity(42, 22, UID)


def test_identify_process_outside_pods(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.PermanentError, match="process 42 does not run in a pod's cgroup"):
        launcher_process.identify(42, proc=fake_proc(tmp_path, "0::/init.scope\n"))


def test_identify_process_that_is_gone(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.NotReady, match="process 43"):
        launcher_process.identify(43, proc=str(tmp_path))


def parts(path: pathlib.Path) -> tuple[str, ...]:
    return path.parts[1:]


def test_entry_of_regular_path(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("content")
    with launcher_process.entry(os.getpid(), parts(tmp_path.resolve() / "file")) as descriptor:
        assert pathlib.Path(f"/proc/self/fd/{descriptor}").read_text() == "content"


@pytest.mark.parametrize("plant", ["last", "middle"])
def test_entry_refuses_links(tmp_path: pathlib.Path, plant: str) -> None:
    base = tmp_path.resolve()
    (base / "real").mkdir()
    (base / "real" / "file").write_text("content")
    if plant == "last":
        (base / "link").symlink_to(base / "real" / "file")
        wanted = base / "link"
    else:
        (base / "link").symlink_to(base / "real")
        wanted = base / "link" / "file"
    with (
        pytest.raises(errors.PermanentError, match=r"link|not a directory"),
        launcher_process.entry(os.getpid(), parts(wanted)),
    ):
        pass


def test_entry_that_is_missing(tmp_path: pathlib.Path) -> None:
    with (
        pytest.raises(errors.NotReady, match="is not there in the launcher"),
        launcher_process.entry(os.getpid(), parts(tmp_path.resolve() / "missing")),
    ):
        pass


def test_entry_of_process_of_another_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher_process, "identify", lambda pid: launcher_process.Identity(pid, 1, OTHER))
    with (
        pytest.raises(errors.NotReady, match=f"belongs to pod {OTHER} now"),
        launcher_process.entry(os.getpid(), ("dev", "null"), pod_uid=UID),
    ):
        pass


def test_entry_leaves_no_descriptor_open(tmp_path: pathlib.Path) -> None:
    before = os.listdir("/proc/self/fd")
    with launcher_process.entry(os.getpid(), parts(tmp_path.resolve())):
        pass
    with pytest.raises(errors.NotReady), launcher_process.entry(os.getpid(), ("missing", "file")):
        pass
    assert os.listdir("/proc/self/fd") == before


def test_network_namespace_of_ones_own_is_refused() -> None:
    with (
        pytest.raises(errors.PermanentError, match="no network namespace of its own"),
        launcher_process.network_namespace(os.getpid()),
    ):
        pass


def test_network_namespace_of_process_that_is_gone() -> None:
    with pytest.raises(errors.NotReady, match="is gone"), launcher_process.network_namespace(2**22 + 1):
        pass


def test_claim_device_that_everybody_may_use_changes_nothing() -> None:
    number = os.stat("/dev/null").st_rdev
    device = (os.major(number), os.minor(number))
    assert not launcher_process.claim_device(os.getpid(), ("dev", "null"), device=device)


def test_claim_device_refuses_another_device() -> None:
    with pytest.raises(errors.PermanentError, match="is not the character device 10:200"):
        launcher_process.claim_device(os.getpid(), ("dev", "null"), device=(10, 200))
