"""The system calls of launchers with passt: this node's kubelet gets the profile that such pods name.

In: the kubelet's root. Out: the file of names.PASST_SECCOMP_PROFILE below its directory `seccomp`. The profile is passt-seccomp.json beside this file: about
what container runtimes allow by default, and that a process without privileges makes itself a user, mount, process, host name and IPC namespace, in which
passt shuts itself up. A network namespace of its own, with the parts of the kernel that open up in there, is not in it. Called by: node.
"""

from __future__ import annotations

import os
import pathlib

from ansible_collections.playvirt.core.plugins.module_utils.api import names

_SOURCE = pathlib.Path(__file__).with_name("passt-seccomp.json")


def install(kubelet_root: str) -> bool:
    """Put the profile where the kubelet looks; returns whether it was another one. Raises OSError.

    A container is never started with half a file: it gets its name when it is whole.
    """
    target = pathlib.Path(kubelet_root, "seccomp", names.PASST_SECCOMP_PROFILE)
    wanted = _SOURCE.read_bytes()
    if target.exists() and target.read_bytes() == wanted:
        return False
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    unfinished.write_bytes(wanted)
    unfinished.replace(target)
    return True
