"""A run as a process of its own: the command line, the environment and the files of `ansible-playbook` for one job.

In: a `Job` and a directory that only this run has. Out: what to execute. Called by `workers.py`; writes into that directory and nowhere else.

Extra variables are written as YAML whose root is tagged `!unsafe`, so that no string in them is ever a template, whatever it holds; the operator's own
variables as YAML without, whose strings may be templates. Neither is ever on the command line. ansible's own JSON markers (`__ansible_unsafe`,
`__ansible_vault`) mean nothing in YAML: an object that has such keys keeps them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from .job import Job

PLUGINS = str(Path(__file__).parents[1] / "callback_plugins")
CALLBACK = "playvirt_runner"
# `python -m ansible`, with the folder where multiprocessing has its sockets: it would make one itself, which stays where the process is killed.
_ANSIBLE = """import multiprocessing, runpy, sys
vars(multiprocessing.current_process())["_config"]["tempdir"] = sys.argv.pop(1)
runpy.run_module("ansible", run_name="__main__", alter_sys=True)
"""


class _Dumper(yaml.CSafeDumper if hasattr(yaml, "CSafeDumper") else yaml.SafeDumper):  # type: ignore[misc]
    """Writes every container in full: an anchor would be read back, but nobody needs one."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def trusted_yaml(variables: Mapping[str, Any]) -> str:
    """The variables as YAML whose strings ansible-core reads as templates; they have to be JSON's types."""
    plain = json.loads(json.dumps(variables))
    return yaml.dump(plain, Dumper=_Dumper, allow_unicode=False, default_flow_style=False, sort_keys=False)


def untrusted_yaml(variables: Mapping[str, Any]) -> str:
    """The variables as YAML that ansible-core reads as data only."""
    return "!unsafe\n" + trusted_yaml(variables)


def _write(path: Path, text: str) -> str:
    """Write a file that only this user can read; returns the argument that names it."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    return f"@{path}"


def prepare(job: Job, directory: Path) -> list[str]:
    """Write the files of a run and return the arguments for the Python interpreter that has ansible-core."""
    given = _write(directory / "extra_vars.yml", untrusted_yaml(job.extra_vars))
    own = _write(directory / "variables.yml", trusted_yaml(job.variables))
    playbook = Path(job.playbook)
    if job.role:
        playbook = directory / "role.yml"
        play = {"name": job.role, "hosts": "localhost", "gather_facts": job.gather_facts, "roles": [{"role": job.role}]}
        playbook.write_text(json.dumps([play]), encoding="utf-8")
    command = ["-c", _ANSIBLE, str(directory), "playbook", "--extra-vars", given, "--extra-vars", own]
    if "ANSIBLE_INVENTORY" not in os.environ:
        inventory = directory / "hosts"
        inventory.write_text("localhost ansible_connection=local\n", encoding="utf-8")
        command += ["--inventory", str(inventory)]
    if job.verbosity:
        command.append("-" + "v" * job.verbosity)
    return [*command, str(playbook)]


def environment(job: Job, directory: Path) -> dict[str, str]:
    """What the process has in its environment beyond the runner's; its temporary files go with the directory, also where it is ended."""
    plugins = os.environ.get("ANSIBLE_CALLBACK_PLUGINS")
    return {
        "ANSIBLE_LOCAL_TEMP": os.environ.get("ANSIBLE_LOCAL_TEMP") or str(directory),
        **job.environment,
        "ANSIBLE_STDOUT_CALLBACK": CALLBACK,
        "ANSIBLE_CALLBACK_PLUGINS": os.pathsep.join(filter(None, [PLUGINS, plugins])),
    }
