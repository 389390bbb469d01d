"""A launcher that plays tricks, and what a privileged process then gets: a process of user 107 in a root directory of its own, where it may write
everything. Needs root.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import launcher_process, launcher_socket

pytestmark = [pytest.mark.integration, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

POD_UID = "5a0b5b4e-6a5c-4f6b-9d53-0a7f0c1d2e3f"
LAUNCHER = """
import os, socket, sys
os.chroot(sys.argv[1]); os.chdir("/"); os.setgroups([]); os.setgid(107); os.setuid(107)
if sys.argv[2]:
    server = socket.socket(socket.AF_UNIX); server.bind(sys.argv[2]); server.listen()
print("ready", flush=True)
sys.stdin.read()
"""


class Launcher:
    """A directory that is the launcher's root, and its process."""

    def __init__(self, root: pathlib.Path, listens: str = "") -> None:
        self.root = root
        command = [sys.executable, "-c", LAUNCHER, str(root), listens]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def root() -> Iterator[pathlib.Path]:
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        found = pathlib.Path(directory)
        found.chmod(0o755)
        (found / "run" / "libvirt").mkdir(parents=True)
        for path in (found / "run", found / "run" / "libvirt"):
            os.chown(path, 107, 107)
        yield found


@contextlib.contextmanager
def launched(root: pathlib.Path, monkeypatch: pytest.MonkeyPatch, listens: str = "") -> Iterator[Launcher]:
    launcher = Launcher(root, listens)
    mine = {launcher.process.pid}

    def identify(pid: int) -> launcher_process.Identity:
        return launcher_process.Identity(pid, 1, POD_UID if pid in mine else "another")

    monkeypatch.setattr(launcher_process, "identify", identify)
    try:
        yield launcher
    finally:
        launcher.end()


def test_genuine_libvirtd_is_reached(root: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with launched(root, monkeypatch, "/run/libvirt/libvirt-sock") as launcher:
        with launcher_socket.libvirt_uri(launcher.process.pid, pod_uid=POD_UID) as uri:
            assert uri.startswith("qemu+unix:///session?socket=/proc/self/fd/")


@pytest.mark.parametrize("trick", ["link to a socket of the node", "linked directory", "socket of the node itself"])
def test_planted_way_to_a_socket_of_the_node(root: pathlib.Path, monkeypatch: pytest.MonkeyPatch, trick: str) -> None:
    prize = pathlib.Path(tempfile.mkdtemp(dir="/tmp"))
    with socket.socket(socket.AF_UNIX) as server, launched(root, monkeypatch) as launcher:
        server.bind(str(prize / "libvirt-sock"))
        server.listen()
        server.settimeout(0)
        if trick == "linked directory":
            shutil.rmtree(root / "run" / "libvirt")
            (root / "run" / "libvirt").symlink_to(prize)
        elif trick == "link to a socket of the node":
            (root / "run" / "libvirt" / "libvirt-sock").symlink_to(prize / "libvirt-sock")
        else:
            # as if the launcher had got hold of it: same user, but the process behind it is not of its pod
            os.chown(prize / "libvirt-sock", 107, 107)
            os.link(prize / "libvirt-sock", root / "run" / "libvirt" / "libvirt-sock")
        with pytest.raises(errors.PermanentError), launcher_socket.libvirt_uri(launcher.process.pid, pod_uid=POD_UID):
            pass
        if trick != "socket of the node itself":
            with pytest.raises(BlockingIOError):
                server.accept()
    shutil.rmtree(prize)


def make_device(path: pathlib.Path, number: tuple[int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(*number))


def test_claim_device_gives_it_to_the_launcher(root: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = root / "dev" / "net" / "tun"
    make_device(device, (10, 200))
    with launched(root, monkeypatch) as launcher:
        names, pid = ("dev", "net", "tun"), launcher.process.pid
        assert launcher_process.claim_device(pid, names, device=(10, 200), pod_uid=POD_UID, check_mode=True)
        assert device.stat().st_uid == 0
        assert launcher_process.claim_device(pid, names, device=(10, 200), pod_uid=POD_UID)
        assert (device.stat().st_uid, stat.S_IMODE(device.stat().st_mode)) == (107, 0o600)
        assert not launcher_process.claim_device(pid, names, device=(10, 200), pod_uid=POD_UID)


@pytest.mark.parametrize("trick", ["another device", "link", "file"])
def test_claim_device_changes_nothing_else(root: pathlib.Path, monkeypatch: pytest.MonkeyPatch, trick: str) -> None:
    device, prize = root / "dev" / "net" / "tun", root / "prize"
    if trick == "another device":
        make_device(device, (1, 11))
        prize = device
    else:
        prize.write_text("")
        device.parent.mkdir(parents=True)
        if trick == "link":
            device.symlink_to(prize)
        else:
            prize.rename(device)
            prize = device
    with (
        launched(root, monkeypatch) as launcher,
        pytest.raises(errors.PermanentError, match="is not the character device"),
    ):
        launcher_process.claim_device(launcher.process.pid, ("dev", "net", "tun"), device=(10, 200), pod_uid=POD_UID)
    assert prize.stat().st_uid == 0


def test_process_of_another_pod_is_not_entered(root: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with launched(root, monkeypatch) as launcher:
        with (
            pytest.raises(errors.NotReady, match="belongs to pod"),
            launcher_process.entry(launcher.process.pid, ("run",), pod_uid="11111111-2222-3333-4444-555555555555"),
        ):
            pass
