# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""When a program just started can be used: a URL answers 200, or a unix socket accepts.

In: a `Probe`. Out: None when it is ready, else what was seen. Called by: module detached_process.
"""

from __future__ import annotations

import dataclasses
import http.client
import socket
import ssl
import urllib.error
import urllib.request


@dataclasses.dataclass(frozen=True, kw_only=True)
class Probe:
    """Exactly one of `url` and `unix_socket`; for https `authority`, `certificate` and `key` are files, and seconds bound the wait."""

    url: str | None
    unix_socket: str | None
    authority: str | None
    certificate: str | None
    key: str | None
    seconds: float

    def check(self) -> str | None:
        """Return None when the program is ready, else one line about what is missing."""
        try:
            if self.url:
                return self._get(self.url)
            self._connect()
        except (OSError, http.client.HTTPException) as error:
            return f"{self.url or self.unix_socket}: {error}"
        return None

    def _connect(self) -> None:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2)
            client.connect(self.unix_socket or "")

    def _get(self, url: str) -> str | None:
        context = None
        if url.startswith("https:"):
            context = ssl.create_default_context(cafile=self.authority)
            if self.certificate:
                context.load_cert_chain(self.certificate, self.key)
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
        if context is not None:
            handlers.append(urllib.request.HTTPSHandler(context=context))
        with urllib.request.build_opener(*handlers).open(url, timeout=2) as answer:
            return None if answer.status == 200 else f"{url}: HTTP {answer.status}"
