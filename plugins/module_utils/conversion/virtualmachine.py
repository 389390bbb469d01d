"""VirtualMachine from one version to another: v1, v1alpha3 (the same shape) and the oldest form, v1alpha1.

What has no place in the other version goes into an annotation and comes back from it, so that no way there and back changes anything:

- in v1, `playvirt.io/v1alpha1` says whether the oldest form had its domain directly in spec, and the names of disks that are not their volume's:
  `{"direct":true,"disks":[["registryvolume","mydisk"],["scratch",null]]}`, volume and disk, null where the disk named no volume.
- in v1alpha1, `playvirt.io/v1` is what v1's template says beside its spec, where that is not what the oldest form stands for (the machine's own labels).

An object may be changed in either version in between: a note that no longer fits what it speaks of has no effect, and is kept as it is.
In: objects as on the wire, which a schema has looked at. Out: new objects; they share what has not changed. Called by virt-api for the API server's
ConversionReviews, and by admission.
"""

from __future__ import annotations

import collections
import json
import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors, virtualmachine

GROUP = "kubevirt.io"
V1, V1ALPHA3, V1ALPHA1 = f"{GROUP}/v1", f"{GROUP}/v1alpha3", f"{GROUP}/v1alpha1"
VERSIONS = (V1, V1ALPHA3, V1ALPHA1)
#: in v1: what only v1alpha1 can say
OLDEST_NOTE = "playvirt.io/v1alpha1"
#: in v1alpha1: what only v1 can say
MODERN_NOTE = "playvirt.io/v1"
ONCE = "Once"

_Object = dict[str, Any]
_DISK_NAME = re.compile(r"(\.domain\.devices\.disks\[([0-9]{1,9})\])\.name")
_BESIDE_THE_INSTANCE = frozenset(virtualmachine.SPEC_FIELDS)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _read(text: Any) -> Mapping[str, Any]:
    """What a note says; nothing where it is not readable."""
    try:
        found = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _inside(obj: Any, *names: str) -> Mapping[str, Any]:
    """The object found by going down the names, empty where there is none."""
    for name in names:
        obj = obj.get(name) if isinstance(obj, Mapping) else None
    return obj if isinstance(obj, Mapping) else {}


def _note(obj: Mapping[str, Any], name: str) -> Any:
    return _inside(obj, "metadata", "annotations").get(name)


def _noted(obj: _Object, name: str, text: str | None) -> _Object:
    """A copy of the object with the annotation set, or without it."""
    meta = dict(_inside(obj, "metadata"))
    meta.pop("annotations", None)
    others = {key: value for key, value in _inside(obj, "metadata", "annotations").items() if key != name}
    if text is not None:
        others[name] = text
    if others:
        meta["annotations"] = others
    return {**obj, "metadata": meta} if meta or "metadata" in obj else obj


def is_direct(spec: Mapping[str, Any]) -> bool:
    """Whether the spec of a v1alpha1 machine is that of an instance, which runs once."""
    return "domain" in spec and "template" not in spec


# -- an instance's spec


def _with_disks(instance: Mapping[str, Any], disks: list[Any]) -> _Object:
    domain = instance["domain"]
    return {**instance, "domain": {**domain, "devices": {**domain["devices"], "disks": disks}}}


def _disks(instance: Mapping[str, Any]) -> list[Any]:
    found = _inside(instance, "domain", "devices").get("disks")
    return found if isinstance(found, list) else []


def _is_named(disk: Any) -> bool:
    return (
        isinstance(disk, Mapping) and isinstance(disk.get("name"), str) and isinstance(disk.get("volumeName", ""), str)
    )


def _renamed_volumes(instance: Mapping[str, Any], old: str, new: str) -> _Object:
    volumes = instance.get("volumes")
    if not isinstance(volumes, list):
        return dict(instance)
    renamed = [
        {(new if name == old else name): value for name, value in volume.items()}
        if isinstance(volume, Mapping) and old in volume and new not in volume
        else volume
        for volume in volumes
    ]
    return {**instance, "volumes": renamed}


def _disk_notes(instance: Mapping[str, Any]) -> list[list[str | None]]:
    """Volume and disk of the v1alpha1 disks that v1 would not give the same names; null for a disk that names no volume.

    Where a volume is on several disks (which admission refuses), all of them are noted, so that their order stays.
    """
    pairs: list[list[str | None]] = [
        [disk.get("volumeName", disk["name"]), disk["name"] if "volumeName" in disk else None]
        for disk in filter(_is_named, _disks(instance))
    ]
    noted = {volume for volume, name in pairs if name != volume}
    return [pair for pair in pairs if pair[0] in noted]


def _modern_instance(instance: Mapping[str, Any]) -> _Object:
    converted = _renamed_volumes(instance, "registryDisk", "containerDisk")
    disks = [
        {
            name: value
            for name, value in {**disk, "name": disk.get("volumeName", disk["name"])}.items()
            if name != "volumeName"
        }
        if _is_named(disk)
        else disk
        for disk in _disks(instance)
    ]
    return _with_disks(converted, disks) if disks else converted


def _names_by_volume(pairs: Any) -> dict[str, collections.deque[Any]]:
    """What the noted pairs of volume and disk say of each volume's disks, in order; what is no pair says nothing."""
    found: dict[str, collections.deque[Any]] = {}
    for pair in pairs if isinstance(pairs, list) else ():
        if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str):
            found.setdefault(pair[0], collections.deque()).append(pair[1])
    return found


def _oldest_instance(instance: Mapping[str, Any], notes: Mapping[str, Any]) -> _Object:
    converted = _renamed_volumes(instance, "containerDisk", "registryDisk")
    unused = _names_by_volume(notes.get("disks"))
    disks = []
    for disk in _disks(instance):
        if not _is_named(disk):
            disks.append(disk)
            continue
        volume = disk["name"]
        name = unused[volume].popleft() if unused.get(volume) else volume
        if name is None:
            disks.append(disk)
        else:
            disks.append({**disk, "name": name if isinstance(name, str) else volume, "volumeName": volume})
    return _with_disks(converted, disks) if disks else converted


# -- a machine's spec


def _labels_template(obj: Mapping[str, Any]) -> _Object:
    """What the template of a machine in the oldest form says beside its spec: the instance and its pod have the machine's labels."""
    labels = _inside(obj, "metadata", "labels")
    return {"metadata": {"labels": dict(labels)}} if labels else {}


def _to_modern(obj: Mapping[str, Any]) -> tuple[_Object, _Object]:
    """The v1 object without notes, and what has to be noted with it."""
    spec = _inside(obj, "spec")
    instance = spec if is_direct(spec) else _inside(spec, "template", "spec")
    notes: _Object = {}
    if disks := _disk_notes(instance):
        notes["disks"] = disks
    converted = _noted({**obj, "apiVersion": V1}, OLDEST_NOTE, None)
    if not is_direct(spec):
        if instance:
            converted["spec"] = {**spec, "template": {**spec["template"], "spec": _modern_instance(instance)}}
        return converted, notes
    beside = {name: value for name, value in spec.items() if name in _BESIDE_THE_INSTANCE}
    own = {name: value for name, value in spec.items() if name not in _BESIDE_THE_INSTANCE}
    written = _note(obj, MODERN_NOTE)
    template = _labels_template(obj) if written is None else dict(_read(written))
    if not {"running", "runStrategy"} & set(beside):
        beside["runStrategy"] = ONCE
    converted["spec"] = {**beside, "template": {**template, "spec": _modern_instance(own)}}
    return _noted(converted, MODERN_NOTE, None), {**notes, "direct": True}


def _fits_directly(spec: Mapping[str, Any]) -> bool:
    """Whether a v1 spec can be said with the domain directly in it."""
    own = _inside(spec, "template", "spec")
    if "domain" not in own or set(own) & _BESIDE_THE_INSTANCE:
        return False
    return spec.get("runStrategy") == ONCE and set(spec) <= _BESIDE_THE_INSTANCE - {"running"}


def _to_oldest(obj: Mapping[str, Any], notes: Mapping[str, Any]) -> _Object:
    """The v1alpha1 object without what is noted in v1."""
    spec = _inside(obj, "spec")
    converted = _noted({**obj, "apiVersion": V1ALPHA1}, OLDEST_NOTE, None)
    instance = _inside(spec, "template", "spec")
    if not (notes.get("direct") is True and _fits_directly(spec)):
        if instance:
            oldest = _oldest_instance(instance, notes)
            converted["spec"] = {**spec, "template": {**spec["template"], "spec": oldest}}
        return converted
    beside = {name: value for name, value in spec.items() if name not in ("runStrategy", "template")}
    converted["spec"] = {**beside, **_oldest_instance(instance, notes)}
    template = {name: value for name, value in spec["template"].items() if name != "spec"}
    same = template == _labels_template(obj)
    return _noted(converted, MODERN_NOTE, None if same else _text(template))


def _modern(obj: Mapping[str, Any]) -> _Object:
    converted, notes = _to_modern(obj)
    text = _text(notes) if notes else None
    written = _note(obj, OLDEST_NOTE)
    if written is not None and _to_oldest(converted, _read(written)) == _noted(dict(obj), OLDEST_NOTE, None):
        text = written
    return _noted(converted, OLDEST_NOTE, text)


def _oldest(obj: Mapping[str, Any]) -> _Object:
    written = _note(obj, OLDEST_NOTE)
    converted = _to_oldest(obj, _read(written))
    _, notes = _to_modern(converted)
    if written is None or written == (_text(notes) if notes else None):
        return converted
    return _noted(converted, OLDEST_NOTE, written)


def convert(obj: Mapping[str, Any], api_version: str) -> dict[str, Any]:
    """The machine in another version, such as `kubevirt.io/v1`.

    Raises InvalidObject where the object is no VirtualMachine, or a version is none of VERSIONS.
    """
    own = obj.get("apiVersion")
    if obj.get("kind") != "VirtualMachine" or own not in VERSIONS or api_version not in VERSIONS:
        raise errors.InvalidObject(
            f"cannot convert {own} {obj.get('kind')} to {api_version}: only VirtualMachine is converted, between {', '.join(VERSIONS)}",
            field="apiVersion",
        )
    if V1ALPHA1 not in (own, api_version) or own == api_version:
        return {**obj, "apiVersion": api_version}
    if api_version == V1ALPHA1:
        return _oldest({**obj, "apiVersion": V1})
    return {**_modern(obj), "apiVersion": api_version}


def field_as_posted(obj: Mapping[str, Any], field: str) -> str:
    """The path that a v1alpha1 object's field has in it, from the path that it has in v1.

    `spec.template.spec.domain.devices.disks[0].name` is `spec.domain.devices.disks[0].volumeName` where the domain is directly in spec and the disk names
    its volume; the template's metadata are then the machine's own. Paths that are the same in both are returned as they are.
    """
    spec = _inside(obj, "spec")
    direct = is_direct(spec)
    prefix, beside = "spec.template.spec", "spec.template.metadata"
    if direct and (field == beside or field.startswith(beside + ".")):
        return field.removeprefix("spec.template.")
    if field != prefix and not field.startswith(prefix + "."):
        return field
    rest = field[len(prefix) :]
    instance = spec if direct else _inside(spec, "template", "spec")
    if found := _DISK_NAME.fullmatch(rest):
        place, index = found.group(1), int(found.group(2))
        disk = next(iter(_disks(instance)[index:]), None)
        if isinstance(disk, Mapping) and "volumeName" in disk:
            rest = f"{place}.volumeName"
    head, dot, tail = rest.partition("].containerDisk")
    if dot and head.startswith(".volumes[") and tail[:1] in ("", "."):
        rest = f"{head}].registryDisk{tail}"
    return ("spec" if direct else prefix) + rest
