"""The domain's channels: ports on which agents inside the guest talk to the host.

In: a VMI. Out: channel elements.
"""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.domain import document


def convert_channels() -> list[document.Element]:
    """The QEMU guest agent's."""
    return [
        document.element(
            "channel",
            document.element("source", mode="bind"),
            document.element("target", type="virtio", name="org.qemu.guest_agent.0"),
            type="unix",
        )
    ]
