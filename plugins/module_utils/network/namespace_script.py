"""The two shell scripts that pod_network feeds to `sh` inside a pod's network namespace: one that looks, one that changes.

One script is one process start, where one program per step and interface would be a dozen. In: the wished bindings and, for changes, what was observed.
Out: script text, and from the first script's output an `Observed`. Nothing from outside gets into a script but device names, addresses and numbers
that the bindings have checked. Pure. Called by: module pod_network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ansible_collections.playvirt.core.plugins.module_utils.network import devices, masquerade

_MARK = "--- playvirt ---"
_END = "PLAYVIRT_END"
_FAMILIES = ("ip", "ip6")


class Binding(Protocol):
    """How one interface of the guest is connected: masquerade, bridge, passt. Methods that look at what was observed raise PermanentError where the pod
    lacks it."""

    def batch(self, observed: devices.Observed) -> list[str]:
        """Lines for `ip -batch`."""
        ...

    def watched(self) -> tuple[str, ...]:
        """The settings below /proc/sys that matter."""
        ...

    def sysctls(self, observed: devices.Observed) -> dict[str, str]:
        """Their wished values."""
        ...

    def late_batch(self, observed: devices.Observed) -> list[str]:
        """Lines for `ip -batch` that need these settings."""
        ...

    def ruleset(self, observed: devices.Observed) -> str:
        """Text for `nft -f`, empty when there is nothing to change."""
        ...

    def removal(self, observed: devices.Observed) -> list[str]:
        """Lines for `ip -batch` that take everything away."""
        ...

    def lease(self, observed: devices.Observed) -> dict[str, Any] | None:
        """What the launcher tells the guest by DHCP, None where it tells nothing."""
        ...

    def addresses(self, observed: devices.Observed) -> list[str]:
        """The addresses at which the pod is reached on this network, IPv4 first."""
        ...


@dataclass(frozen=True)
class Changes:
    """What a namespace lacks: lines for `ip -batch`, settings below /proc/sys, more lines, text for `nft -f`. False when there is nothing."""

    batch: Sequence[str] = ()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    late_batch: Sequence[str] = ()
    ruleset: str = ""

    def __bool__(self) -> bool:
        """Whether anything has to be changed."""
        return bool(self.batch or self.sysctls or self.late_batch or self.ruleset)

    def lines(self) -> list[str]:
        """Return the changes for people, one per line of `ip`, setting, and line of the ruleset."""
        return [
            *(f"ip {line}" for line in self.batch),
            *(f"sysctl {path.replace('/', '.')}={value}" for path, value in self.sysctls.items()),
            *(f"ip {line}" for line in self.late_batch),
            *(f"nft {line.strip()}" for line in self.ruleset.splitlines()),
        ]

    def script(self) -> str:
        """Return the script; it stops at the first command that fails. Devices first, because settings and rules name them."""
        parts = [_here("ip -batch -", "\n".join(self.batch))]
        parts.extend(f"echo {value} > /proc/sys/{path}\n" for path, value in self.sysctls.items())
        parts.append(_here("ip -batch -", "\n".join(self.late_batch)))
        parts.append(_here("nft -f -", self.ruleset.rstrip("\n")))
        return "".join(parts)


def _here(command: str, text: str) -> str:
    return f"{command} <<'{_END}'\n{text}\n{_END}\n" if text else ""


def _watched(wishes: Sequence[Binding]) -> list[str]:
    return list(dict.fromkeys(path for wish in wishes for path in wish.watched()))


def observation(wishes: Sequence[Binding]) -> str:
    """Return the script that prints the namespace's devices, routes, our nftables tables if there are any, and the settings."""
    reads = "".join(f"echo '{_MARK}'\ncat /proc/sys/{path} 2>/dev/null || true\n" for path in _watched(wishes))
    tables = "".join(f"nft list table {family} {masquerade.TABLE} 2>/dev/null || true\n" for family in _FAMILIES)
    return f"ip -details -json address show\necho '{_MARK}'\nip -json route show\necho '{_MARK}'\n{tables}{reads}"


def parse_observation(wishes: Sequence[Binding], output: str) -> devices.Observed:
    """Return what the script of `observation` printed."""
    shown, routes, ruleset, *values = output.split(f"{_MARK}\n")
    return devices.Observed(
        devices=devices.parse_devices(shown),
        routes=devices.parse_routes(routes),
        ruleset=ruleset,
        sysctls={path: value.strip() for path, value in zip(_watched(wishes), values, strict=True)},
    )


def changes(wishes: Sequence[Binding], observed: devices.Observed) -> Changes:
    """Return what is missing for the wishes. Raises PermanentError where the pod has no such interface."""
    wanted = {path: value for wish in wishes for path, value in wish.sysctls(observed).items()}
    return Changes(
        batch=[line for wish in wishes for line in wish.batch(observed)],
        sysctls={path: value for path, value in wanted.items() if observed.sysctls.get(path) != value},
        late_batch=[line for wish in wishes for line in wish.late_batch(observed)],
        ruleset="".join(wish.ruleset(observed) for wish in wishes),
    )


def removal(wishes: Sequence[Binding], observed: devices.Observed) -> Changes:
    """Return what takes the guest's devices and our rules away; settings stay, they end with the pod."""
    present = [family for family in _FAMILIES if f"table {family} {masquerade.TABLE} " in observed.ruleset]
    tables = "".join(f"delete table {family} {masquerade.TABLE}\n" for family in present)
    return Changes(batch=[line for wish in wishes for line in wish.removal(observed)], ruleset=tables)
