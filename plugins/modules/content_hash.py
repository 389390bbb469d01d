#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Names what is made from files after those files: one hash per set of files.

In: a root directory, sets of paths below it with further values, and optionally the ignore file of a container build. Out: a SHA-256 per
set, which changes exactly when a file's path, content, link target or executable bit changes, or one of the values. Owners and times
do not count, so that every clone gives the same hash. Called by role images, which skips what it has built already.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: content_hash
short_description: Hash sets of files by their content
version_added: 0.1.0
author: The playvirt developers
description:
  - Computes one SHA-256 for each set of files and values.
  - A hash depends on the relative path, content, link target and executable bit of each file, and on the values of the set, and on
    nothing else.
  - Files that an ignore file excludes from a container build do not count.
options:
  root:
    description: The directory that all paths are relative to.
    type: path
    required: true
  sets:
    description:
      - What to hash. The key names a set; its C(paths) is a list of files and directories below I(root), where directories count with
        everything in them; its C(exclude) is a list of patterns, in the format of I(ignore_file), for files that do not count; its C(values) is
        a list of strings that go into the hash.
      - A path that does not exist is an error.
    type: dict
    required: true
  ignore_file:
    description: A file below I(root) in the format of C(.dockerignore); files that it excludes do not count.
    type: str
attributes:
  check_mode:
    description: Reads only.
    support: full
"""

EXAMPLES = r"""
- name: Hash what goes into an image
  playvirt.core.content_hash:
    root: /src/playvirt
    ignore_file: .dockerignore
    sets:
      launcher:
        paths: [images, plugins]
        exclude: [images/guests]
        values: [trixie]
  register: image_hash
"""

RETURN = r"""
hashes:
  description: The hash of each set, 64 hexadecimal digits.
  returned: success
  type: dict
  sample: {"launcher": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}
"""

import fnmatch
import hashlib
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils import module_main
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

ARGUMENT_SPEC: dict[str, Any] = {
    "root": {"type": "path", "required": True},
    "sets": {"type": "dict", "required": True},
    "ignore_file": {"type": "str"},
}


class Ignore:
    """The rules of an ignore file: patterns in order, the last one that matches a path decides; `!` takes a path back in."""

    def __init__(self, lines: Sequence[str]) -> None:
        """Read the rules, one a line; comments and empty lines are skipped."""
        lines = [line.strip() for line in lines]
        self._rules = [(line.lstrip("!").strip("/"), line.startswith("!")) for line in lines if line and line[0] != "#"]

    def excludes(self, path: str) -> bool:
        """Say whether a file, given by its path relative to the root, stays out; a rule for a directory counts for all below it."""
        kept = True
        for pattern, keep in self._rules:
            if any(_matches(name, pattern) for name in _and_parents(path)):
                kept = keep
        return not kept


def _and_parents(path: str) -> Iterator[str]:
    parts = path.split("/")
    return ("/".join(parts[:length]) for length in range(len(parts), 0, -1))


def _matches(path: str, pattern: str) -> bool:
    """Compare name by name, since `*` stays within one; `**/` stands for any number of directories."""
    names, wanted = path.split("/"), pattern.split("/")
    if wanted[0] == "**":
        return any(_matches("/".join(names[start:]), "/".join(wanted[1:])) for start in range(len(names)))
    return len(names) == len(wanted) and all(map(fnmatch.fnmatchcase, names, wanted))


def _files(root: pathlib.Path, path: str) -> Iterator[str]:
    """Yield the files below one path, relative to the root; links are files of their own and not followed."""
    start = root / path
    if start.is_dir() and not start.is_symlink():
        for directory, subdirectories, names in os.walk(start):
            links = [name for name in subdirectories if os.path.islink(os.path.join(directory, name))]
            yield from (os.path.relpath(os.path.join(directory, name), root) for name in (*names, *links))
    elif start.exists() or start.is_symlink():
        yield path
    else:
        raise errors.PermanentError(f"content_hash: {start} does not exist")


def _describe(path: pathlib.Path) -> str:
    if path.is_symlink():
        return f"link {os.readlink(path)}"
    kind = "program" if os.access(path, os.X_OK) else "file"
    return f"{kind} {hashlib.sha256(path.read_bytes()).hexdigest()}"


def find(root: pathlib.Path, *, paths: Sequence[str], ignores: Sequence[Ignore]) -> list[str]:
    """Return the files of one set, relative to the root, in order. Raises PermanentError for a path that does not exist."""
    found = {file for path in paths for file in _files(root, path)}
    return sorted(file for file in found if not any(ignore.excludes(file) for ignore in ignores))


def hash_files(root: pathlib.Path, files: Sequence[str], *, values: Sequence[str]) -> str:
    """Return the hash of files and values, 64 hexadecimal digits."""
    lines = [f"{_describe(root / file)} {file}" for file in files] + [f"value {value}" for value in values]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def run(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Hash every set. Raises PermanentError when a file cannot be read or a set is not of the documented form."""
    root = pathlib.Path(params["root"])
    hashes: dict[str, str] = {}
    try:
        ignored = Ignore((root / params["ignore_file"]).read_text().splitlines() if params.get("ignore_file") else ())
        for name, content in params["sets"].items():
            if not isinstance(content, Mapping) or set(content) - {"paths", "exclude", "values"}:
                raise errors.PermanentError(
                    f"content_hash: sets.{name} takes `paths`, `exclude` and `values`, all lists"
                )
            files = find(
                root, paths=content.get("paths") or (), ignores=(ignored, Ignore(content.get("exclude") or ()))
            )
            hashes[name] = hash_files(root, files, values=[str(value) for value in content.get("values") or ()])
    except OSError as error:
        raise errors.PermanentError(f"content_hash: {error}") from error
    return {"changed": False, "hashes": hashes}


def main() -> None:
    """Run as a module."""
    module_main.run_module(run, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
