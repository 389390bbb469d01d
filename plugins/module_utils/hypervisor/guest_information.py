"""What a guest tells of itself through its agent: operating system, host name, interfaces. Pure; the guest may say anything.

In: libvirt's flat parameters in the launcher (`of_libvirt`), or the launcher's message in virt-handler (`of_message`). Out: an `Information` in which
every text is short and printable, every address is one, and there are not many of anything. The launcher drops what is not so; virt-handler
refuses it, because a launcher that sends it is not ours.
"""

from __future__ import annotations

import ipaddress
import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_TEXT = 200
MAX_INTERFACES = 32
MAX_ADDRESSES = 32
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")

#: libvirt's parameter below `os.` -> the field of status.guestOSInfo
OS_FIELDS: Mapping[str, str] = types.MappingProxyType(
    {
        "id": "id",
        "name": "name",
        "pretty-name": "prettyName",
        "version": "version",
        "version-id": "versionId",
        "kernel-release": "kernelRelease",
        "kernel-version": "kernelVersion",
        "machine": "machine",
    }
)


@dataclass(frozen=True)
class Interface:
    """One interface as the guest names it; `mac` in lower case, `addresses` without prefix lengths and without link-local ones."""

    name: str
    mac: str
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Information:
    """Whether the agent's channel is open, and what it said last; `os` has the fields of status.guestOSInfo."""

    connected: bool
    os: Mapping[str, str] = field(default_factory=dict)
    hostname: str = ""
    interfaces: tuple[Interface, ...] = ()

    def to_message(self) -> dict[str, Any]:
        """The message to virt-handler: `{"connected", "os": {...}, "hostname", "interfaces": [{"name", "mac", "addresses"}]}`."""
        interfaces = [
            {"name": found.name, "mac": found.mac, "addresses": list(found.addresses)} for found in self.interfaces
        ]
        return {
            "connected": self.connected,
            "os": dict(self.os),
            "hostname": self.hostname,
            "interfaces": interfaces,
        }


def _text(value: object) -> str:
    """A guest's text, cut, without what no terminal should print."""
    return "".join(letter for letter in str(value)[:MAX_TEXT] if letter.isprintable()).strip()


def _address(value: object) -> str | None:
    """A routable address in its usual form."""
    try:
        found = ipaddress.ip_address(str(value)[:MAX_TEXT].partition("%")[0])
    except ValueError:
        return None
    return None if found.is_link_local or found.is_loopback else str(found)


def _count(value: object, most: int) -> range:
    return range(max(0, min(value, most)) if isinstance(value, int) else 0)


def _interfaces(told: Mapping[str, Any]) -> Iterator[Interface]:
    for index in _count(told.get("if.count"), MAX_INTERFACES):
        start = f"if.{index}"
        name, mac = _text(told.get(f"{start}.name", "")), str(told.get(f"{start}.hwaddr", "")).lower()
        if not name or not _MAC.fullmatch(mac):
            continue
        given = (
            _address(told.get(f"{start}.addr.{number}.addr"))
            for number in _count(told.get(f"{start}.addr.count"), MAX_ADDRESSES)
        )
        yield Interface(name, mac, tuple(dict.fromkeys(address for address in given if address)))


def of_libvirt(told: Mapping[str, Any]) -> Information:
    """The information in the parameters of virDomainGetGuestInfo; what makes no sense is left out."""
    system = {name: text for key, name in OS_FIELDS.items() if (text := _text(told.get(f"os.{key}", "")))}
    return Information(True, system, _text(told.get("hostname", "")), tuple(_interfaces(told)))


def of_message(message: Mapping[str, Any]) -> Information:
    """The information in a launcher's message.

    Raises ValueError where it is not what `to_message` makes; the text never quotes the message.
    """
    match message:
        case {"connected": bool(connected), "os": dict(system), "hostname": str(hostname), "interfaces": list(listed)}:
            told = {"hostname": hostname, "if.count": len(listed)}
        case _:
            raise ValueError("it has not the four fields")
    if len(listed) > MAX_INTERFACES or not set(system) <= set(OS_FIELDS.values()):
        raise ValueError("it has too many interfaces, or fields of os that nobody knows")
    told |= {f"os.{key}": system[name] for key, name in OS_FIELDS.items() if name in system}
    for index, entry in enumerate(listed):
        match entry:
            case {"name": str(name), "mac": str(mac), "addresses": list(addresses)}:
                told |= {f"if.{index}.name": name, f"if.{index}.hwaddr": mac, f"if.{index}.addr.count": len(addresses)}
                told |= {f"if.{index}.addr.{number}.addr": address for number, address in enumerate(addresses)}
            case _:
                raise ValueError("an interface has not the three fields")
    found = of_libvirt(told)
    found = Information(connected, found.os, found.hostname, found.interfaces)
    if found.to_message() != message:
        raise ValueError("a text or address is not one")
    return found
