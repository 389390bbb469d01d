"""Rules for cloud-init volumes: one source for each kind of data, small enough to live in the object."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import subject, tree
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import Cause

_KINDS = ("cloudInitNoCloud", "cloudInitConfigDrive")
_LIMIT = 2048
#: what -> (field of the text, field of the Secret, words for "more than one", the Secret as messages name it)
_DATA = {
    "userdata": ("userData", "secretRef", "userdatasource", "UserDataSecretRef"),
    "networkdata": ("networkData", "networkDataSecretRef", "networkdata source", "NetworkDataSecretRef"),
}


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _source(source: Mapping[str, Any], kind: str, field: str, what: str) -> tuple[int, list[Cause]]:
    """How many sources there are of one kind of data, and what is wrong with them."""
    name, reference, words, secret = _DATA[what]
    plain, encoded = tree.text(source, name), tree.text(source, f"{name}Base64")
    found: list[Cause] = []
    size = len(plain.encode(errors="surrogatepass"))
    if encoded:
        decoded, place = _decoded(encoded), tree.path(field, f"{name}Base64")
        if decoded is None:
            found.append(Cause(place, f"{place}.{kind}.{name}Base64 is not a valid base64 value."))
        size = max(size, len(decoded or b""))
    number = bool(plain) + bool(encoded) + bool(tree.text(tree.section(source, reference), "name"))
    if number > 1:
        found.append(Cause(field, f"{field} must have only one {words} set."))
    if size > _LIMIT:
        found.append(Cause(field, f"{field} {what} exceeds {_LIMIT} byte limit. Should use {secret} for larger data."))
    return number, found


def _cloud_init(it: subject.Subject) -> Iterator[Cause]:
    for index, volume in enumerate(tree.entries(it.spec, "volumes")):
        for kind in _KINDS:
            if not tree.has(volume, kind):
                continue
            field, source, sources = it.at("volumes", index, kind), tree.section(volume, kind), 0
            for what in _DATA:
                number, found = _source(source, kind, field, what)
                sources += number
                yield from found
            if not sources:
                yield Cause(field, f"{field} must have at least one userdatasource or one networkdatasource set.")


RULES: tuple[subject.Rule, ...] = (_cloud_init,)
