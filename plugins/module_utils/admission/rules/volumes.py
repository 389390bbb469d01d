"""Rules for volumes: their names, their one source, and what each source needs."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import amounts, subject, tree
from ansible_collections.playvirt.core.plugins.module_utils.admission.rules import firmware
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import NOT_FOUND, REQUIRED, Cause

SOURCES = (
    "cloudInitConfigDrive",
    "cloudInitNoCloud",
    "configMap",
    "containerDisk",
    "containerPath",
    "dataVolume",
    "downwardAPI",
    "downwardMetrics",
    "emptyDisk",
    "ephemeral",
    "hostDisk",
    "memoryDump",
    "persistentVolumeClaim",
    "secret",
    "serviceAccount",
    "sysprep",
)
_NEEDED = {
    "configMap": ("name",),
    "secret": ("secretName",),
    "serviceAccount": ("serviceAccountName",),
}
_AT_MOST_ONE = {
    "serviceAccount": "serviceAccount",
    "downwardMetrics": "downwardMetric",
    "memoryDump": "memory dump",
}
_STORAGE = ("persistentVolumeClaim", "dataVolume")


def _sources(volume: Mapping[str, Any], field: str) -> Iterator[Cause]:
    if len([source for source in SOURCES if tree.has(volume, source)]) != 1:
        yield Cause(field, f"{field} must have exactly one source type set")
    if tree.has(volume, "dataVolume") and not tree.text(tree.section(volume, "dataVolume"), "name"):
        yield Cause(tree.path(field, "dataVolume", "name"), "DataVolume 'name' must be set", REQUIRED)
    for source, needed in _NEEDED.items():
        for name in needed if tree.has(volume, source) else ():
            place = tree.path(field, source, name)
            if not tree.text(tree.section(volume, source), name):
                yield Cause(place, f"{place} is a required field")
    path = tree.text(tree.section(volume, "containerDisk"), "path")
    place = tree.path(field, "containerDisk", "path")
    for problem in firmware.path_problems(place, path) if path else ():
        yield Cause(place, problem)


def _is_plain_path(path: str) -> bool:
    """Whether it names a file below a directory from the root on, without detours."""
    return path.startswith("/") and path.count("/") > 1 and posixpath.normpath(path) == path


def _host_disk(volume: Mapping[str, Any], field: str) -> Iterator[Cause]:
    source, place = tree.section(volume, "hostDisk"), tree.path(field, "hostDisk")
    path, kind = tree.path(place, "path"), tree.text(source, "type")
    if not tree.text(source, "path"):
        yield Cause(path, f"{path} is required for hostDisk volume", NOT_FOUND)
    elif not _is_plain_path(tree.text(source, "path")):
        problem = (
            f"{path} '{tree.text(source, 'path')}' is not the absolute path of a file, such as /srv/disks/data.img"
        )
        yield Cause(path, problem)
    type_field = tree.path(place, "type")
    if kind not in ("Disk", "DiskOrCreate"):
        problem = f"{type_field} has invalid value '{kind}', allowed are 'Disk' or 'DiskOrCreate'"
        yield Cause(type_field, problem)
    if kind == "Disk" and amounts.amount(source, "capacity"):
        capacity = tree.path(place, "capacity")
        yield Cause(capacity, f"{capacity} is allowed to pass only with {type_field} equal to 'DiskOrCreate'")


def _each(it: subject.Subject) -> Iterator[Cause]:
    first: dict[str, str] = {}
    for index, volume in enumerate(tree.entries(it.spec, "volumes")):
        field, name = it.at("volumes", index), tree.text(volume, "name")
        if name in first:
            yield Cause(tree.path(field, "name"), f"{field} and {first[name]} must not have the same Name.")
        first.setdefault(name, field)
        yield from _sources(volume, field)
        if tree.has(volume, "hostDisk"):
            if not it.settings.has_gate("HostDisk"):
                yield Cause(field, "HostDisk feature gate is not enabled")
            yield from _host_disk(volume, field)
        if tree.has(volume, "downwardMetrics") and not it.settings.has_gate("DownwardMetrics"):
            problem = "downwardMetrics disks are not allowed: DownwardMetrics feature gate is not enabled."
            yield Cause(field, problem)


def _once(it: subject.Subject) -> Iterator[Cause]:
    volumes, field = tree.entries(it.spec, "volumes"), it.at("volumes")
    for source, words in _AT_MOST_ONE.items():
        if len([volume for volume in volumes if tree.has(volume, source)]) > 1:
            yield Cause(field, f"{field} must have max one {words} volume set")


def _filesystems(it: subject.Subject) -> Iterator[Cause]:
    volumes = {tree.text(volume, "name"): volume for volume in tree.entries(it.spec, "volumes")}
    for index, filesystem in enumerate(tree.entries(it.devices, "filesystems")):
        volume = volumes.get(tree.text(filesystem, "name"))
        field = it.at("domain", "devices", "filesystems", index)
        if volume is None:
            name = tree.path(field, "name")
            yield Cause(name, f"{name} '{tree.text(filesystem, 'name')}' not found.")
        elif any(tree.has(volume, kind) for kind in _STORAGE) and not it.settings.has_gate("VirtIOFSStorageVolume"):
            place = tree.path(field, "virtiofs")
            yield Cause(place, "virtiofs is not allowed: virtiofs feature gate is not enabled for PVC")


RULES: tuple[subject.Rule, ...] = (_each, _once, _filesystems)
