"""libvirt's callbacks as plain, frozen events.

In: a connection (opened after connection.start_event_loop) and a function that takes an event. Out: calls of that function, in the
event loop's thread, so it has to hand over at once (`loop.call_soon_threadsafe`). Called by virt-launcher.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import bindings, connection

LIFECYCLE: tuple[str, ...] = (
    "defined",
    "undefined",
    "started",
    "suspended",
    "resumed",
    "stopped",
    "shutdown",
    "pmsuspended",
    "crashed",
)
"""virDomainEventType as words, in the order of libvirt's numbers."""

_STOPPED: tuple[str, ...] = ("shutdown", "destroyed", "crashed", "migrated", "saved", "failed", "from_snapshot")


@dataclass(frozen=True, kw_only=True)
class LifecycleEvent:
    """What happened (`event`, a word of LIFECYCLE) to `domain_name`.

    `reason` is for `stopped` the word that domain.REASONS["shutoff"] has for it, else empty.
    """

    domain_name: str
    event: str
    reason: str = ""


def lifecycle_event(domain_name: str, event: int, detail: int) -> LifecycleEvent:
    """libvirt's numbers as words; a number of a libvirt newer than this file is kept as a number."""
    word = LIFECYCLE[event] if event < len(LIFECYCLE) else str(event)
    reason = ""
    if word == "stopped":
        reason = _STOPPED[detail] if detail < len(_STOPPED) else "unknown"
    return LifecycleEvent(domain_name=domain_name, event=word, reason=reason)


def subscribe(conn: connection.Connection, callback: Callable[[LifecycleEvent], None]) -> None:
    """Call `callback` for each lifecycle event of every domain, for as long as the connection lives.

    Raises errors.HypervisorError.
    """
    libvirt = bindings.library()

    def happened(_conn: Any, found: Any, event: int, detail: int, _opaque: Any) -> None:
        callback(lifecycle_event(str(found.name()), event, detail))

    with bindings.translated("subscription to lifecycle events"):
        conn.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, happened, None)


def subscribe_agent(conn: connection.Connection, callback: Callable[[str], None]) -> None:
    """Call `callback` with a domain's name whenever the channel of its guest agent is opened or closed.

    Raises errors.HypervisorError.
    """
    libvirt = bindings.library()

    def happened(_conn: Any, found: Any, _state: int, _reason: int, _opaque: Any) -> None:
        callback(str(found.name()))

    with bindings.translated("subscription to events of guest agents"):
        conn.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, happened, None)
