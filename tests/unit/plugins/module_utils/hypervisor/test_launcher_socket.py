"""The way to a launcher's libvirtd, with real sockets of this process below its own root directory."""

from __future__ import annotations

import os
import pathlib
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import launcher_process, launcher_socket

UID = "5a0b5b4e-6a5c-4f6b-9d53-0a7f0c1d2e3f"
OTHER = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def directory(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A directory with `libvirt-sock`; this process counts as a launcher of pod UID, and its user as the launcher's."""
    found = tmp_path_factory.mktemp("s").resolve()
    monkeypatch.chdir(found)
    monkeypatch.setattr(launcher_socket, "LIBVIRT_SOCKET", (*found.parts[1:], "libvirt-sock"))
    monkeypatch.setattr(launcher_process, "LAUNCHER_UID", os.getuid())
    monkeypatch.setattr(launcher_process, "identify", lambda pid: launcher_process.Identity(pid, 1, UID))
    return found


@pytest.fixture
def listener(directory: pathlib.Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as found:
        found.bind("libvirt-sock")
        found.listen()
        yield found


def test_libvirt_uri_reaches_the_listener(listener: socket.socket) -> None:
    with launcher_socket.libvirt_uri(os.getpid(), pod_uid=UID) as uri:
        prefix, _, path = uri.partition("?socket=")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(path)
    assert prefix == "qemu+unix:///session"
    listener.settimeout(1)
    for _ in range(2):
        listener.accept()[0].close()


def test_libvirt_uri_of_socket_of_another_user(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher_process, "LAUNCHER_UID", os.getuid() + 1)
    with (
        pytest.raises(errors.PermanentError, match="belongs to user"),
        launcher_socket.libvirt_uri(os.getpid(), pod_uid=UID),
    ):
        pass


def test_libvirt_uri_of_listener_of_another_pod(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([UID, OTHER])
    monkeypatch.setattr(launcher_process, "identify", lambda pid: launcher_process.Identity(pid, 1, next(answers)))
    with (
        pytest.raises(errors.PermanentError, match=f"listens on the libvirt socket of pod {UID}"),
        launcher_socket.libvirt_uri(os.getpid(), pod_uid=UID),
    ):
        pass


@pytest.mark.parametrize("planted", ["file", "fifo", "link"])
def test_libvirt_uri_refuses_what_is_no_socket(directory: pathlib.Path, planted: str) -> None:
    path = directory / "libvirt-sock"
    if planted == "file":
        path.write_text("")
    elif planted == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/run/containerd/containerd.sock")
    with pytest.raises(errors.PermanentError), launcher_socket.libvirt_uri(os.getpid(), pod_uid=UID):
        pass


def test_libvirt_uri_before_libvirtd_listens(directory: pathlib.Path) -> None:
    with pytest.raises(errors.NotReady, match="is not there"), launcher_socket.libvirt_uri(os.getpid(), pod_uid=UID):
        pass


def test_libvirt_uri_of_socket_that_nobody_listens_on(listener: socket.socket) -> None:
    listener.close()
    with pytest.raises(errors.NotReady, match="does not answer"), launcher_socket.libvirt_uri(os.getpid(), pod_uid=UID):
        pass


def test_identify_peer_of_launchers_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher_process, "LAUNCHER_UID", os.getuid())
    monkeypatch.setattr(launcher_process, "identify", lambda pid: launcher_process.Identity(pid, 1, UID))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert launcher_socket.identify_peer(ours) == launcher_process.Identity(os.getpid(), 1, UID)


def test_identify_peer_refuses_other_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher_process, "LAUNCHER_UID", os.getuid() + 1)
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(errors.PermanentError, match="runs as user"):
        launcher_socket.identify_peer(ours)


def test_identify_peer_that_has_ended_and_left_its_socket_to_another(
    directory: pathlib.Path, listener: socket.socket
) -> None:
    # the child connects and ends; the connection lives on in this process, as in an accomplice that waits for the process id to be used again
    ours, theirs = socket.socketpair()
    program = (
        "import socket, sys; c = socket.socket(socket.AF_UNIX); c.connect('libvirt-sock');"
        "s = socket.socket(fileno=int(sys.argv[1])); socket.send_fds(s, [b'x'], [c.fileno()])"
    )
    with ours, theirs:
        subprocess.run([sys.executable, "-c", program, str(theirs.fileno())], pass_fds=[theirs.fileno()], check=True)
        _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
        accepted, _ = listener.accept()
        with accepted, pytest.raises(errors.NotReady, match="is gone"):
            launcher_socket.identify_peer(accepted)
        os.close(descriptors[0])
