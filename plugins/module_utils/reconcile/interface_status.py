"""What a VMI's status says of its interfaces: addresses, hardware addresses, links.

In: the VMI and its launcher pod, with what Multus wrote into its annotation. Out: `status.interfaces`, the one with the pod's address first, as printer
columns and clients look at that. The guest agent's view is not in here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors, guest_networks, metadata, names
from ansible_collections.playvirt.core.plugins.module_utils.domain import interfaces as domain_interfaces


def interfaces(vmi: Mapping[str, Any], pod: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The list, empty for a VMI whose interfaces make no sense: a step that fails tells that, and says where."""
    try:
        attachments = guest_networks.attachments(vmi)
        ordered = sorted(attachments, key=lambda attachment: not attachment.is_primary)
        return [_interface(vmi, attachment, pod) for attachment in ordered]
    except errors.InvalidObject:
        return []


def _interface(vmi: Mapping[str, Any], attachment: guest_networks.Attachment, pod: Mapping[str, Any]) -> dict[str, Any]:
    told = _told_by_multus(attachment, pod)
    if attachment.is_primary:
        addresses = [entry["ip"] for entry in (pod.get("status") or {}).get("podIPs") or []]
    else:
        addresses = list(told.get("ips") or [])
    return {
        "name": attachment.name,
        **({"ipAddress": addresses[0], "ipAddresses": addresses} if addresses else {}),
        "mac": domain_interfaces.mac_address(vmi, attachment.interface),
        "infoSource": "domain, multus-status" if told else "domain",
        "podInterfaceName": told.get("interface") or attachment.uplink,
        "queueCount": guest_networks.queues(vmi, attachment),
        "linkState": attachment.interface.get("state") or "up",
    }


def _told_by_multus(attachment: guest_networks.Attachment, pod: Mapping[str, Any]) -> Mapping[str, Any]:
    """What Multus says of the pod's interface to this network; empty where there is no Multus."""
    for entry in _network_status(pod):
        if entry.get("interface") == attachment.uplink:
            return entry
    for entry in _network_status(pod):
        if entry.get("interface") == attachment.fallback:
            return entry
    return {}


def _network_status(pod: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The entries of Multus' annotation; nothing where it is no list of objects."""
    annotations = metadata.meta(pod).get("annotations") or {}
    try:
        listed = json.loads(annotations.get(names.MULTUS_STATUS) or "[]")
    except ValueError:
        return
    yield from (entry for entry in listed if isinstance(entry, Mapping)) if isinstance(listed, list) else ()
