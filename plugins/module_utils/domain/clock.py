"""The domain's clock and timers.

In: a VMI's spec. Out: the clock element.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.domain import document

#: the API's name -> libvirt's
_TIMERS = {"rtc": "rtc", "pit": "pit", "hpet": "hpet", "kvm": "kvmclock", "hyperv": "hypervclock"}
#: timers of which nothing is said: Linux and Windows keep time best with them
_UNSAID: Mapping[str, Mapping[str, Any]] = {
    "rtc": {"tickPolicy": "catchup"},
    "pit": {"tickPolicy": "delay"},
    "hpet": {"present": False},
}


def _offset(clock: Mapping[str, Any]) -> dict[str, str | int]:
    """Where the clock starts. With an offset it is the guest's own afterwards, without one it is UTC again at each boot."""
    if clock.get("timezone"):
        return {"offset": "timezone", "timezone": clock["timezone"]}
    seconds = (clock.get("utc") or {}).get("offsetSeconds")
    return {"offset": "utc"} if seconds is None else {"offset": "variable", "adjustment": seconds, "basis": "utc"}


def _timer(name: str, given: Mapping[str, Any]) -> document.Element:
    if given.get("present") is False:
        return document.element("timer", name=_TIMERS[name], present="no")
    return document.element(
        "timer",
        name=_TIMERS[name],
        present="yes" if given.get("present") or name not in _UNSAID or name == "hpet" else None,
        tickpolicy=given.get("tickPolicy"),
        track=given.get("track"),
    )


def convert_clock(spec: Mapping[str, Any]) -> document.Element:
    """The clock and its timers."""
    clock = spec["domain"].get("clock") or {}
    said = {name: given for name, given in (clock.get("timer") or {}).items() if given is not None}
    timers = {**_UNSAID, **said}
    made = [_timer(name, timers[name]) for name in _TIMERS if name in timers]
    return document.group("clock", made, **_offset(clock))
