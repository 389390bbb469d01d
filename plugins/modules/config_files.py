# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Module config_files: many small files in one task.

In: a mapping of paths to contents. Out: the files, and the paths that changed. Called by: role embedded_cluster, whose configuration is
a dozen files for each node; a task for each of them would cost more time than starting the node.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: config_files
short_description: Write several text files
description:
  - Writes each file whose content or mode differs, through a temporary file beside it, and makes missing directories.
version_added: 0.1.0
author: The playvirt developers (@playvirt)
options:
  files:
    description: Absolute paths and their contents.
    type: dict
    required: true
  mode:
    description: Mode of every file, octal.
    type: str
    default: "0644"
"""

EXAMPLES = r"""
- name: Write two files
  playvirt.core.config_files:
    files:
      /etc/cluster/one.conf: "{{ lookup('ansible.builtin.template', 'one.conf.j2') }}"
      /etc/cluster/two.conf: "{{ lookup('ansible.builtin.template', 'two.conf.j2') }}"
"""

RETURN = r"""
changed_files:
  description: Paths of the files that were written.
  type: list
  elements: str
  returned: always
"""

import pathlib
from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils import module_main
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

ARGUMENT_SPEC: Mapping[str, Any] = {
    "files": {"type": "dict", "required": True},
    "mode": {"type": "str", "default": "0644"},
}


def run(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Write what differs; raises InvalidObject for a path that is not absolute or a mode that is not octal."""
    try:
        mode = int(params["mode"], 8)
    except ValueError as error:
        raise errors.InvalidObject(
            f"mode {params['mode']!r} is not octal: write it like '0644'", field="mode"
        ) from error
    changed: list[str] = []
    diff: list[dict[str, str]] = []
    for name, content in params["files"].items():
        path = pathlib.Path(name)
        if not path.is_absolute():
            raise errors.InvalidObject(f"files: {name!r} is not an absolute path", field="files")
        before = path.read_text(encoding="utf-8") if path.exists() else None
        if before == content and path.stat().st_mode & 0o7777 == mode:
            continue
        changed.append(name)
        diff.append({"before": before or "", "after": content, "before_header": name, "after_header": name})
        if not check_mode:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{path.name}.new")
            temporary.touch(mode=mode)
            temporary.chmod(mode)
            temporary.write_text(content, encoding="utf-8")
            temporary.replace(path)
    return {"changed": bool(changed), "changed_files": changed, "diff": diff}


def main() -> None:
    """Run as Ansible's own process."""
    module_main.run_module(run, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
