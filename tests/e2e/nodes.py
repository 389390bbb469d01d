"""A node of the embedded cluster seen from outside: its processes, its pods' directories and network namespaces.

In: the process id of the node's first process, its directory in the state. Out: facts that no API tells, such as whether QEMU is really gone.
Nodes have the process ids of the machine they run on. Called by the stories about what is left behind, and about processes that are killed.
"""

from __future__ import annotations

import os
import pathlib
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

_PROC = pathlib.Path("/proc")
#: a pod's processes by the names that the stories use; a process is known by its command line
PROGRAMS = {
    "qemu": re.compile(r"^\S*qemu-system-\S+ .*-name guest="),
    "libvirtd": re.compile(r"^\S*libvirtd\b"),
    "launcher": re.compile(r"python3? .*virt_launcher run "),
    "runner": re.compile(r"python3? .*images\.runner "),
}


@dataclass(frozen=True)
class Process:
    """A process that runs: `command` is its command line joined by spaces."""

    pid: int
    command: str

    def kill(self) -> None:
        """kill -9, where it still runs."""
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def age_key(self) -> tuple[int, int]:
        """Sorts processes by when they were started, those that have ended last; numbers of processes begin anew again and again."""
        try:
            told = (_PROC / str(self.pid) / "stat").read_text()
        except OSError:
            return sys.maxsize, self.pid
        return int(told.rpartition(")")[2].split()[19]), self.pid

    def network_namespace(self) -> int:
        """The inode number of its network namespace."""
        return os.stat(_PROC / str(self.pid) / "ns/net").st_ino


def _command(pid: str) -> str:
    """The command line of a process; empty for a process that has ended, or a kernel's."""
    try:
        return (_PROC / pid / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def processes() -> Iterator[Process]:
    """Every process of this machine."""
    for entry in os.listdir(_PROC):
        if entry.isdigit() and (command := _command(entry)):
            yield Process(int(entry), command)


def all_pod_processes(pod_uid: str) -> list[Process]:
    """Every process of a pod, in whatever container, the oldest first."""
    found = []
    for process in processes():
        try:
            groups = (_PROC / str(process.pid) / "cgroup").read_text()
        except OSError:
            continue
        if f"pod{pod_uid}" in groups.replace("_", "-"):
            found.append(process)
    return sorted(found, key=Process.age_key)


def pod_processes(pod_uid: str, program: str) -> list[Process]:
    """The processes of a pod that run one of PROGRAMS, the oldest first."""
    return [process for process in all_pod_processes(pod_uid) if PROGRAMS[program].search(process.command)]


def qemus(namespace: str, name: str) -> list[Process]:
    """The QEMU processes of a virtual machine, of whatever instance and pod."""
    mark = f"-name guest={namespace}_{name},"
    return [process for process in processes() if mark in process.command and PROGRAMS["qemu"].search(process.command)]


@dataclass(frozen=True)
class Node:
    """`pid` is a process in the node's network and mount namespace; `directory` holds what is private to the node."""

    name: str
    pid: int
    directory: pathlib.Path

    def run(self, *argv: str) -> str:
        """What a program prints in the node's namespaces."""
        argv = ("nsenter", f"--target={self.pid}", "--mount", "--net", "--", *argv)
        return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=30).stdout

    def pod_directory(self, pod_uid: str) -> pathlib.Path:
        """Where the kubelet keeps what belongs to a pod, its emptyDirs among them."""
        return self.directory / "var/lib/kubelet/pods" / pod_uid

    def network_namespaces(self) -> set[int]:
        """The inode numbers of the network namespaces that the node's CNI keeps."""
        found = self.run("sh", "-c", "stat --format=%i /run/netns/* 2>/dev/null || true")
        return {int(line) for line in found.split()}
