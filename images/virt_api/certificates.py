"""The TLS context of the server, kept equal to the files of a mounted Secret.

In: a directory with tls.crt and tls.key. Out: one SSLContext for the life of the process: a connection that is open keeps the certificate it began with,
the next one gets the new one, and none is refused in between. Files that do not fit together (a rotation half done) leave what was there.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path

from ansible_collections.playvirt.core.images.runner.telemetry import log
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

LOG = logging.getLogger("virt_api.certificates")
CHECK_SECONDS = 5.0


def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


class Certificates:
    """Owns the context; `run` watches the files."""

    def __init__(self, directory: Path, *, interval: float = CHECK_SECONDS) -> None:
        self._directory = directory
        self._interval = interval
        self._loaded: tuple[bytes, bytes] | None = None
        self._problem = "no certificate yet"
        self.context = _server_context()

    def problem(self) -> str | None:
        """Why the certificate cannot be served, for /readyz."""
        return None if self._loaded is not None else self._problem

    def load(self) -> bool:
        """Read the files; whether the context has changed.

        A Secret's files are links through one directory that is replaced as a whole, so both are resolved to where they are now before they are read.
        Raises PermanentError where they cannot be used; the context then is as before.
        """
        chain, key = ((self._directory / name).resolve() for name in ("tls.crt", "tls.key"))
        try:
            found = (chain.read_bytes(), key.read_bytes())
            if found == self._loaded:
                return False
            _server_context().load_cert_chain(chain, key)
            self.context.load_cert_chain(chain, key)
        except (OSError, ssl.SSLError) as error:
            self._problem = f"{self._directory}: {error}"
            raise errors.PermanentError(self._problem) from error
        self._loaded = found
        return True

    async def run(self) -> None:
        """Look at the files again and again; ends only when cancelled."""
        told = ""
        while True:
            try:
                if self.load():
                    LOG.info("certificate loaded", extra=log.fields(directory=str(self._directory)))
                told = ""
            except errors.PermanentError as error:
                if str(error) != told:
                    LOG.warning("certificate not loaded", extra=log.fields(error=str(error)))
                    told = str(error)
            await asyncio.sleep(self._interval)
