"""Domains: libvirt's verbs, and libvirt's numbers as words.

In: a connection (connection.py), a domain's name or XML. Out: nothing, or a DomainState. Called by virt-launcher (its own domain)
and by module libvirt_domain. Every function raises errors.HypervisorError; DomainNotFound and OperationInvalid where they fit.

The words of Kubernetes and ours: pause = suspend, unpause = resume, start = create, stop = shutdown and after the grace period destroy.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import bindings, connection

ABSENT = "absent"
"""The state of a domain that libvirt does not know."""

STATES: Mapping[int, str] = types.MappingProxyType(
    {
        0: "nostate",
        1: "running",
        2: "blocked",
        3: "paused",
        4: "shutdown",
        5: "shutoff",
        6: "crashed",
        7: "pmsuspended",
    }
)
"""virDomainState as words."""

REASONS: Mapping[str, tuple[str, ...]] = types.MappingProxyType(
    {
        "running": (
            "unknown",
            "booted",
            "migrated",
            "restored",
            "from_snapshot",
            "unpaused",
            "migration_canceled",
            "save_canceled",
            "wakeup",
            "crashed",
            "postcopy",
            "postcopy_failed",
        ),
        "paused": (
            "unknown",
            "user",
            "migration",
            "save",
            "dump",
            "ioerror",
            "watchdog",
            "from_snapshot",
            "shutting_down",
            "snapshot",
            "crashed",
            "starting_up",
            "postcopy",
            "postcopy_failed",
            "api_error",
        ),
        "shutdown": ("unknown", "user"),
        "shutoff": (
            "unknown",
            "shutdown",
            "destroyed",
            "crashed",
            "migrated",
            "saved",
            "failed",
            "from_snapshot",
            "daemon",
        ),
        "crashed": ("unknown", "panicked"),
    }
)
"""The reasons of a state, in the order of libvirt's numbers; states that are not here have none."""


@dataclass(frozen=True, kw_only=True)
class DomainState:
    """A state of STATES or ABSENT, and its reason: a word of REASONS, or empty."""

    state: str
    reason: str = ""


def state_of(state: int, reason: int) -> DomainState:
    """libvirt's two numbers as words; a number of a libvirt newer than this file is kept as a number."""
    word = STATES.get(state, str(state))
    words = REASONS.get(word, ())
    return DomainState(state=word, reason=words[reason] if reason < len(words) else "")


def get_state(conn: connection.Connection, name: str) -> DomainState:
    """The domain's state; ABSENT when libvirt does not know it."""
    try:
        found = _lookup(conn, name)
        with bindings.translated(f"state of domain {name}"):
            state, reason = found.state()
    except errors.DomainNotFound:
        return DomainState(state=ABSENT)
    return state_of(state, reason)


def names(conn: connection.Connection) -> list[str]:
    """The names of all domains, running or not, sorted."""
    with bindings.translated("list of domains"):
        return sorted(str(found.name()) for found in conn.listAllDomains())


def get_xml(conn: connection.Connection, name: str, *, inactive: bool = False) -> str:
    """The domain's XML: as it runs, or with `inactive` as it was defined."""
    libvirt = bindings.library()
    with bindings.translated(f"XML of domain {name}"):
        return str(_lookup(conn, name).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE if inactive else 0))


def define(conn: connection.Connection, xml: str, *, validate: bool = False) -> str:
    """Make `xml` the persistent definition of the domain that it names; returns the name.

    With `validate` libvirt checks it against its schema first: elements that it does not know are then an error, not ignored.
    """
    libvirt = bindings.library()
    with bindings.translated("define of a domain"):
        return str(conn.defineXMLFlags(xml, libvirt.VIR_DOMAIN_DEFINE_VALIDATE if validate else 0).name())


def create(conn: connection.Connection, name: str, *, paused: bool = False) -> None:
    """Start a defined domain."""
    libvirt = bindings.library()
    with bindings.translated(f"create of domain {name}"):
        _lookup(conn, name).createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED if paused else 0)


def shutdown(conn: connection.Connection, name: str) -> None:
    """Press the guest's ACPI power button: it turns itself off, if it wants to."""
    libvirt = bindings.library()
    with bindings.translated(f"shutdown of domain {name}"):
        _lookup(conn, name).shutdownFlags(libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN)


def destroy(conn: connection.Connection, name: str) -> None:
    """Turn the domain off at once, as by pulling its plug."""
    with bindings.translated(f"destroy of domain {name}"):
        _lookup(conn, name).destroy()


def suspend(conn: connection.Connection, name: str) -> None:
    """Stop the domain's CPUs; it stays in memory."""
    with bindings.translated(f"suspend of domain {name}"):
        _lookup(conn, name).suspend()


def resume(conn: connection.Connection, name: str) -> None:
    """Let a suspended domain go on."""
    with bindings.translated(f"resume of domain {name}"):
        _lookup(conn, name).resume()


def undefine(conn: connection.Connection, name: str) -> None:
    """Forget the domain's definition, with what libvirt keeps beside it (saved state, snapshot metadata, UEFI's variables, the TPM's state)."""
    libvirt = bindings.library()
    flags = libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    with bindings.translated(f"undefine of domain {name}"):
        if conn.getType() == "QEMU":  # the drivers that have no firmware refuse these
            flags |= libvirt.VIR_DOMAIN_UNDEFINE_NVRAM | libvirt.VIR_DOMAIN_UNDEFINE_TPM
        _lookup(conn, name).undefineFlags(flags)


def _lookup(conn: connection.Connection, name: str) -> Any:
    """libvirt's object for the domain. Raises errors.DomainNotFound."""
    with bindings.translated(f"lookup of domain {name}"):
        return conn.lookupByName(name)
