"""The guest's agent: whether it is there, questions to it, commands in the guest. Every call ends in time, whatever the guest does.

In: a connection, a domain's name, a time limit. Out: what the agent answers, which nobody may trust; libvirt takes no answer above 10 MiB. Called by
virt-launcher. Every function raises errors.HypervisorError when libvirt or the agent refuses, or the agent is silent for too long.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Sequence
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import (
    bindings,
    connection,
    domain,
    guest_information,
)

#: how libvirt writes the agent's channel while the agent has its end open; it escapes quotes everywhere else
_CONNECTED = "name='org.qemu.guest_agent.0' state='connected'"
_POLL_SECONDS = 0.1


def is_connected(conn: connection.Connection, name: str) -> bool:
    """Whether the agent has its end of the channel open."""
    return _CONNECTED in domain.get_xml(conn, name)


def ask(
    conn: connection.Connection,
    name: str,
    command: str,
    arguments: dict[str, Any] | None = None,
    *,
    timeout_seconds: int,
) -> Any:
    """Have the agent do one of its commands; returns what is under `return` in its answer."""
    request = json.dumps({"execute": command, **({"arguments": arguments} if arguments else {})})
    with bindings.translated(f"{command} of the guest agent of domain {name}"):
        found = conn.lookupByName(name)
        answer = bindings.qemu_library().qemuAgentCommand(found, request, max(1, timeout_seconds), 0)
    try:
        return json.loads(answer)["return"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise errors.HypervisorError(
            f"{command} of the guest agent of domain {name}: its answer makes no sense"
        ) from error


def ping(conn: connection.Connection, name: str, *, timeout_seconds: int) -> None:
    """Ask the agent whether it is there."""
    ask(conn, name, "guest-ping", timeout_seconds=timeout_seconds)


def execute(conn: connection.Connection, name: str, command: Sequence[str], *, timeout_seconds: int) -> int:
    """Run a program in the guest and wait for its end; returns its exit code, 128 and the signal's number where it was killed.

    Raises HypervisorError when it has not ended in time; it goes on in the guest then.
    """
    deadline = time.monotonic() + timeout_seconds
    arguments = {"path": command[0], "arg": list(command[1:]), "capture-output": False}
    started = ask(conn, name, "guest-exec", arguments, timeout_seconds=timeout_seconds)
    pid = started.get("pid") if isinstance(started, dict) else None
    while (left := deadline - time.monotonic()) > 0:
        status = ask(conn, name, "guest-exec-status", {"pid": pid}, timeout_seconds=max(1, int(left)))
        if isinstance(status, dict) and status.get("exited"):
            code, signal = status.get("exitcode"), status.get("signal")
            return code if isinstance(code, int) else 128 + (signal if isinstance(signal, int) else 0)
        time.sleep(_POLL_SECONDS)
    raise errors.HypervisorError(f"{command[0]} in the guest of domain {name} did not end within {timeout_seconds} s")


def information(conn: connection.Connection, name: str, *, timeout_seconds: int) -> guest_information.Information:
    """What the agent tells of the guest; a question that this agent does not know is left out.

    Raises HypervisorError where it answers none of them.
    """
    libvirt = bindings.library()
    questions = (
        libvirt.VIR_DOMAIN_GUEST_INFO_OS,
        libvirt.VIR_DOMAIN_GUEST_INFO_HOSTNAME,
        libvirt.VIR_DOMAIN_GUEST_INFO_INTERFACES,
    )
    told: dict[str, Any] = {}
    failure: errors.HypervisorError | None = None
    with bindings.translated(f"time limit of the guest agent of domain {name}"):
        found = conn.lookupByName(name)
        found.agentSetResponseTimeout(timeout_seconds, 0)
    for question in questions:
        try:
            with bindings.translated(f"information of the guest agent of domain {name}"):
                told |= found.guestInfo(question, 0)
        except errors.HypervisorError as error:
            failure = error
    if failure is not None and not told:
        raise failure
    return guest_information.of_libvirt(told)


def shut_down(conn: connection.Connection, name: str) -> None:
    """Ask the guest to turn itself off: through its agent where there is one, and by its ACPI power button.

    An agent that does it gives no answer, like one that hangs, so little is waited for it. Raises HypervisorError where the button cannot be pressed.
    """
    with contextlib.suppress(errors.HypervisorError):
        if is_connected(conn, name):
            ask(conn, name, "guest-shutdown", {"mode": "powerdown"}, timeout_seconds=1)
    domain.shutdown(conn, name)
