"""Knowing one's own definition again: a digest of the XML that was asked for, kept in the domain's metadata.

libvirt completes what it is given (addresses, defaults), so the XML that it shows never equals the XML that it was given, and comparing them would
say "changed" for ever. In: a connection, a domain's name, the XML. Out: whether the domain was defined from exactly that text. Called by: module
libvirt_domain.
"""

from __future__ import annotations

import hashlib

from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import bindings, connection, domain

_NAMESPACE = "https://playvirt.io/xmlns/definition"
_PREFIX = "playvirt"


def digest(xml: str) -> str:
    """Return the digest of a definition as asked for."""
    return hashlib.sha256(xml.encode()).hexdigest()


def is_current(conn: connection.Connection, name: str, xml: str) -> bool:
    """Return whether the persistent definition of a domain was made from exactly this XML. Raises HypervisorError, DomainNotFound."""
    libvirt = bindings.library()
    with bindings.translated(f"reading the metadata of domain {name}"):
        found = conn.lookupByName(name)
        try:
            kept = found.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, _NAMESPACE, libvirt.VIR_DOMAIN_AFFECT_CONFIG)
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN_METADATA:
                return False
            raise
    return digest(xml) in str(kept)


def define(conn: connection.Connection, xml: str) -> str:
    """Define the domain and keep the digest with it; return the domain's name. Raises HypervisorError.

    When this ends between the two, the digest is missing and the next run defines once more, which changes nothing.
    """
    libvirt = bindings.library()
    name = domain.define(conn, xml)
    element = f"<definition sha256='{digest(xml)}'/>"
    with bindings.translated(f"writing the metadata of domain {name}"):
        conn.lookupByName(name).setMetadata(
            libvirt.VIR_DOMAIN_METADATA_ELEMENT, element, _PREFIX, _NAMESPACE, libvirt.VIR_DOMAIN_AFFECT_CONFIG
        )
    return name
