"""What the end of a domain means for the pod. Pure.

In: the domain's state as last seen, and how QEMU ended. Out: None while the domain may go on, else the launcher's exit code and the
words for the pod's termination message. Called by run.py.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import domain

_WANTED_ENDS = frozenset({"shutdown", "destroyed", "migrated", "saved", "from_snapshot"})
_ENDED = frozenset({"shutoff", "crashed", domain.ABSENT})


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """`exit_code` of the launcher, `state` and `reason` of the domain, and a sentence for people."""

    exit_code: int
    state: str
    reason: str
    message: str

    def termination_message(self) -> str:
        """The text for the pod's termination log: one JSON object."""
        return json.dumps({"state": self.state, "reason": self.reason, "message": self.message})


def judge(seen: domain.DomainState, *, started: bool, qemu_exit: int | None) -> Outcome | None:
    """The outcome, once a domain that was `started` has ended; `qemu_exit` is the last QEMU's exit code, None if it is not known.

    A domain that failed to start is no end: the handler may define it better and create it again.
    """
    if not started or seen.state not in _ENDED:
        return None
    reason = seen.reason
    if reason in ("", "unknown") and seen.state != "crashed" and qemu_exit == 0:
        # libvirtd died between QEMU's end and its report; QEMU ends with 0 only when it was told to.
        reason = "shutdown"
    if seen.state != "crashed" and reason in _WANTED_ENDS:
        return Outcome(exit_code=0, state=seen.state, reason=reason, message=f"the domain ended: {reason}")
    how = "" if qemu_exit is None else f"; QEMU {_ending(qemu_exit)}"
    return Outcome(
        exit_code=1,
        state=seen.state,
        reason=reason,
        message=f"the domain ended badly: {reason or 'unknown reason'}{how}",
    )


def lost(qemu_exit: int) -> Outcome:
    """The outcome when QEMU ended and no libvirtd could be had to say why."""
    message = f"QEMU {_ending(qemu_exit)} while libvirtd was away"
    if qemu_exit == 0:
        return Outcome(exit_code=0, state="shutoff", reason="shutdown", message=message)
    return Outcome(exit_code=1, state="shutoff", reason="crashed", message=message)


def _ending(exit_code: int) -> str:
    """How a process ended, in words."""
    return f"was killed by signal {-exit_code}" if exit_code < 0 else f"ended with code {exit_code}"
