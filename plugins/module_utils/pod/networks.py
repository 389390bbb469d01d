"""What a launcher pod needs for the guest's networks: Multus' annotations, name resolution, and the system calls of passt.

In: a VMI. Out: parts of the pod's manifest. Called by launcher.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors, guest_networks, metadata, names


def multus_annotations(vmi: Mapping[str, Any]) -> dict[str, str]:
    """What asks Multus for the VMI's networks beside the pod's own, each under the name that guest_networks gives it.

    Networks that the VMI's own annotation asks for stay: ours are put behind them. Raises InvalidObject for
    an interface without a network, and for an annotation that is broken.
    """
    found: dict[str, str] = {}
    asked = []
    for attachment in guest_networks.attachments(vmi):
        multus = attachment.network.get("multus")
        if multus is None:
            continue
        namespace, name = _network_name(vmi, multus["networkName"])
        if attachment.is_primary:
            found[names.MULTUS_DEFAULT] = f"{namespace}/{name}"
            continue
        mac = attachment.interface.get("macAddress")
        own_mac = {"mac": str(mac).lower().replace("-", ":")} if mac else {}
        asked.append({"name": name, "namespace": namespace, **own_mac, "interface": attachment.uplink})
    if asked:
        written = (metadata.meta(vmi).get("annotations") or {}).get(names.MULTUS_NETWORKS) or ""
        found[names.MULTUS_NETWORKS] = json.dumps([*_parse_selection(vmi, written), *asked])
    return found


def _network_name(vmi: Mapping[str, Any], text: str) -> tuple[str, str]:
    """The namespace and name of a NetworkAttachmentDefinition; that of the VMI where only a name is given."""
    namespace, _, name = text.rpartition("/")
    return namespace or metadata.meta(vmi)["namespace"], name


def _parse_selection(vmi: Mapping[str, Any], written: str) -> list[Mapping[str, Any]]:
    """What an annotation asks for, in either of the ways that Multus knows: JSON, or `namespace/name@interface` with commas between."""
    if written.lstrip().startswith("["):
        try:
            listed = json.loads(written)
        except ValueError as error:
            field = f"metadata.annotations[{names.MULTUS_NETWORKS}]"
            raise errors.InvalidObject(f"{field}: not JSON: {error}.", field=field) from error
        return list(listed)
    selected: list[Mapping[str, Any]] = []
    for entry in filter(None, (part.strip() for part in written.split(","))):
        network, _, interface = entry.partition("@")
        namespace, name = _network_name(vmi, network)
        selected.append({"name": name, "namespace": namespace, **({"interface": interface} if interface else {})})
    return selected


def dns(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The pod's name resolution, which the guest is told by DHCP, and the domain that it is listed in."""
    fields = ("subdomain", "dnsPolicy", "dnsConfig")
    return {field: spec[field] for field in fields if spec.get(field)}


def seccomp_profile(vmi: Mapping[str, Any]) -> dict[str, str] | None:
    """The profile of the container with QEMU where it is not the runtime's own: passt makes itself namespaces, which that forbids."""
    if all(attachment.binding != "passt" for attachment in guest_networks.attachments(vmi)):
        return None
    return {"type": "Localhost", "localhostProfile": names.PASST_SECCOMP_PROFILE}
