"""What virt-operator has to know of virt-api's certificates to tell the API server of virt-api.

In: the Secrets as read. Out: whether certificates are due, and the bundle of authorities that the API server is to trust. What is in the Secrets is made by
module component_certificates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import metadata
from ansible_collections.playvirt.core.plugins.module_utils.installation import certificates

_KEYS = {
    certificates.AUTHORITY_SECRET: ("tls.crt", "tls.key", "bundle.crt"),
    certificates.SERVING_SECRET: ("tls.crt", "tls.key"),
}

Secrets = Mapping[str, Mapping[str, Any] | None]


def names() -> tuple[str, ...]:
    """The Secrets."""
    return tuple(_KEYS)


def references(namespace: str) -> list[dict[str, Any]]:
    """The Secrets, as far as they have to be named."""
    return [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}} for name in _KEYS
    ]


def bundle(secrets: Secrets) -> str | None:
    """The authorities' certificates, base64 of PEM; None where there are none yet."""
    found: str | None = ((secrets.get(certificates.AUTHORITY_SECRET) or {}).get("data") or {}).get("bundle.crt")
    return found


def is_due(secrets: Secrets, *, now: str) -> bool:
    """Whether something is missing, or the time has come to look at it."""
    for name, keys in _KEYS.items():
        secret = secrets.get(name) or {}
        again = (metadata.meta(secret).get("annotations") or {}).get(certificates.RENEW_AFTER)
        if not all((secret.get("data") or {}).get(key) for key in keys) or not again:
            return True
        if metadata.seconds_between(again, now) >= 0:
            return True
    return False
