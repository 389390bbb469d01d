"""The domain's screen: the graphics card, and the server that shows it on a unix socket in the pod's private directory.

In: a VMI. Out: device elements.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.domain import console, document


def convert_graphics(vmi: Mapping[str, Any]) -> list[document.Element]:
    """VNC and a VGA card, or that there is no card."""
    if not (vmi["spec"]["domain"].get("devices") or {}).get("autoattachGraphicsDevice", True):
        return [document.element("video", document.element("model", type="none"))]
    listen = document.element("listen", type="socket", socket=f"{console.private_directory(vmi)}/virt-vnc")
    video = document.element("model", type="vga", heads=1, vram=16384)
    return [document.element("graphics", listen, type="vnc"), document.element("video", video)]
