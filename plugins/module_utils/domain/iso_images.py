"""The ISO 9660 images behind a domain's disks: cloud-init's data; ConfigMaps, Secrets, service accounts and the downward API as files.

In: a VMI. Out: what the launcher puts into each image, and where the image is. What comes from a Secret is named by the directory in which the pod has it: the
launcher reads it there, and it never passes through a controller.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors, launcher_paths, metadata

DEFAULT_LABEL = "cfgdata"
#: a volume's source -> the field with the object's name, and what the object is called in messages
_CONTENTS = {
    "configMap": ("name", "ConfigMap"),
    "secret": ("secretName", "Secret"),
    "serviceAccount": ("serviceAccountName", "ServiceAccount"),
    "downwardAPI": (None, "downwardAPI"),
}


@dataclass(frozen=True, kw_only=True)
class _Flavor:
    """One of cloud-init's data sources: the label of its disk, the image's name, and the names of the files on it."""

    label: str
    image: str
    metadata: str
    user_data: str
    network_data: str


_FLAVORS = {
    "cloudInitNoCloud": _Flavor(
        label="cidata",
        image="noCloud.iso",
        metadata="meta-data",
        user_data="user-data",
        network_data="network-config",
    ),
    "cloudInitConfigDrive": _Flavor(
        label="config-2",
        image="configdrive.iso",
        metadata="openstack/latest/meta_data.json",
        user_data="openstack/latest/user_data",
        network_data="openstack/latest/network_data.json",
    ),
}


def path_of(vmi: Mapping[str, Any], volume: Mapping[str, Any]) -> str | None:
    """Where the image of a volume is; None for a volume of another kind."""
    for kind, flavor in _FLAVORS.items():
        if kind in volume:
            meta = metadata.meta(vmi)
            return launcher_paths.cloud_init_image(meta["namespace"], meta["name"], flavor.image)
    return launcher_paths.iso_image(volume["name"]) if any(kind in volume for kind in _CONTENTS) else None


def contents(vmi: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The images of directories that the launcher makes: `{"volume", "path", "label", "directory", "content", "optional"}`.

    `content` names for a person what should be in the directory; without `optional` there has to be something.
    """
    made = []
    for volume in vmi["spec"].get("volumes") or []:
        for kind, (field, words) in _CONTENTS.items():
            if kind in volume:
                given = volume[kind]
                made.append(
                    {
                        "volume": volume["name"],
                        "path": launcher_paths.iso_image(volume["name"]),
                        "label": given.get("volumeLabel") or DEFAULT_LABEL,
                        "directory": launcher_paths.content(volume["name"]),
                        "content": f"{words} {given[field]}" if field else words,
                        "optional": bool(given.get("optional")),
                    }
                )
    return made


def _metadata(vmi: Mapping[str, Any], kind: str) -> str:
    """Who the guest is. The instance-id follows from name and namespace, so that a restart is the same machine to cloud-init."""
    meta = metadata.meta(vmi)
    hostname = vmi["spec"].get("hostname") or meta["name"]
    instance = metadata.derived_uuid("cloud-init", meta["namespace"], meta["name"])
    if kind == "cloudInitNoCloud":
        return f"instance-id: {instance}\nlocal-hostname: {hostname}\n"
    told = {"uuid": instance, "instance_id": instance, "name": meta["name"], "hostname": hostname}
    return json.dumps({**told, "local_hostname": hostname}) + "\n"


def _checked(encoded: str, *, field: str) -> str:
    """The text, which has to be base64: data that are none would be a guest's surprise."""
    try:
        base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise errors.InvalidObject(f"{field} is not a valid base64 value.", field=field) from error
    return encoded


def _image(vmi: Mapping[str, Any], volume: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """The image of one volume; see `cloud_init`."""
    flavor, given, name = _FLAVORS[kind], volume[kind], volume["name"]
    files = {flavor.metadata: _metadata(vmi, kind)}
    encoded: dict[str, str] = {}
    secrets: list[dict[str, Any]] = []
    for key, reference, part, file in (
        ("userData", "secretRef", launcher_paths.USER_DATA, flavor.user_data),
        ("networkData", "networkDataSecretRef", launcher_paths.NETWORK_DATA, flavor.network_data),
    ):
        if secret := (given.get(reference) or {}).get("name"):
            directory = launcher_paths.cloud_init(name, part)
            secrets.append({"file": file, "secret": secret, "directory": directory, "keys": [part, key]})
        elif given.get(f"{key}Base64"):
            field = f"spec.volumes[{name}].{kind}.{key}Base64"
            encoded[file] = _checked(str(given[f"{key}Base64"]), field=field)
        elif given.get(key) or (kind == "cloudInitNoCloud" and key == "userData"):
            files[file] = str(given.get(key) or "")  # NoCloud is not taken for a data source without user data
    return {
        "volume": name,
        "path": path_of(vmi, volume),
        "label": flavor.label,
        "files": files,
        "files_base64": encoded,
        "secrets": secrets,
    }


def cloud_init(vmi: Mapping[str, Any]) -> dict[str, Any] | None:
    """The cloud-init image that the launcher makes, or None.

    `{"volume", "path", "label", "files": {name: text}, "files_base64": {name: text}, "secrets": [{"file", "secret", "directory", "keys"}]}`; of a
    Secret the first of its keys that is there becomes the file. Raises InvalidObject for base64 that is none, and for a second cloud-init volume: a
    guest has one data source.
    """
    found = [(volume, kind) for volume in vmi["spec"].get("volumes") or [] for kind in _FLAVORS if kind in volume]
    if not found:
        return None
    if len(found) > 1:
        field = f"spec.volumes[{found[1][0]['name']}]"
        raise errors.InvalidObject(
            f"{field}: volume {found[0][0]['name']} has cloud-init data already; put all of it into one volume",
            field=field,
        )
    return _image(vmi, *found[0])
