"""Subcommand console-log: becomes the shell script beside this file, which is far smaller than Python.

In: the VMI's uid. Out: never returns. Called by __main__.py, as PID 1 of container guest-console-log.
"""

from __future__ import annotations

import os
from typing import NoReturn

from ansible_collections.playvirt.core.images.virt_launcher import paths

SCRIPT = f"{os.path.dirname(os.path.abspath(__file__))}/console-log.sh"


def follow(vmi_uid: str) -> NoReturn:
    """Print the guest's serial console until the launcher of this VMI is gone."""
    os.execv("/bin/bash", ["bash", SCRIPT, paths.alive_lock(vmi_uid), paths.serial_log(vmi_uid)])
