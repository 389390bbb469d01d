"""Rules for the guest's clock: one way to say where it starts, and a zone that exists.

A zone that libvirt does not know would leave the guest in UTC without a word. The zones are those of this machine's time-zone database; without one,
none can be judged and all pass.
"""

from __future__ import annotations

import functools
import zoneinfo
from collections.abc import Iterator

from ansible_collections.playvirt.core.plugins.module_utils.admission import subject, tree
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import Cause


@functools.cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def _offset(it: subject.Subject) -> Iterator[Cause]:
    clock, field = tree.section(it.domain, "clock"), it.at("domain", "clock")
    zone, zones = tree.text(clock, "timezone"), _zones()
    if zone and tree.has(clock, "utc"):
        yield Cause(field, f"{field} has both utc and timezone configured, but they are mutually exclusive.")
    if zone and zones and zone not in zones:
        place = tree.path(field, "timezone")
        yield Cause(place, f"{place} '{zone}' is no time zone; use a name such as Europe/Vienna or America/New_York")


RULES: tuple[subject.Rule, ...] = (_offset,)
