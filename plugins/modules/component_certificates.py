#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Makes and renews the certificates by which playvirt's components know each other, in Secrets.

In: the installation's namespace. Out: whether something was made, and when to look again; keys never leave the module but into their Secret. Called by
role kubevirt. When what is made is decided in module_utils/installation/certificates.py.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: component_certificates
short_description: Make and renew the certificates of playvirt's components
version_added: "0.1.0"
description:
  - Keeps the Secret C(kubevirt-ca), an authority of the installation's own, and C(kubevirt-virt-api-certs), the certificate of virt-api's webhooks.
  - The authority's Secret has C(bundle.crt), every authority that is to be trusted. One that follows is trusted before it signs, so that a renewal refuses no
    request.
  - Private keys are written to the Secrets and nowhere else.
requirements:
  - cryptography
options:
  namespace:
    description: The installation's namespace.
    type: str
    required: true
  owner:
    description: An owner reference for the Secrets.
    type: dict
extends_documentation_fragment: [playvirt.core.kubernetes]
attributes:
  check_mode:
    description: Says whether something would be made.
    support: full
author: The playvirt developers (@playvirt)
"""

EXAMPLES = r"""
- name: Make the certificates that are missing or due
  playvirt.core.component_certificates:
    namespace: kubevirt
"""

RETURN = r"""
renew_after:
  description: When to look again.
  returned: success
  type: str
  sample: "2030-01-01T00:00:00Z"
made:
  description: What was made.
  returned: success
  type: list
  elements: str
  sample: [authority, serving]
"""

import base64
import binascii
import datetime
from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils import module_main
from ansible_collections.playvirt.core.plugins.module_utils.api import metadata, names
from ansible_collections.playvirt.core.plugins.module_utils.cluster import pki
from ansible_collections.playvirt.core.plugins.module_utils.installation import certificates, pods, webhooks
from ansible_collections.playvirt.core.plugins.module_utils.k8s import client, options

ARGUMENT_SPEC: dict[str, Any] = {
    "namespace": {"type": "str", "required": True},
    "owner": {"type": "dict"},
    **options.ARGUMENT_SPEC,
}

_Data = dict[str, bytes]


def _data(secret: Mapping[str, Any] | None) -> _Data:
    """What a Secret holds; what is no base64 counts as not there."""
    found: _Data = {}
    for key, text in ((secret or {}).get("data") or {}).items():
        try:
            found[key] = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            continue
    return found


def _pair(data: _Data, prefix: str) -> pki.Pair | None:
    """A certificate with its key, None where they cannot be used."""
    certificate, key = data.get(f"{prefix}.crt"), data.get(f"{prefix}.key")
    if not certificate or not key or pki.find_dates(certificate) is None or not pki.belong_together(certificate, key):
        return None
    return pki.Pair(certificate=certificate, key=key)


class _Keeper:
    """The two Secrets, what is in them, and what is to be."""

    def __init__(self, connection: client.Client, params: Mapping[str, Any], now: datetime.datetime) -> None:
        self._connection = connection
        self._namespace, self._owner = params["namespace"], params["owner"]
        self._now = now
        self._found = {
            name: connection.get("v1", "Secret", namespace=self._namespace, name=name)
            for name in (certificates.AUTHORITY_SECRET, certificates.SERVING_SECRET)
        }
        held = _data(self._found[certificates.AUTHORITY_SECRET])
        self.authority, self.next = _pair(held, "tls"), _pair(held, "next")
        self.serving = _pair(_data(self._found[certificates.SERVING_SECRET]), "tls")
        self.trusted = pki.split(held.get("trusted.crt", b""))
        self._request = pki.Request(
            common_name=f"{certificates.SERVICE}.{self._namespace}.svc",
            organizations=(),
            names=certificates.service_names(self._namespace),
        )

    def facts(self) -> certificates.Facts:
        """What there is."""
        authority = pki.find_dates(self.authority.certificate) if self.authority else None
        following = pki.find_dates(self.next.certificate) if self.next else None
        serving = pki.find_dates(self.serving.certificate) if self.serving else None
        fits = bool(
            self.authority and self.serving and pki.says(self.serving.certificate, self._request, self.authority)
        )
        return certificates.Facts(
            authority_until=authority[1] if authority else None,
            next_since=following[0] if following else None,
            serving_until=serving[1] if serving else None,
            fits=fits,
        )

    def _new_authority(self) -> pki.Pair:
        return pki.new_authority("playvirt", now=self._now, days=certificates.AUTHORITY_DAYS)

    def make(self, decision: certificates.Decision) -> list[str]:
        """Make what the decision says; what was made."""
        made = []
        if decision.new_authority:
            self.authority, self.next = self._new_authority(), None
            made.append("authority")
        if decision.new_next:
            self.next = self._new_authority()
            made.append("next authority")
        if decision.promote and self.authority and self.next:
            self.trusted.append(self.authority.certificate)
            self.authority, self.next = self.next, None
            made.append("promotion")
        if decision.new_serving and self.authority:
            self.serving = pki.new_certificate(
                self._request, self.authority, now=self._now, days=certificates.SERVING_DAYS
            )
            made.append("serving")
        return made

    def write(self, again: datetime.datetime) -> bool:
        """Write the authority first: who serves with a certificate of it is to be trusted already. Returns whether anything was different."""
        if self.authority is None or self.serving is None:
            raise ValueError("nothing was made")
        dates = [(pem, pki.find_dates(pem)) for pem in self.trusted]
        trusted = [pem for pem, found in dates if found is not None and found[1] > self._now]
        bundle = [self.authority.certificate, *([self.next.certificate] if self.next else []), *trusted]
        held = {"tls.crt": self.authority.certificate, "tls.key": self.authority.key, "bundle.crt": b"".join(bundle)}
        if self.next:
            held |= {"next.crt": self.next.certificate, "next.key": self.next.key}
        if trusted:
            held["trusted.crt"] = b"".join(trusted)
        changed = self._put(certificates.AUTHORITY_SECRET, "Opaque", held, again)
        served = {"tls.crt": self.serving.certificate, "tls.key": self.serving.key}
        return self._put(certificates.SERVING_SECRET, "kubernetes.io/tls", served, again) or changed

    def _put(self, name: str, secret_type: str, data: _Data, again: datetime.datetime) -> bool:
        """Create or replace; with the resourceVersion that was read, so that two never make one each."""
        found = self._found[name]
        meta: dict[str, Any] = {
            "name": name,
            "namespace": self._namespace,
            "labels": {**pods.labels(webhooks.NAME), names.MANAGED_BY: pods.MANAGER},
            "annotations": {certificates.RENEW_AFTER: metadata.format_time(again)},
            **({"ownerReferences": [dict(self._owner)]} if self._owner else {}),
        }
        encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
        obj = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": secret_type, "data": encoded}
        if found is None:
            self._connection.create(obj)
            return True
        annotations = metadata.meta(found).get("annotations") or {}
        if found.get("data") == encoded and meta["annotations"].items() <= annotations.items():
            return False
        gone = {key: None for key in found.get("data") or {} if key not in encoded}
        meta["resourceVersion"] = metadata.meta(found)["resourceVersion"]
        self._connection.patch(obj, {"metadata": meta, "data": {**encoded, **gone}})
        return True


def run(params: Mapping[str, Any], *, check_mode: bool, now: datetime.datetime | None = None) -> dict[str, Any]:
    """Look, decide, make, write; raises Conflict where another did the same meanwhile."""
    moment = now or datetime.datetime.now(datetime.UTC)
    keeper = _Keeper(client.connect(options.auth(params)), params, moment)
    decision = certificates.decide(keeper.facts(), now=moment)
    if check_mode:
        return {"changed": decision.changes, "renew_after": metadata.format_time(decision.again), "made": []}
    made = keeper.make(decision)
    changed = keeper.write(decision.again)
    return {"changed": changed, "renew_after": metadata.format_time(decision.again), "made": made}


def main() -> None:
    """Run as a module."""
    module_main.run_module(run, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
