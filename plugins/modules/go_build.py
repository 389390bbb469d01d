# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Module go_build: programs from Go modules, built once for each version of their sources.

In: a Go module's directory and what to build. Out: the directory with the binaries. Called by: role embedded_cluster; the work is in
module_utils/cluster/golang.py, and the action twin shows its progress while it builds.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: go_build
short_description: Build programs from a Go module into a cache
description:
  - Builds with C(go build) unless the cache has the result of the same sources, packages, flags and Go version.
  - Run on the controller it shows how far the build is, every 20 seconds.
version_added: 0.1.0
author: The playvirt developers (@playvirt)
options:
  name:
    description: Name of what is built.
    type: str
    required: true
  source:
    description: Directory of the Go module, with go.mod and go.sum.
    type: path
    required: true
  packages:
    description: The packages, as C(go build) takes them; V(tool) means the C(tool) lines of go.mod.
    type: list
    elements: str
    default: [tool]
  flags:
    description: Flags of C(go build).
    type: list
    elements: str
    default: []
  cache:
    description: Directory of the cache.
    type: path
    required: true
  go:
    description: The Go command.
    type: str
    default: go
  niceness:
    description: Niceness of the build.
    type: int
    default: 10
"""

EXAMPLES = r"""
- name: Build the cluster's DNS server
  playvirt.core.go_build:
    name: coredns
    source: "{{ role_path }}/files/go/coredns"
    packages: [.]
    cache: ~/.cache/playvirt/bin
"""

RETURN = r"""
directory:
  description: Directory of the binaries.
  type: str
  returned: always
"""

import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils import module_main
from ansible_collections.playvirt.core.plugins.module_utils.cluster import golang

ARGUMENT_SPEC: Mapping[str, Any] = {
    "name": {"type": "str", "required": True},
    "source": {"type": "path", "required": True},
    "packages": {"type": "list", "elements": "str", "default": ["tool"]},
    "flags": {"type": "list", "elements": "str", "default": []},
    "cache": {"type": "path", "required": True},
    "go": {"type": "str", "default": "go"},
    "niceness": {"type": "int", "default": 10},
}


def silent(line: str) -> None:
    """Show nothing: there is nobody to look while a module runs as its own process."""


def run(params: Mapping[str, Any], *, check_mode: bool, progress: Callable[[str], None] = silent) -> dict[str, Any]:
    """Build unless the cache has it; raises PermanentError without Go, CommandFailed with the compiler's last words."""
    build = golang.Build(
        name=params["name"],
        source=pathlib.Path(params["source"]),
        packages=tuple(params["packages"]),
        flags=tuple(params["flags"]),
        go=params["go"],
        niceness=params["niceness"],
    )
    target = golang.cached(build, pathlib.Path(params["cache"]))
    changed = not target.is_dir()
    if changed and not check_mode:
        progress(f"building {build.name} into {target}")
        golang.compile_into(build, target, progress)
    return {"changed": changed, "directory": str(target)}


def main() -> None:
    """Run as Ansible's own process."""
    module_main.run_module(run, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
