"""The domain's features: switches of the hardware, and interfaces of other hypervisors that it shows.

In: a VMI's spec. Out: the features element. What works with KVM only is refused by admission where guests are emulated.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.domain import document, switches

#: room for translated guest code under emulation; more does not make a guest faster, it only makes the launcher larger
TRANSLATION_CACHE_MIB = 64
#: the API's name -> libvirt's, in libvirt's order
_HYPERV = {
    "relaxed": "relaxed",
    "vapic": "vapic",
    "spinlocks": "spinlocks",
    "vpindex": "vpindex",
    "runtime": "runtime",
    "synic": "synic",
    "synictimer": "stimer",
    "reset": "reset",
    "vendorid": "vendor_id",
    "frequencies": "frequencies",
    "reenlightenment": "reenlightenment",
    "tlbflush": "tlbflush",
    "ipi": "ipi",
    "evmcs": "evmcs",
}
#: what one of them says beside being on: the API's field -> libvirt's attribute, or libvirt's element with a state of its own
_HYPERV_VALUES = {"spinlocks": {"spinlocks": "retries"}, "vendorid": {"vendorid": "value"}}
_HYPERV_PARTS = {"synictimer": ("direct",), "tlbflush": ("direct", "extended")}


def _hyperv_feature(name: str, given: Mapping[str, Any]) -> document.Element:
    parent = {name: given}
    on = bool(switches.state(parent, name))
    values = _HYPERV_VALUES.get(name, {}) if on else {}
    parts = [
        document.element(part, state=switches.word(bool(switches.state(given, part))))
        for part in (_HYPERV_PARTS.get(name, ()) if on else ())
        if given.get(part) is not None
    ]
    told = {attribute: given[field] for field, attribute in values.items() if given.get(field)}
    return document.element(_HYPERV[name], *parts, state=switches.word(on), **told)


def _hyperv(features: Mapping[str, Any]) -> document.Element | None:
    if (features.get("hypervPassthrough") or {}).get("enabled"):
        return document.element("hyperv", mode="passthrough")
    given = features.get("hyperv") or {}
    made = [_hyperv_feature(name, given[name]) for name in _HYPERV if given.get(name) is not None]
    return document.group("hyperv", made, mode="custom") if made else None


def _kvm(features: Mapping[str, Any]) -> document.Element | None:
    if not (features.get("kvm") or {}).get("hidden"):
        return None
    return document.element("kvm", document.element("hidden", state="on"))


def _switch(features: Mapping[str, Any], name: str) -> document.Element | None:
    on = switches.state(features, name)
    return None if on is None else document.element(name, state=switches.word(on))


def convert_features(spec: Mapping[str, Any], *, emulation: bool) -> document.Element:
    """The features; under emulation the size of the emulator's cache, too."""
    features = spec["domain"].get("features") or {}
    tcg = None
    if emulation:
        tcg = document.element("tcg", document.element("tb-cache", str(TRANSLATION_CACHE_MIB), unit="MiB"))
    end_of_interrupt = (features.get("apic") or {}).get("endOfInterrupt")
    return document.element(
        "features",
        document.element("acpi") if switches.state(features, "acpi", default=True) else None,
        document.element("apic", eoi="on" if end_of_interrupt else None),
        _hyperv(features),
        _kvm(features),
        _switch(features, "pvspinlock"),
        _switch(features, "smm"),
        tcg,
    )
