"""The domain's screen: the graphics card, and the servers that show it on unix sockets in the pod's private directory.

In: a VMI. Out: device elements. KubeVirt's API has no field for SPICE; the annotation `playvirt.io/graphics: spice` adds it to VNC.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import metadata, names
from ansible_collections.playvirt.core.plugins.module_utils.domain import console, document, firmware

_VIDEO_KIB = 16384
#: cards without memory of their own
_MEMORYLESS = ("virtio", "ramfb")


def _attached(vmi: Mapping[str, Any]) -> bool:
    return (vmi["spec"]["domain"].get("devices") or {}).get("autoattachGraphicsDevice") is not False


def uses_spice(vmi: Mapping[str, Any]) -> bool:
    """Whether the screen is shown by SPICE, beside VNC."""
    wanted = (metadata.meta(vmi).get("annotations") or {}).get(names.GRAPHICS)
    return _attached(vmi) and wanted == names.SPICE


def _server(vmi: Mapping[str, Any], kind: str) -> document.Element:
    path = f"{console.private_directory(vmi)}/virt-{kind}"
    return document.element("graphics", document.element("listen", type="socket", socket=path), type=kind)


def _card(spec: Mapping[str, Any]) -> document.Element:
    """The card asked for; VGA for BIOS, bochs for UEFI, which needs no VGA."""
    wanted = ((spec["domain"].get("devices") or {}).get("video") or {}).get("type")
    card = wanted or ("bochs" if firmware.uses_efi(spec) else "vga")
    memory = None if card in _MEMORYLESS else _VIDEO_KIB
    return document.element("video", document.element("model", type=card, heads=1, vram=memory))


def convert_graphics(vmi: Mapping[str, Any]) -> list[document.Element]:
    """The servers and the card, or that there is no card."""
    if not _attached(vmi):
        return [document.element("video", document.element("model", type="none"))]
    servers = ["vnc", *(["spice"] if uses_spice(vmi) else [])]
    return [*(_server(vmi, kind) for kind in servers), _card(vmi["spec"])]
