"""The probes of a VMI as probes of its launcher's container, which the kubelet does.

In: a VMI. Out: readinessProbe and livenessProbe of container compute. HTTP and TCP reach the guest under the pod's address, so they carry over; a command
in the guest and a ping of its agent are a command of the launcher, which asks the agent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors, metadata

_KINDS = ("readinessProbe", "livenessProbe")
_TIMES = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")
#: libvirt comes up while the first seconds of a pod pass; no agent can be asked before
AGENT_DELAY_SECONDS = 10
#: what the command itself needs beside the time that the guest has for its answer
COMMAND_SECONDS = 5


def _port(spec: Mapping[str, Any], port: Any, *, field: str) -> int:
    """The number of a port, which may be given by the name that an interface has for it.

    Raises InvalidObject where no interface has it.
    """
    if isinstance(port, int) or str(port).isdigit():
        return int(port)
    for interface in spec["domain"].get("devices", {}).get("interfaces") or []:
        for known in interface.get("ports") or []:
            if known.get("name") == port:
                return int(known["port"])
    raise errors.InvalidObject(
        f"{field} '{port}' names no port of an interface; write a number, or name one in spec.domain.devices.interfaces",
        field=field,
    )


def _command(vmi: Mapping[str, Any], probe: Mapping[str, Any]) -> list[str]:
    """The launcher's command for a probe through the guest agent."""
    meta = metadata.meta(vmi)
    command = ["/usr/bin/virt-launcher", "probe", "--domain", f"{meta['namespace']}_{meta['name']}"]
    command += ["--timeout-seconds", str(probe.get("timeoutSeconds", 1))]
    if "guestAgentPing" in probe:
        return [*command, "guest-agent-ping"]
    return [*command, "exec", "--", *(probe["exec"].get("command") or [])]


def _probe(vmi: Mapping[str, Any], name: str) -> dict[str, Any]:
    spec, probe = vmi["spec"], vmi["spec"][name]
    times = {key: probe[key] for key in _TIMES if probe.get(key)}
    for handler in ("httpGet", "tcpSocket"):
        if handler in probe:
            port = _port(spec, probe[handler]["port"], field=f"spec.{name}.{handler}.port")
            return {handler: {**probe[handler], "port": port}, **times}
    if "exec" in probe and not probe["exec"].get("command"):
        field = f"spec.{name}.exec.command"
        raise errors.InvalidObject(f"{field} is empty; write the program to run in the guest", field=field)
    return {
        "exec": {"command": _command(vmi, probe)},
        **times,
        "initialDelaySeconds": probe.get("initialDelaySeconds", 0) + AGENT_DELAY_SECONDS,
        "timeoutSeconds": probe.get("timeoutSeconds", 1) + COMMAND_SECONDS,
    }


def render(vmi: Mapping[str, Any]) -> dict[str, Any]:
    """The probes that the VMI asks for, by their field's name.

    Raises InvalidObject for a port or command that cannot be used.
    """
    return {name: _probe(vmi, name) for name in _KINDS if vmi["spec"].get(name)}
