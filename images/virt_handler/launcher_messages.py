"""The lines that launchers and virt-handler write to each other: one JSON object per line, at most 1 MiB.

In: a line of a launcher, which may say anything. Out: one of the dataclasses here, or ProtocolError; and the other way round the lines that virt-handler
writes. Does no I/O. Called by: launcher_connection.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.playvirt.core.images.virt_handler import registry
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import domain as libvirt_domain
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import guest_information

MAX_LINE = 1024 * 1024
VERSION = 1
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_UID = re.compile(r"[0-9a-fA-F-]{1,64}")
_WORD = re.compile(r"[a-z_]{0,64}")
_STATES = frozenset((*libvirt_domain.STATES.values(), libvirt_domain.ABSENT))
_MAX_ERROR = 2000


class ProtocolError(Exception):
    """A launcher wrote something else than the protocol allows; its connection is closed."""


@dataclass(frozen=True)
class Answer:
    """The answer to a request: a result, or an error for people."""

    request_id: int
    result: Mapping[str, Any] | None
    error: str | None


Message = registry.Hello | registry.Domain | guest_information.Information | Answer


def parse(line: bytes) -> Message:
    """Return what a launcher's line says; raises ProtocolError, whose text never quotes the line."""
    try:
        message = json.loads(line)
    except ValueError as error:
        raise ProtocolError("a line is not JSON") from error
    match message:
        case {"hello": {"version": 1, "namespace": str(namespace), "name": str(name), "uid": str(uid)}}:
            if not (_NAME.fullmatch(namespace) and _NAME.fullmatch(name) and _UID.fullmatch(uid)):
                raise ProtocolError("hello names no VMI")
            return registry.Hello(namespace, name, uid)
        case {"hello": _}:
            raise ProtocolError(
                f"hello is not of version {VERSION}; launcher and virt-handler have to be of one installation"
            )
        case {"domain": {"state": str(state), "reason": str(reason)}}:
            if state not in _STATES or not _WORD.fullmatch(reason):
                raise ProtocolError("domain has a state or reason that libvirt does not have")
            return registry.Domain(state, reason)
        case {"agent": dict(told)}:
            try:
                return guest_information.of_message(told)
            except ValueError as error:
                raise ProtocolError(f"agent tells what no launcher tells: {error}") from error
        case {"id": int(request_id), "error": str(error_text)}:
            return Answer(request_id, None, error_text[:_MAX_ERROR])
        case {"id": int(request_id), "result": dict(result)}:
            return Answer(request_id, result, None)
    raise ProtocolError("a line is neither hello, domain, agent nor an answer")


def format_renewal(seconds: float) -> bytes:
    """Return the line that lets a launcher's guest run for so long from now."""
    return _line({"renew": {"seconds": round(seconds, 3)}})


def format_request(request_id: int, command: str, arguments: Mapping[str, Any]) -> bytes:
    """Return the line that asks for a command; raises ProtocolError when it would be too long for the launcher."""
    line = _line({"id": request_id, "command": command, "arguments": arguments})
    if len(line) > MAX_LINE:
        raise ProtocolError(f"the arguments of {command} need {len(line)} bytes; a launcher takes at most {MAX_LINE}")
    return line


def _line(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"
