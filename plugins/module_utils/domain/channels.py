"""The domain's channels: ports on which agents inside the guest talk to the host.

In: a VMI. Out: channel elements.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.domain import document, graphics


def convert_channels(vmi: Mapping[str, Any]) -> list[document.Element]:
    """The QEMU guest agent's; and SPICE's agent's, where the screen is shown by SPICE."""
    guest_agent = document.element(
        "channel",
        document.element("source", mode="bind"),
        document.element("target", type="virtio", name="org.qemu.guest_agent.0"),
        type="unix",
    )
    if not graphics.uses_spice(vmi):
        return [guest_agent]
    spice = document.element("target", type="virtio", name="com.redhat.spice.0")
    return [guest_agent, document.element("channel", spice, type="spicevmc")]
