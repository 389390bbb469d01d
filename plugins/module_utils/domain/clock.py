"""The domain's clock and timers.

In: a VMI's spec. Out: the clock element.
"""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.domain import document


def convert_clock() -> document.Element:
    """The clock and its timers."""
    return document.element(
        "clock",
        document.element("timer", name="rtc", tickpolicy="catchup"),
        document.element("timer", name="pit", tickpolicy="delay"),
        document.element("timer", name="hpet", present="no"),
        offset="utc",
    )
