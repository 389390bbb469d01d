"""libvirtd's configuration, environment and socket, in a temporary directory."""

from __future__ import annotations

import os
import pathlib
import socket
import stat

import pytest
from ansible_collections.playvirt.core.images.virt_launcher import libvirtd


def test_prepare_keeps_everything_under_the_directory(tmp_path: pathlib.Path) -> None:
    env = libvirtd.prepare(str(tmp_path), {"PATH": "/bin", "LIBVIRT_DRIVER_DIR": "/drivers", "SECRET": "x"})
    assert env == {
        "PATH": "/bin",
        "LANG": "C.UTF-8",
        "HOME": f"{tmp_path}/home",
        "XDG_CONFIG_HOME": f"{tmp_path}/config",
        "XDG_DATA_HOME": f"{tmp_path}/data",
        "XDG_CACHE_HOME": f"{tmp_path}/cache",
        "XDG_RUNTIME_DIR": f"{tmp_path}/runtime",
        "LIBVIRT_DRIVER_DIR": "/drivers",
    }
    for name in ("config", "data", "cache", "runtime"):
        assert (tmp_path / name / "libvirt").is_dir()
    for file in ("libvirtd.conf", "qemu.conf"):
        assert (tmp_path / "config/libvirt" / file).stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "drivers").exists()


def test_prepare_again_is_harmless_and_gives_another_host_uuid(tmp_path: pathlib.Path) -> None:
    configuration = tmp_path / "config/libvirt/libvirtd.conf"
    libvirtd.prepare(str(tmp_path), {})
    first = configuration.read_text()
    libvirtd.prepare(str(tmp_path), {})
    assert first != configuration.read_text()
    assert [line for line in first.splitlines() if not line.startswith("host_uuid")] == [
        line for line in configuration.read_text().splitlines() if not line.startswith("host_uuid")
    ]


def test_prepare_without_a_driver_directory_makes_one(tmp_path: pathlib.Path) -> None:
    assert libvirtd.prepare(str(tmp_path), {})["LIBVIRT_DRIVER_DIR"] == f"{tmp_path}/drivers"
    assert (tmp_path / "drivers").is_dir()


def test_libvirtd_conf_names_socket_directory_and_uuid() -> None:
    lines = libvirtd.libvirtd_conf("/var/run/libvirt", "0000-1").splitlines()
    assert 'unix_sock_dir = "/var/run/libvirt"' in lines
    assert 'host_uuid = "0000-1"' in lines
    assert 'auth_unix_rw = "none"' in lines


HUGE = "nodev /dev/hugepages hugetlbfs rw,relatime,pagesize=2M 0 0"


@pytest.mark.parametrize(
    ("mounts", "expected"),
    [
        (f"proc /proc proc rw 0 0\n{HUGE}\n", True),
        ("proc /proc proc rw 0 0\n", False),
        (HUGE.replace("/dev/hugepages", "/mnt"), False),
        (HUGE.replace("hugetlbfs", "tmpfs"), False),
    ],
)
def test_huge_pages_are_used_where_the_pod_has_them(mounts: str, expected: bool) -> None:
    assert ('hugetlbfs_mount = "/dev/hugepages"' in libvirtd.qemu_conf(mounts).splitlines()) is expected


@pytest.mark.parametrize(
    "setting", ['security_driver = "none"', "namespaces = []", "cgroup_controllers = []", 'stdio_handler = "file"']
)
def test_qemu_conf_needs_no_privilege(setting: str) -> None:
    assert setting in libvirtd.QEMU_CONF.splitlines()


CACHED = """\
<qemuCaps>
  <flag name='cpu-max'/>
  <flag name='cpu-unavailable-features'/>
  <flag name='vnc'/>
</qemuCaps>
"""


@pytest.mark.parametrize(
    ("emulation", "copied"),
    [(False, CACHED), (True, CACHED.replace("  <flag name='cpu-unavailable-features'/>\n", ""))],
)
def test_copy_capability_cache(tmp_path: pathlib.Path, emulation: bool, copied: str) -> None:
    source = tmp_path / "node/qemu"
    source.mkdir(parents=True)
    (source / "abc.xml").write_text(CACHED)
    (source / "other.txt").write_text("x")
    (source / "link.xml").symlink_to("/etc/passwd")
    assert libvirtd.copy_capability_cache(str(source), str(tmp_path), emulation=emulation) == 1
    copies = list((tmp_path / "cache" / libvirtd.CAPABILITY_CACHE).iterdir())
    assert [(copy.name, copy.read_text()) for copy in copies] == [("abc.xml", copied)]


def test_copy_capability_cache_that_is_not_there(tmp_path: pathlib.Path) -> None:
    assert libvirtd.copy_capability_cache(str(tmp_path / "nothing"), str(tmp_path), emulation=True) == 0


def test_copy_capability_cache_that_cannot_be_read(tmp_path: pathlib.Path) -> None:
    (tmp_path / "abc.xml").write_bytes(b"<qemuCaps>\xff</qemuCaps>")
    assert libvirtd.copy_capability_cache(str(tmp_path), str(tmp_path), emulation=True) == 0


def test_listen_takes_clients_before_there_is_a_server_and_replaces_an_old_socket(tmp_path: pathlib.Path) -> None:
    libvirtd.listen(str(tmp_path)).close()
    with libvirtd.listen(str(tmp_path)), socket.socket(socket.AF_UNIX) as client:
        path = tmp_path / libvirtd.SOCKET_NAME
        client.connect(str(path))
        assert stat.S_ISSOCK(path.stat().st_mode)
        assert path.stat().st_mode & 0o777 == 0o700


def test_spawn_hands_over_socket_and_process_id(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "libvirtd"
    program.write_text(
        '#!/bin/sh\necho "$LISTEN_PID $$ $LISTEN_FDS $LISTEN_FDNAMES $*" > "$HOME/started"\nls -l /proc/$$/fd/3 >> "$HOME/started"\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr(libvirtd, "PROGRAM", str(program))
    env = libvirtd.prepare(str(tmp_path), dict(os.environ))
    with libvirtd.listen(str(tmp_path)) as listener:
        pid = libvirtd.spawn(listener, env)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    told, descriptor = (tmp_path / "home/started").read_text().splitlines()
    assert told == f"{pid} {pid} 1 libvirtd.socket -f {tmp_path}/config/libvirt/libvirtd.conf"
    assert "socket:" in descriptor


def test_uri() -> None:
    assert libvirtd.uri("/var/run/libvirt") == "qemu+unix:///session?socket=/var/run/libvirt/libvirt-sock"
