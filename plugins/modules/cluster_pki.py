# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Module cluster_pki: a directory of certificate authorities, certificates and key pairs.

In: names and subjects. Out: PEM files NAME.crt and NAME.key (authorities too), NAME.key and NAME.pub for key pairs, and the list of
those that were made. Called by: role embedded_cluster; the cryptography is in module_utils/cluster/pki.py.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_pki
short_description: Keep a cluster's certificates in a directory
description:
  - Makes what is missing, wrong (another subject, other names, another authority) or about to expire; leaves the rest alone.
version_added: 0.1.0
author: The playvirt developers (@playvirt)
options:
  directory:
    description: Directory of the files, made with mode 0700.
    type: path
    required: true
  authorities:
    description: Names of the certificate authorities.
    type: list
    elements: str
    default: []
  certificates:
    description: The certificates.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the files, without extension.
        type: str
        required: true
      authority:
        description: Name of the authority that signs.
        type: str
        required: true
      common_name:
        description: Common name of the subject.
        type: str
        required: true
      organizations:
        description: Organizations of the subject, which are groups to Kubernetes.
        type: list
        elements: str
        default: []
      names:
        description: DNS names and addresses; a certificate with any is good for a server as well.
        type: list
        elements: str
        default: []
  key_pairs:
    description: Names of key pairs without a certificate.
    type: list
    elements: str
    default: []
  days:
    description: How long a certificate is good for; authorities ten times as long.
    type: int
    default: 365
  renew_days:
    description: A certificate that expires within this time is made anew.
    type: int
    default: 30
"""

EXAMPLES = r"""
- name: Keep the certificates of a small cluster
  playvirt.core.cluster_pki:
    directory: /var/lib/cluster/pki
    authorities: [cluster]
    certificates:
      - name: admin
        authority: cluster
        common_name: admin
        organizations: [system:masters]
"""

RETURN = r"""
made:
  description: Names of what was made.
  type: list
  elements: str
  returned: always
"""

import datetime
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils import module_main
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.cluster import pki

ARGUMENT_SPEC: Mapping[str, Any] = {
    "directory": {"type": "path", "required": True},
    "authorities": {"type": "list", "elements": "str", "default": []},
    "certificates": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "authority": {"type": "str", "required": True},
            "common_name": {"type": "str", "required": True},
            "organizations": {"type": "list", "elements": "str", "default": []},
            "names": {"type": "list", "elements": "str", "default": []},
        },
    },
    "key_pairs": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "days": {"type": "int", "default": 365},
    "renew_days": {"type": "int", "default": 30},
}


def run(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Make what is missing; raises InvalidObject when a certificate names an authority that is not in the list."""
    directory = pathlib.Path(params["directory"])
    now = datetime.datetime.now(tz=datetime.UTC)
    if not check_mode:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    made: list[str] = []
    authorities: dict[str, pki.Pair] = {}
    for name in params["authorities"]:
        pair = _read(directory, name)
        if pair is None or not pki.lasts(pair.certificate, now=now, days=params["renew_days"]):
            pair = pki.new_authority(name, now=now, days=10 * params["days"])
            made.append(name)
            _write(directory, name, {"key": pair.key, "crt": pair.certificate}, check_mode=check_mode)
        authorities[name] = pair
    for wanted in params["certificates"]:
        authority = authorities.get(wanted["authority"])
        if authority is None:
            raise errors.InvalidObject(
                f"certificate {wanted['name']}: authority {wanted['authority']!r} is not among authorities",
                field="certificates",
            )
        request = pki.Request(
            common_name=wanted["common_name"],
            organizations=tuple(wanted["organizations"]),
            names=tuple(wanted["names"]),
        )
        if _is_good(_read(directory, wanted["name"]), request, authority, now=now, days=params["renew_days"]):
            continue
        pair = pki.new_certificate(request, authority, now=now, days=params["days"])
        made.append(wanted["name"])
        _write(directory, wanted["name"], {"key": pair.key, "crt": pair.certificate}, check_mode=check_mode)
    for name in params["key_pairs"]:
        if not (directory / f"{name}.pub").exists():
            private, public = pki.new_key_pair()
            made.append(name)
            _write(directory, name, {"key": private, "pub": public}, check_mode=check_mode)
    return {"changed": bool(made), "made": made}


def _is_good(
    pair: pki.Pair | None, request: pki.Request, authority: pki.Pair, *, now: datetime.datetime, days: int
) -> bool:
    return (
        pair is not None
        and pki.says(pair.certificate, request, authority)
        and pki.lasts(pair.certificate, now=now, days=days)
    )


def _read(directory: pathlib.Path, name: str) -> pki.Pair | None:
    try:
        return pki.Pair(
            certificate=(directory / f"{name}.crt").read_bytes(), key=(directory / f"{name}.key").read_bytes()
        )
    except FileNotFoundError:
        return None


def _write(directory: pathlib.Path, name: str, files: Mapping[str, bytes], *, check_mode: bool) -> None:
    if check_mode:
        return
    for extension, content in files.items():
        temporary = directory / f".{name}.{extension}"
        temporary.unlink(missing_ok=True)
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        temporary.replace(directory / f"{name}.{extension}")


def main() -> None:
    """Run as Ansible's own process."""
    module_main.run_module(run, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
