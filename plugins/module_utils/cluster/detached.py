# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Processes that outlive the play that started them: start, recognise again, stop.

In: a `Program` (what to run and where) and the directory of records. Out: a running process, and one JSON record for it with process
id, start time and boot id. Those three name one process for ever: a record from before a reboot, or of a process id that has been given
to somebody else since, matches nothing, so a stale record never stops a stranger. Called by: module detached_process.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence

from ansible_collections.playvirt.core.plugins.module_utils import cgroup
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

_JOIN_CGROUPS = 'for procs in $0; do echo $$ > "$procs/cgroup.procs"; done; exec "$@"'
_TERM_SECONDS = 10.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Program:
    """One program to keep running.

    `cgroup`: the cgroup path it runs in. `inside`: name of another record whose network and mount namespaces it enters, or None.
    `watched_files`: a change of their content restarts it, as a change of `argv` or `environment` does.
    """

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    cgroup: str
    inside: str | None
    watched_files: tuple[str, ...]
    log: str

    def fingerprint(self) -> str:
        """Return a digest of all that the running process was started from."""
        digest = hashlib.sha256(
            json.dumps([self.argv, dict(self.environment), self.cgroup, self.inside], sort_keys=True).encode()
        )
        for path in self.watched_files:
            digest.update(pathlib.Path(path).read_bytes())
        return digest.hexdigest()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record:
    """What is remembered of a started process."""

    pid: int
    start_ticks: int
    boot_id: str
    fingerprint: str

    def is_alive(self, proc: pathlib.Path = pathlib.Path("/proc")) -> bool:
        """Return whether this very process still runs (a zombie does not)."""
        return boot_id(proc) == self.boot_id and start_ticks(self.pid, proc) == self.start_ticks


def boot_id(proc: pathlib.Path = pathlib.Path("/proc")) -> str:
    """Return the id of this boot of the kernel."""
    return (proc / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def start_ticks(pid: int, proc: pathlib.Path = pathlib.Path("/proc")) -> int | None:
    """Return when process `pid` started, in clock ticks since boot; None when there is none or it is a zombie."""
    try:
        text = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text[text.rindex(")") + 1 :].split()
    return None if fields[0] in ("Z", "X") else int(fields[19])


@contextlib.contextmanager
def locked(directory: pathlib.Path) -> Iterator[None]:
    """Hold the directory of records, made when it is missing: two starts at a time would start everything twice."""
    directory.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def read_record(directory: pathlib.Path, name: str) -> Record | None:
    """Return the record called `name`, or None when there is none that can be understood."""
    try:
        return Record(**json.loads((directory / f"{name}.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def start(directory: pathlib.Path, program: Program, layout: cgroup.Layout) -> Record:
    """Start `program` detached from this process and write its record.

    Raises NotReady when the process whose namespaces it enters does not run, CommandFailed when it cannot be started.
    """
    argv = [*joining(layout, program.cgroup), *_enter(directory, program), *program.argv]
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        **program.environment,
    }
    pathlib.Path(program.log).parent.mkdir(parents=True, exist_ok=True)
    with open(program.log, "ab") as log:
        child = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd="/", start_new_session=True
        )
    ticks = start_ticks(child.pid)
    if ticks is None:
        raise errors.CommandFailed(f"{program.name} ended at once:\n{last_lines(program.log)}", returncode=child.poll())
    child.returncode = 0  # it is meant to outlive this process: nobody waits for it
    record = Record(pid=child.pid, start_ticks=ticks, boot_id=boot_id(), fingerprint=program.fingerprint())
    temporary = directory / f".{program.name}.json"
    temporary.write_text(json.dumps(dataclasses.asdict(record)), encoding="utf-8")
    temporary.replace(directory / f"{program.name}.json")
    return record


def stop(directory: pathlib.Path, name: str) -> bool:
    """End the process of record `name` (SIGTERM, after ten seconds SIGKILL) and remove the record; returns whether it ran."""
    record = read_record(directory, name)
    was_alive = record is not None and record.is_alive()
    if record is not None and was_alive:
        deadline = time.monotonic() + _TERM_SECONDS
        _signal(record, signal.SIGTERM)
        while record.is_alive():
            if time.monotonic() > deadline:
                _signal(record, signal.SIGKILL)
            time.sleep(0.02)
    (directory / f"{name}.json").unlink(missing_ok=True)
    return was_alive


def last_lines(path: str, count: int = 10) -> str:
    """Return the last lines of a log for an error message."""
    with open(path, encoding="utf-8", errors="replace") as log:
        return "".join(log.readlines()[-count:])


def joining(layout: cgroup.Layout, path: str) -> Sequence[str]:
    """Return what comes before a command so that it runs in cgroup `path`, under the same process id."""
    if layout.driver == "systemd":
        return ["systemd-run", "--scope", "--quiet", "--collect", f"--slice={cgroup.slice_name(path)}", "--"]
    return ["/bin/sh", "-c", _JOIN_CGROUPS, " ".join(layout.directories(path))]


def _signal(record: Record, number: int) -> None:
    try:
        os.kill(record.pid, number)
    except ProcessLookupError:
        return


def _enter(directory: pathlib.Path, program: Program) -> Sequence[str]:
    if program.inside is None:
        return []
    holder = read_record(directory, program.inside)
    if holder is None or not holder.is_alive():
        raise errors.NotReady(
            f"{program.name} runs in the namespaces of {program.inside}, which does not run: start {program.inside} first"
        )
    return ["nsenter", f"--target={holder.pid}", "--mount", "--net", "--"]
