"""The errors of playvirt, and what each one asks of its catcher.

    PlayvirtError
    ├─ PermanentError        do not retry; becomes a condition
    │  ├─ InvalidObject      the object itself is wrong; names the field
    │  └─ UnsupportedFeature the field is understood, playvirt does not act on it
    ├─ TransientError        retry later
    │  └─ NotReady           waits for something named
    ├─ APIError              the Kubernetes API answered with a Status
    │  ├─ NotFound 404, AlreadyExists 409, Conflict 409, Forbidden 403, Unauthorized 401, Gone 410, Invalid 422,
    │  └─ TooManyRequests 429
    ├─ HypervisorError       libvirt answered with an error
    │  └─ DomainNotFound, OperationInvalid
    └─ CommandFailed         a program that playvirt started ended badly

Doors raise them (k8s, hypervisor, process), everything else passes them on, and the rim of each process decides what they become: a
condition, a retry, a module's failure. Nothing here does I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class PlayvirtError(Exception):
    """Base of every error that playvirt raises on purpose; its text is meant for a person."""


class PermanentError(PlayvirtError):
    """Trying again changes nothing: a person has to change something first."""


class InvalidObject(PermanentError):
    """An object's field has a value that cannot be used; `field` is its path, such as `spec.domain.memory.guest`."""

    def __init__(self, message: str, *, field: str = "") -> None:
        """Keep the message and the path of the field."""
        super().__init__(message)
        self.field = field


class UnsupportedFeature(InvalidObject):
    """A field that the API knows and playvirt does not act on."""


class TransientError(PlayvirtError):
    """Trying again later may succeed; `delay_seconds` is a proposal."""

    def __init__(self, message: str, *, delay_seconds: float = 1.0) -> None:
        """Keep the message and the proposed delay."""
        super().__init__(message)
        self.delay_seconds = delay_seconds


class NotReady(TransientError):
    """Something named in the message has to come first."""


class APIError(PlayvirtError):
    """The API server refused a request; the attributes are those of its Status object."""

    def __init__(self, message: str, *, status: int, reason: str = "") -> None:
        """Keep the HTTP status and Kubernetes' reason."""
        super().__init__(message)
        self.status = status
        self.reason = reason


class NotFound(APIError):
    """404."""


class AlreadyExists(APIError):
    """409 with reason AlreadyExists: a create met an object of that name."""


class Conflict(APIError):
    """409: the object changed since it was read."""


class Forbidden(APIError):
    """403."""


class Unauthorized(APIError):
    """401."""


class Gone(APIError):
    """410: the resourceVersion is too old for a watch."""


class Invalid(APIError):
    """422: the object breaks its schema or an admission rule."""


class TooManyRequests(APIError):
    """429: the API server asks for a pause, or an eviction is refused by a budget."""


class HypervisorError(PlayvirtError):
    """libvirt refused a call; `code` is its VIR_ERR number."""

    def __init__(self, message: str, *, code: int = 0) -> None:
        """Keep libvirt's error number."""
        super().__init__(message)
        self.code = code


class DomainNotFound(HypervisorError):
    """No domain of that name."""


class OperationInvalid(HypervisorError):
    """The domain's state does not allow the call."""


class CommandFailed(PlayvirtError):
    """A program ended with another code than 0, or not in time."""

    def __init__(self, message: str, *, returncode: int | None, stderr: str = "") -> None:
        """Keep the return code (None after a timeout) and the end of what it wrote to stderr."""
        super().__init__(message)
        self.returncode = returncode
        self.stderr = stderr


_BY_STATUS: Mapping[int, type[APIError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: TooManyRequests,
}


def api_error(status: int, body: Mapping[str, Any] | str | None) -> APIError:
    """The error for an answer of the API server: HTTP status, and its body (a Status object, or text).

    Unknown statuses give APIError itself, never nothing.
    """
    reason, message = "", ""
    if isinstance(body, Mapping):
        reason, message = str(body.get("reason") or ""), str(body.get("message") or "")
    elif body:
        message = str(body)[:500]
    kind = AlreadyExists if reason == "AlreadyExists" else _BY_STATUS.get(status, APIError)
    return kind(message or f"the API server answered with status {status}", status=status, reason=reason)
