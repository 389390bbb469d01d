"""The domain's controllers: what buses there are beside PCI.

In: a VMI's spec. Out: controller elements.
"""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.domain import document


def convert_controllers() -> list[document.Element]:
    """USB, SCSI and virtio serial."""
    return [
        document.element("controller", type="usb", index=0, model="none"),
        document.element("controller", type="scsi", index=0, model="virtio-non-transitional"),
        document.element("controller", type="virtio-serial", index=0, model="virtio-non-transitional"),
    ]
