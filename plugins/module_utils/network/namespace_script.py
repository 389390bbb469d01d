"""The two shell scripts that pod_network feeds to `sh` inside a pod's network namespace: one that looks, one that changes.

One script is one process start, where one program per step would be five. In: a `Masquerade` and, for changes, what was observed. Out: script text,
and from the first script's output an `Observed`. Nothing from outside gets into a script but device names, addresses and numbers that
`Masquerade` has checked. Pure. Called by: module pod_network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.playvirt.core.plugins.module_utils.network import masquerade

_MARK = "--- playvirt ---"
_END = "PLAYVIRT_END"


@dataclass(frozen=True)
class Changes:
    """What a namespace lacks: lines for `ip -batch`, settings below /proc/sys, text for `nft -f`. False when there is nothing."""

    batch: Sequence[str] = ()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    ruleset: str = ""

    def __bool__(self) -> bool:
        """Whether anything has to be changed."""
        return bool(self.batch or self.sysctls or self.ruleset)

    def lines(self) -> list[str]:
        """Return the changes for people, one per line of `ip`, setting, and line of the ruleset."""
        return [
            *(f"ip {line}" for line in self.batch),
            *(f"sysctl {path.replace('/', '.')}={value}" for path, value in self.sysctls.items()),
            *(f"nft {line.strip()}" for line in self.ruleset.splitlines()),
        ]

    def script(self) -> str:
        """Return the script; it stops at the first command that fails. Devices first, because settings and rules name them."""
        parts = []
        if self.batch:
            parts.append(_here("ip -batch -", "\n".join(self.batch)))
        parts.extend(f"echo {value} > /proc/sys/{path}\n" for path, value in self.sysctls.items())
        if self.ruleset:
            parts.append(_here("nft -f -", self.ruleset.rstrip("\n")))
        return "".join(parts)


def _here(command: str, text: str) -> str:
    return f"{command} <<'{_END}'\n{text}\n{_END}\n"


def observation(wish: masquerade.Masquerade) -> str:
    """Return the script that prints the namespace's devices, our nftables table if there is one, and the settings."""
    paths = masquerade.sysctls(wish)
    reads = "".join(f"echo '{_MARK}'\ncat /proc/sys/{path} 2>/dev/null || true\n" for path in paths)
    table = f"nft list table ip {masquerade.TABLE} 2>/dev/null || true"
    return f"ip -details -json address show\necho '{_MARK}'\n{table}\n{reads}"


def parse_observation(wish: masquerade.Masquerade, output: str) -> masquerade.Observed:
    """Return what the script of `observation` printed."""
    devices, ruleset, *values = output.split(f"{_MARK}\n")
    return masquerade.Observed(
        devices=masquerade.parse_devices(devices),
        ruleset=ruleset,
        sysctls={path: value.strip() for path, value in zip(masquerade.sysctls(wish), values, strict=True)},
    )


def changes(wish: masquerade.Masquerade, observed: masquerade.Observed) -> Changes:
    """Return what is missing for the wish. Raises NotReady while the pod has no interface."""
    return Changes(
        batch=masquerade.batch(wish, observed),
        sysctls=masquerade.missing_sysctls(wish, observed),
        ruleset="" if masquerade.has_ruleset(wish, observed) else masquerade.ruleset(wish),
    )


def removal(wish: masquerade.Masquerade, observed: masquerade.Observed) -> Changes:
    """Return what takes the guest's devices and our rules away; settings stay, they end with the pod."""
    table = f"delete table ip {masquerade.TABLE}\n" if observed.ruleset.strip() else ""
    return Changes(batch=masquerade.removal_batch(wish, observed), ruleset=table)
