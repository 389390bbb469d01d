"""Our modules in real plays of ansible-playbook: in the play's process, and as a process of their own, with the same outcome."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import pytest
import yaml

pytest.importorskip("libvirt")
pytestmark = pytest.mark.integration

SECRET = "correct horse battery staple"
TASKS: list[dict[str, Any]] = [
    {
        "name": "Turn off the domain that libvirt's test driver always has",
        "playvirt.core.libvirt_domain": {"uri": "test:///default", "name": "test", "state": "destroyed"},
    },
    {
        "name": "Say what would be done",
        "playvirt.core.libvirt_domain": {
            "uri": "test:///default",
            "name": "new",
            "state": "running",
            "xml": "{{ text }}",
        },
        "check_mode": True,
        "diff": True,
    },
    {
        "name": "Ask a launcher where no runner is",
        "playvirt.core.launcher_command": {
            "pod_uid": "5a0b5b4e-6a5c-4f6b-9d53-0a7f0c1d2e3f",
            "command": "make_cloud_init",
            "secret_arguments": {"files": {"user-data": "{{ secret }}"}},
        },
    },
    {
        "name": "Leave out what is needed",
        "playvirt.core.libvirt_domain": {"name": "test"},
    },
]


def play(tmp_path: pathlib.Path, *, as_process: bool) -> tuple[list[dict[str, Any]], str]:
    """Run TASKS; returns their results and all that ansible-playbook wrote. A task environment makes a module a process."""
    # a runner's socket in the environment of the process that plays must not decide where this test goes
    nowhere = {"PLAYVIRT_RUNNER_SOCKET": "/nonexistent/runner.sock"}
    tasks = [
        {
            **task,
            "register": f"result{index}",
            "ignore_errors": True,
            **({"environment": nowhere} if as_process else {}),
        }
        for index, task in enumerate(TASKS)
    ]
    results = "{{ [" + ", ".join(f"result{index}" for index in range(len(tasks))) + "] | to_json }}"
    out = tmp_path / "results.json"
    tasks.append(
        {"name": "Keep the results", "ansible.builtin.copy": {"content": results, "dest": str(out), "mode": "0600"}}
    )
    playbook = tmp_path / "play.yml"
    # data as a runner gives it: text of a user's object, which is no template
    text = {"__ansible_unsafe": "<domain type='test'>{{ lookup('pipe', 'echo injected') }}</domain>"}
    variables = tmp_path / "variables.json"
    variables.write_text(json.dumps({"text": text, "secret": SECRET}))
    playbook.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    root = next(entry for entry in sys.path if os.path.isdir(f"{entry}/ansible_collections/playvirt/core"))
    environment = {
        **os.environ,
        **nowhere,
        "ANSIBLE_COLLECTIONS_PATH": root,
        "ANSIBLE_LOCAL_TEMP": str(tmp_path / "local"),
        "ANSIBLE_REMOTE_TEMP": str(tmp_path / "remote"),
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
    }
    program = str(pathlib.Path(sys.executable).parent / "ansible-playbook")
    command = [program, "-vvv", "-i", "localhost,", "-c", "local", "-e", f"@{variables}", str(playbook)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=400, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return json.loads(out.read_text()), ended.stdout + ended.stderr


@pytest.mark.parametrize("as_process", [False, True])
def test_modules_in_a_play(tmp_path: pathlib.Path, as_process: bool) -> None:
    (destroyed, foreseen, unreachable, refused), text = play(tmp_path, as_process=as_process)
    assert (destroyed["changed"], destroyed["actions"]) == (True, ["destroy"])
    assert destroyed["domain"] == {"name": "test", "state": "shutoff", "reason": "destroyed"}
    assert foreseen["actions"] == ["define", "create"]
    assert "{{ lookup('pipe', 'echo injected') }}" in foreseen["diff"]["after"]
    assert unreachable["failed"]
    assert unreachable["error"] == {"type": "TransientError", "transient": True}
    assert "no runner is listening on /nonexistent/runner.sock" in unreachable["msg"]
    assert refused["failed"]
    assert "one of the following is required: uri, pid" in refused["msg"]
    assert SECRET not in text
    assert ("AnsiballZ_libvirt_domain.py" in text) == as_process
