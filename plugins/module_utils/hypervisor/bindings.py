"""The only importer of libvirt: the import, guarded, and the one translation of its errors into ours.

In: nothing. Out: the module `libvirt` through `library()`, and `translated()`, a context that turns libvirt's exceptions into
errors.HypervisorError. Called by the other files of this room only. Importing this file works without libvirt installed, so that
documentation, linters and the controller's image can import modules that would need it on their target.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors

try:
    import libvirt
    import libvirt_qemu
except ImportError as error:
    _LIBRARY: Any = None
    _QEMU_LIBRARY: Any = None
    _IMPORT_ERROR: ImportError | None = error
else:
    _LIBRARY = libvirt
    _QEMU_LIBRARY = libvirt_qemu
    _IMPORT_ERROR = None
    # Errors reach us as exceptions; libvirt would print each of them to stderr as well.
    libvirt.registerErrorHandler(lambda _context, _error: None, None)

KINDS: dict[str, type[errors.HypervisorError]] = {
    "VIR_ERR_NO_DOMAIN": errors.DomainNotFound,
    "VIR_ERR_OPERATION_INVALID": errors.OperationInvalid,
}


def library() -> Any:
    """The module `libvirt`. Raises errors.HypervisorError where it is not installed."""
    if _LIBRARY is None:
        raise errors.HypervisorError(
            f"the Python package libvirt is not installed ({_IMPORT_ERROR}): install python3-libvirt, or libvirt-python from PyPI"
        )
    return _LIBRARY


def qemu_library() -> Any:
    """The module `libvirt_qemu`, which has what libvirt offers for QEMU alone. Raises errors.HypervisorError where it is not installed."""
    library()
    return _QEMU_LIBRARY


@contextlib.contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise libvirt's errors as errors.HypervisorError, its `code` libvirt's number; `doing` says what failed and on what.

    The text is `<doing>: <libvirt's message>`, such as `create of domain default_vm: Cannot access storage file ...`.
    """
    failure: type[BaseException] = library().libvirtError
    try:
        yield
    except failure as error:
        raise _hypervisor_error(error, doing) from error


def _hypervisor_error(error: Any, doing: str) -> errors.HypervisorError:
    """The error of ours for one of libvirt's."""
    code = error.get_error_code() or 0
    kinds = {getattr(_LIBRARY, name): kind for name, kind in KINDS.items()}
    message = error.get_error_message() or str(error)
    return kinds.get(code, errors.HypervisorError)(f"{doing}: {message}", code=code)
