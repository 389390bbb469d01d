"""Passt: the guest shares the pod's addresses through a process that turns its packets into sockets of the pod, and back.

libvirt starts that process (`<backend type='passt'/>`), and it tells the guest its addresses, routes and name servers by itself, so nothing is made in the
namespace; only that the pod has the interface is checked, for a message that says what is missing. In: `Passt` (the wish) and `Observed`. Out: as
masquerade.py. Pure. Called by: namespace_script.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.network import devices


@dataclass(frozen=True, kw_only=True)
class Passt:
    """One interface through passt."""

    uplink: str = "eth0"
    fallback: str = "eth0"

    def __post_init__(self) -> None:
        """Refuse names that could not work; raises InvalidObject naming the field."""
        devices.check_names(uplink=self.uplink, fallback=self.fallback)

    def batch(self, observed: devices.Observed) -> list[str]:
        """Return nothing to make. Raises PermanentError where the pod has no such interface."""
        devices.uplink_name(observed, self.uplink, self.fallback)
        return []

    def late_batch(self, observed: devices.Observed) -> list[str]:
        """Return nothing to make."""
        return []

    def watched(self) -> tuple[str, ...]:
        """Return no setting."""
        return ()

    def sysctls(self, observed: devices.Observed) -> dict[str, str]:
        """Return no setting."""
        return {}

    def ruleset(self, observed: devices.Observed) -> str:
        """Return no rules."""
        return ""

    def removal(self, observed: devices.Observed) -> list[str]:
        """Return nothing to remove: the process ends with its domain."""
        return []

    def lease(self, observed: devices.Observed) -> dict[str, Any] | None:
        """Return nothing to serve."""
        return None

    def addresses(self, observed: devices.Observed) -> list[str]:
        """Return the pod's global addresses, IPv4 first, as text without prefix length."""
        uplink = observed.devices[devices.uplink_name(observed, self.uplink, self.fallback)]
        found = [address for version in (4, 6) for address in devices.addresses(uplink, version=version)]
        return [address.partition("/")[0] for address in found]
