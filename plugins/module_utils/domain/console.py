"""The domain's serial console, on a unix socket in the pod's private directory.

In: a VMI. Out: device elements, and the directory of the sockets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import metadata, names
from ansible_collections.playvirt.core.plugins.module_utils.domain import document


def private_directory(vmi: Mapping[str, Any]) -> str:
    """Where the sockets are, inside the launcher pod."""
    return f"{names.PRIVATE_DIRECTORY}/{metadata.meta(vmi)['uid']}"


def convert_console(vmi: Mapping[str, Any]) -> list[document.Element]:
    """The first serial port, which is the console; what it prints is kept as a log unless logSerialConsole is false."""
    devices = vmi["spec"]["domain"].get("devices") or {}
    if devices.get("autoattachSerialConsole") is False:
        return []
    path = f"{private_directory(vmi)}/virt-serial0"
    log = None if devices.get("logSerialConsole") is False else document.element("log", file=f"{path}-log", append="on")
    source = document.element("source", mode="bind", path=path)
    return [
        document.element("serial", source, log, document.element("target", port=0), type="unix"),
        document.element("console", document.element("target", type="serial", port=0), type="pty"),
    ]
