"""A TLS context for a server that proves nothing about itself, as controller-runtime makes one where it was given no certificate.

In: nothing. Out: a context with a certificate that only this process knows; who connects encrypts, and does not verify. Called by `runner.py`.
"""

from __future__ import annotations

import ssl
import tempfile
from datetime import UTC, datetime

from ansible_collections.playvirt.core.plugins.module_utils.cluster import pki

DAYS = 3650


def server_context() -> ssl.SSLContext:
    """The context, with TLS 1.2 at least."""
    now = datetime.now(UTC)
    authority = pki.new_authority("playvirt-runner", now=now, days=DAYS)
    request = pki.Request(common_name="playvirt-runner", organizations=(), names=("localhost", "127.0.0.1"))
    pair = pki.new_certificate(request, authority, now=now, days=DAYS)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # the ssl module reads a certificate only from a file
    with tempfile.NamedTemporaryFile("wb") as chain:
        chain.write(pair.certificate + pair.key)
        chain.flush()
        context.load_cert_chain(chain.name)
    return context
