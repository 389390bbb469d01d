"""Rules for access credentials: keys and passwords that are brought into the guest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import subject, tree
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import Cause

#: type of credential -> the ways into the guest
_WAYS = {"sshPublicKey": ("noCloud", "configDrive", "qemuGuestAgent"), "userPassword": ("qemuGuestAgent",)}
_VOLUMES = {"noCloud": "cloudInitNoCloud", "configDrive": "cloudInitConfigDrive"}


def _credential(credential: Mapping[str, Any], kind: str, field: str, seeds: frozenset[str]) -> Iterator[Cause]:
    """`field` is the entry in the list, which messages name; causes point at what is in it. `seeds` are the kinds of cloud-init volumes that there are."""
    ways = tree.section(credential, "propagationMethod")
    place = tree.path(field, kind, "propagationMethod")
    chosen = [way for way in _WAYS[kind] if tree.has(ways, way)]
    if not tree.has(tree.section(credential, "source"), "secret"):
        yield Cause(tree.path(field, kind, "source"), f"{field} must have exactly one source set")
    if len(chosen) != 1:
        yield Cause(place, f"{field} must have exactly one propagationMethod set")
    for way, volume in _VOLUMES.items():
        if way in chosen and volume not in seeds:
            yield Cause(place, f"{field} requires a {way} volume to exist when the {way} propagationMethod is in use.")
    if "qemuGuestAgent" in chosen and kind == "sshPublicKey" and not tree.strings(ways, "qemuGuestAgent", "users"):
        yield Cause(
            tree.path(place, "qemuGuestAgent", "users"),
            f"{field} requires at least one user to be present in the users list",
        )


def _credentials(it: subject.Subject) -> Iterator[Cause]:
    volumes = tree.entries(it.spec, "volumes")
    seeds = frozenset(kind for kind in _VOLUMES.values() for volume in volumes if tree.has(volume, kind))
    for index, entry in enumerate(tree.entries(it.spec, "accessCredentials")):
        field = it.at("accessCredentials", index)
        given = [kind for kind in _WAYS if tree.has(entry, kind)]
        for kind in given:
            yield from _credential(tree.section(entry, kind), kind, field, seeds)
        if len(given) != 1:
            yield Cause(field, f"{field} must have exactly one access credential type set")


RULES: tuple[subject.Rule, ...] = (_credentials,)
