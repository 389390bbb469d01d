"""libvirt's events as plain events, against libvirt's test driver and libvirt's constants."""

from __future__ import annotations

import queue

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import bindings, connection, domain, events

WAIT_SECONDS = 60


def test_subscribe_tells_a_domains_life(conn: connection.Connection, domain_name: str, domain_xml: str) -> None:
    seen: queue.Queue[events.LifecycleEvent] = queue.Queue()
    # the driver is one for all tests of this process: the end of another's domain may still be told
    events.subscribe(conn, lambda event: seen.put(event) if event.domain_name == domain_name else None)
    domain.define(conn, domain_xml)
    domain.create(conn, domain_name)
    domain.suspend(conn, domain_name)
    domain.resume(conn, domain_name)
    domain.destroy(conn, domain_name)
    domain.undefine(conn, domain_name)
    life = [seen.get(timeout=WAIT_SECONDS) for _ in range(6)]
    assert [event.event for event in life] == ["defined", "started", "suspended", "resumed", "stopped", "undefined"]
    assert {event.domain_name for event in life} == {domain_name}
    assert [event.reason for event in life] == ["", "", "", "", "destroyed", ""]


@pytest.mark.parametrize("number", range(len(events.LIFECYCLE)))
def test_lifecycle_words_are_libvirts_numbers(number: int) -> None:
    assert getattr(bindings.library(), f"VIR_DOMAIN_EVENT_{events.LIFECYCLE[number].upper()}") == number


@pytest.mark.parametrize("reason", ["shutdown", "destroyed", "crashed", "migrated", "saved", "failed", "from_snapshot"])
def test_stopped_reasons_are_reasons_of_shutoff(reason: str) -> None:
    libvirt = bindings.library()
    detail = getattr(libvirt, f"VIR_DOMAIN_EVENT_STOPPED_{reason.upper()}")
    event = events.lifecycle_event("vm", libvirt.VIR_DOMAIN_EVENT_STOPPED, detail)
    assert event == events.LifecycleEvent(domain_name="vm", event="stopped", reason=reason)
    assert reason in domain.REASONS["shutoff"]


def test_lifecycle_event_of_a_newer_libvirt() -> None:
    assert events.lifecycle_event("vm", 77, 0) == events.LifecycleEvent(domain_name="vm", event="77")
    assert events.lifecycle_event("vm", 5, 77).reason == "unknown"
