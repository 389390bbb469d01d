"""Where the role or the playbook of a watch lies, by ansible-operator's rules.

In: what a watch list says, the environment, the working directory. Out: what the engine is given: an absolute path, a name of the form
NAMESPACE.COLLECTION.ROLE (ansible-core finds the collection itself), or the bare name where no directory of that name was found, which
ansible-core then looks for along its own path and reports. Called by `watches.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def find_role(role: str, *, environment: Mapping[str, str], directory: Path) -> str:
    """The role as the engine takes it.

    A relative name is looked for in each entry of ANSIBLE_ROLES_PATH, in `roles` below each, then in `roles` of the working directory.
    """
    if role.startswith("/"):
        return role
    if role.count(".") == 2 and "/" not in role:
        return role
    listed = [Path(entry) for entry in environment.get("ANSIBLE_ROLES_PATH", "").split(":") if entry]
    for candidate in [place for entry in listed for place in (entry / role, entry / "roles" / role)] + [
        directory / "roles" / role
    ]:
        if candidate.is_dir():
            return str(candidate.absolute())
    return role


def find_playbook(playbook: str, *, directory: Path) -> str:
    """The absolute path of a playbook, relative to the working directory.

    Raises ValueError where there is no such file.
    """
    path = (directory / playbook).absolute()
    if not path.is_file():
        raise ValueError(f"'playbook: {playbook}': there is no file {path}")
    return str(path)
