"""Subcommand probe: one question to the guest's agent, for a probe of the kubelet's.

In: the domain's name, the seconds that the guest has, and a command for it, or none for a ping. Out: an exit code, 0 where the guest is well, and on stderr a
sentence where it is not. Called by __main__.py, as a process of its own beside the launcher: a guest that answers nothing, or nonsense, holds up nobody
else, and this process ends by an alarm where libvirtd itself hangs.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

from ansible_collections.playvirt.core.images.virt_launcher import libvirtd, paths
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import connection, guest_agent

FAILED = 1
#: for libvirtd's part
_MARGIN_SECONDS = 3


def run(uri: str, name: str, command: Sequence[str], *, timeout_seconds: int) -> int:
    """Ask; returns the exit code of the command in the guest, 1 where there is no answer that makes sense."""
    try:
        with connection.opened(uri) as opened:
            if not command:
                guest_agent.ping(opened, name, timeout_seconds=timeout_seconds)
                return 0
            code = guest_agent.execute(opened, name, command, timeout_seconds=timeout_seconds)
    except errors.HypervisorError as error:
        print(error, file=sys.stderr)
        return FAILED
    if code != 0:
        print(f"{command[0]} in the guest ended with code {code}", file=sys.stderr)
    return 0 if code == 0 else FAILED


def main(name: str, command: Sequence[str], *, timeout_seconds: float) -> int:
    """Ask the libvirtd of this pod."""
    seconds = max(1, round(timeout_seconds))
    signal.alarm(seconds + _MARGIN_SECONDS)
    return run(libvirtd.uri(paths.LIBVIRT), name, command, timeout_seconds=seconds)
