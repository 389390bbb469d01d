"""The domain's features: switches of the hardware.

In: a VMI's spec. Out: the features element.
"""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.domain import document

#: room for translated guest code under emulation; more does not make a guest faster, it only makes the launcher larger
TRANSLATION_CACHE_MIB = 64


def convert_features(*, emulation: bool) -> document.Element:
    """The features; under emulation the size of the emulator's cache, too."""
    tcg = None
    if emulation:
        tcg = document.element("tcg", document.element("tb-cache", str(TRANSLATION_CACHE_MIB), unit="MiB"))
    return document.element("features", document.element("acpi"), document.element("apic"), tcg)
