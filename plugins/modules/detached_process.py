# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Module detached_process: programs that go on running when the play has ended.

In: a list of programs and the directory of their records. Out: the names that were started, restarted or stopped. Called by: role
embedded_cluster; the work is in module_utils/cluster.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: detached_process
short_description: Keep programs running after the play
description:
  - Starts programs in a cgroup, and if wanted in the namespaces of another one, detached from the play, and waits until they are ready.
  - A program that runs already is left alone, unless its command, its environment or a watched file has changed.
version_added: 0.1.0
author: The playvirt developers (@playvirt)
options:
  directory:
    description: Where the records of started processes are kept.
    type: path
    required: true
  state:
    description: Whether the programs run.
    type: str
    choices: [started, stopped]
    default: started
  programs:
    description: The programs, in the order of their start; the next one starts when the one before is ready.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the record.
        type: str
        required: true
      argv:
        description: Command and arguments; needed for O(state=started).
        type: list
        elements: str
        default: []
      environment:
        description: Environment variables beside PATH and HOME.
        type: dict
        default: {}
      cgroup:
        description: Path of the cgroup to run in, made when it is missing.
        type: str
        default: /
      inside:
        description: Name of the record whose network and mount namespaces the program enters.
        type: str
      watched_files:
        description: Files whose change restarts the program.
        type: list
        elements: path
        default: []
      log:
        description: File that gets standard output and standard error, appended.
        type: path
        default: /dev/null
      ready:
        description: What tells that the program can be used; without it the program only has to be started.
        type: dict
        suboptions:
          url:
            description: A URL that answers 200.
            type: str
          unix_socket:
            description: A socket that accepts connections.
            type: path
          authority:
            description: File with the certificate authority of the URL.
            type: path
          certificate:
            description: File with the client certificate.
            type: path
          key:
            description: File with the client certificate's key.
            type: path
          seconds:
            description: How long to wait.
            type: float
            default: 60
"""

EXAMPLES = r"""
- name: Start etcd
  playvirt.core.detached_process:
    directory: /var/lib/cluster/run
    programs:
      - name: etcd
        argv: [/usr/bin/etcd, --data-dir, /var/lib/cluster/etcd]
        cgroup: /cluster/control-plane
        log: /var/log/cluster/etcd.log
        ready:
          url: http://127.0.0.1:2379/health
"""

RETURN = r"""
started:
  description: Names of the programs that were started or restarted.
  type: list
  elements: str
  returned: always
stopped:
  description: Names of the programs that were ended.
  type: list
  elements: str
  returned: always
pids:
  description: The process id of each running program by its name.
  type: dict
  returned: always
"""

import pathlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils import module_main
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.cluster import cgroup_tree, detached, readiness

_READY_OPTIONS = {
    "url": {"type": "str"},
    "unix_socket": {"type": "path"},
    "authority": {"type": "path"},
    "certificate": {"type": "path"},
    "key": {"type": "path", "no_log": False},
    "seconds": {"type": "float", "default": 60},
}
_PROGRAM_OPTIONS = {
    "name": {"type": "str", "required": True},
    "argv": {"type": "list", "elements": "str", "default": []},
    "environment": {"type": "dict", "default": {}},
    "cgroup": {"type": "str", "default": "/"},
    "inside": {"type": "str"},
    "watched_files": {"type": "list", "elements": "path", "default": []},
    "log": {"type": "path", "default": "/dev/null"},
    "ready": {
        "type": "dict",
        "options": _READY_OPTIONS,
        "mutually_exclusive": [("url", "unix_socket")],
        "required_one_of": [("url", "unix_socket")],
    },
}
ARGUMENT_SPEC: Mapping[str, Any] = {
    "directory": {"type": "path", "required": True},
    "state": {"type": "str", "choices": ["started", "stopped"], "default": "started"},
    "programs": {"type": "list", "elements": "dict", "required": True, "options": _PROGRAM_OPTIONS},
}


def run(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Start or stop the programs; raises CommandFailed when one ends while it is waited for, NotReady when it takes too long."""
    directory = pathlib.Path(params["directory"])
    if check_mode:
        return _predict(directory, params["programs"], state=params["state"])
    with detached.locked(directory):
        if params["state"] == "stopped":
            return _answer(
                stopped=[wanted["name"] for wanted in params["programs"] if detached.stop(directory, wanted["name"])]
            )
        return _start(directory, params["programs"])


def _predict(directory: pathlib.Path, programs: Sequence[Mapping[str, Any]], *, state: str) -> dict[str, Any]:
    records = {wanted["name"]: detached.read_record(directory, wanted["name"]) for wanted in programs}
    alive = {name: record for name, record in records.items() if record is not None and record.is_alive()}
    if state == "stopped":
        return _answer(stopped=list(alive))
    fingerprints = {wanted["name"]: _program(wanted).fingerprint() for wanted in programs}
    same = {name for name, record in alive.items() if record.fingerprint == fingerprints[name]}
    return _answer(
        started=[name for name in records if name not in same],
        stopped=[name for name in alive if name not in same],
        pids={name: record.pid for name, record in alive.items() if name in same},
    )


def _start(directory: pathlib.Path, programs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    started: list[str] = []
    stopped: list[str] = []
    pids: dict[str, int] = {}
    layout = cgroup_tree.read_layout()
    for wanted in programs:
        program = _program(wanted)
        record = detached.read_record(directory, program.name)
        if record is None or not record.is_alive() or record.fingerprint != program.fingerprint():
            if detached.stop(directory, program.name):
                stopped.append(program.name)
            cgroup_tree.create(layout, program.cgroup)
            record = detached.start(directory, program, layout)
            started.append(program.name)
        pids[program.name] = record.pid
        _wait(directory, wanted)
    return _answer(started=started, stopped=stopped, pids=pids)


def _answer(
    *, started: Sequence[str] = (), stopped: Sequence[str] = (), pids: Mapping[str, int] | None = None
) -> dict[str, Any]:
    return {
        "changed": bool(started or stopped),
        "started": list(started),
        "stopped": list(stopped),
        "pids": dict(pids or {}),
    }


def _program(wanted: Mapping[str, Any]) -> detached.Program:
    return detached.Program(
        name=wanted["name"],
        argv=tuple(wanted["argv"]),
        environment={name: str(value) for name, value in wanted["environment"].items()},
        cgroup=wanted["cgroup"],
        inside=wanted["inside"],
        watched_files=tuple(wanted["watched_files"]),
        log=wanted["log"],
    )


def _wait(directory: pathlib.Path, wanted: Mapping[str, Any]) -> None:
    if wanted["ready"] is None:
        return
    probe = readiness.Probe(**wanted["ready"])
    deadline = time.monotonic() + probe.seconds
    while seen := probe.check():
        record = detached.read_record(directory, wanted["name"])
        if record is None or not record.is_alive():
            raise errors.CommandFailed(
                f"{wanted['name']} ended while it started; the end of {wanted['log']}:\n{detached.last_lines(wanted['log'])}",
                returncode=None,
            )
        if time.monotonic() > deadline:
            raise errors.NotReady(
                f"{wanted['name']} is not ready after {probe.seconds:g} s ({seen}); its log is {wanted['log']}"
            )
        time.sleep(0.1)


def main() -> None:
    """Run as Ansible's own process."""
    module_main.run_module(run, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
