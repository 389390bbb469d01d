"""The domain's serial console, graphics and guest-agent channel, each on a unix socket in the pod's private directory.

In: a VMI. Out: device elements, and the paths of the sockets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import metadata, names
from ansible_collections.playvirt.core.plugins.module_utils.domain import document


def private_directory(vmi: Mapping[str, Any]) -> str:
    """Where the sockets are, inside the launcher pod."""
    return f"{names.PRIVATE_DIRECTORY}/{metadata.meta(vmi)['uid']}"


def _serial(directory: str) -> list[document.Element]:
    log = document.element("log", file=f"{directory}/virt-serial0-log", append="on")
    source = document.element("source", mode="bind", path=f"{directory}/virt-serial0")
    return [
        document.element("serial", source, log, document.element("target", port=0), type="unix"),
        document.element("console", document.element("target", type="serial", port=0), type="pty"),
    ]


def _graphics(directory: str) -> list[document.Element]:
    listen = document.element("listen", type="socket", socket=f"{directory}/virt-vnc")
    video = document.element("model", type="vga", heads=1, vram=16384)
    return [document.element("graphics", listen, type="vnc"), document.element("video", video)]


def convert_consoles(vmi: Mapping[str, Any]) -> list[document.Element]:
    """The device elements."""
    devices = vmi["spec"]["domain"].get("devices") or {}
    directory = private_directory(vmi)
    agent = document.element(
        "channel",
        document.element("source", mode="bind"),
        document.element("target", type="virtio", name="org.qemu.guest_agent.0"),
        type="unix",
    )
    graphics = devices.get("autoattachGraphicsDevice", True)
    return [
        *(_serial(directory) if devices.get("autoattachSerialConsole", True) else []),
        agent,
        *(_graphics(directory) if graphics else [document.element("video", document.element("model", type="none"))]),
    ]
