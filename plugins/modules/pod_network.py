#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Module pod_network: makes the guest's side of the network in a launcher pod's network namespace.

In: the launcher's process and the wished interface. Out: devices, addresses, nftables rules and kernel settings in that namespace. Two programs are
started at most, one that looks and one that changes. Called by: role domain on the node.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: pod_network
short_description: Give a virtual machine's guest the network of its pod
version_added: 0.1.0
author:
  - playvirt developers (@playvirt)
description:
  - Makes, in the network namespace of a launcher pod, the tap device of the guest, a bridge with the guest's gateway address, and nftables rules that
    put the guest behind the pod's address (masquerade).
  - Only what is missing is made, so it can be repeated at any time, also after an interrupted run.
  - Makes the tun device node in the launcher's container usable for the launcher's user.
requirements:
  - root on the node, in the node's process id namespace
  - ip (iproute2), nft (nftables), nsenter (util-linux) and sh
attributes:
  check_mode:
    description: Reports what would be made, and changes nothing.
    support: full
  diff_mode:
    description: Shows the commands for C(ip), C(nft) and the kernel settings.
    support: full
options:
  pid:
    description: Process id, on the node, of the launcher; the network namespace is that of this process.
    type: int
    required: true
  pod_uid:
    description:
      - The uid of the launcher's pod. When given, the process has to belong to it.
      - Give it whenever it is known, because a process id is used again by the system.
    type: str
  state:
    description: Whether the guest's devices and rules should be there.
    type: str
    choices: [present, absent]
    default: present
  uplink:
    description: The pod's own interface.
    type: str
    default: eth0
  bridge:
    description: Name of the bridge.
    type: str
    default: k6t-eth0
  tap:
    description: Name of the guest's tap device.
    type: str
    default: tap0
  gateway:
    description: Address and prefix length of the bridge, which is the guest's gateway.
    type: str
    default: 10.0.2.1/24
  guest:
    description: Address of the guest, in the network of O(gateway).
    type: str
    default: 10.0.2.2
  owner_uid:
    description: User that may open the tap device.
    type: int
    default: 107
  owner_gid:
    description: Group that may open the tap device.
    type: int
    default: 107
  ports:
    description: The ports that are forwarded to the guest; all ports and protocols when empty.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the port; not used.
        type: str
      port:
        description: Port number at the pod and at the guest.
        type: int
        required: true
      protocol:
        description: Transport protocol.
        type: str
        choices: [TCP, UDP]
        default: TCP
"""

EXAMPLES = r"""
- name: Connect the guest to the network of its pod
  playvirt.core.pod_network:
    pid: 4711
    pod_uid: 5a0b5b4e-6a5c-4f6b-9d53-0a7f0c1d2e3f
    ports:
      - name: http
        port: 80

- name: Show what is missing
  playvirt.core.pod_network:
    pid: 4711
  check_mode: true
  diff: true
"""

RETURN = r"""
mtu:
  description: MTU of the pod's interface, which the guest has to use as well.
  returned: when O(state=present)
  type: int
  sample: 1500
addresses:
  description: Global addresses of the pod's interface, IPv4 first.
  returned: when O(state=present)
  type: list
  elements: str
  sample: [10.244.1.7]
commands:
  description: What was missing and has been made, one line per C(ip) command, kernel setting or ruleset.
  returned: always
  type: list
  elements: str
"""

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils import module_main, process
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import launcher_process
from ansible_collections.playvirt.core.plugins.module_utils.network import masquerade, namespace_script

ARGUMENT_SPEC: dict[str, Any] = {
    "pid": {"type": "int", "required": True},
    "pod_uid": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "uplink": {"type": "str", "default": "eth0"},
    "bridge": {"type": "str", "default": "k6t-eth0"},
    "tap": {"type": "str", "default": "tap0"},
    "gateway": {"type": "str", "default": "10.0.2.1/24"},
    "guest": {"type": "str", "default": "10.0.2.2"},
    "owner_uid": {"type": "int", "default": 107},
    "owner_gid": {"type": "int", "default": 107},
    "ports": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str"},
            "port": {"type": "int", "required": True},
            "protocol": {"type": "str", "choices": ["TCP", "UDP"], "default": "TCP"},
        },
    },
}
TUN_PATH = ("dev", "net", "tun")
TUN_NUMBER = (10, 200)
TIMEOUT_SECONDS = 15.0


def wish_of(params: Mapping[str, Any]) -> masquerade.Masquerade:
    """Return the wished interface; raises InvalidObject naming the option."""
    try:
        gateway = ipaddress.IPv4Interface(params["gateway"])
        guest = ipaddress.IPv4Address(params["guest"])
    except ValueError as error:
        raise errors.InvalidObject(f"gateway '{params['gateway']}' or guest '{params['guest']}': {error}") from error
    return masquerade.Masquerade(
        uplink=params["uplink"],
        bridge=params["bridge"],
        tap=params["tap"],
        gateway=gateway,
        guest=guest,
        owner_uid=params["owner_uid"],
        owner_gid=params["owner_gid"],
        ports=masquerade.parse_ports(params["ports"]),
    )


def _enter(namespace: str, script: str) -> str:
    return process.run(
        ["nsenter", f"--net={namespace}", "--", "sh", "-eu"], timeout_seconds=TIMEOUT_SECONDS, stdin=script
    ).stdout


def _result(changes: namespace_script.Changes, **more: Any) -> dict[str, Any]:
    lines = changes.lines()
    return {
        "changed": bool(lines),
        "commands": lines,
        "diff": {"before": "", "after": "".join(f"{line}\n" for line in lines)},
        **more,
    }


def run(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Make or remove the guest's network; returns `changed`, `commands`, `diff`, and with state present `mtu` and `addresses`.

    Raises NotReady when the launcher has ended or has no network yet, InvalidObject for options, CommandFailed when `ip` or `nft` refuse.
    """
    wish = wish_of(params)
    pid, pod_uid = params["pid"], params["pod_uid"]
    with launcher_process.network_namespace(pid, pod_uid=pod_uid) as namespace:
        observed = namespace_script.parse_observation(wish, _enter(namespace, namespace_script.observation(wish)))
        difference = namespace_script.removal if params["state"] == "absent" else namespace_script.changes
        changes = difference(wish, observed)
        if changes and not check_mode:
            _enter(namespace, changes.script())
    if params["state"] == "absent":
        return _result(changes)
    claimed = launcher_process.claim_device(pid, TUN_PATH, device=TUN_NUMBER, pod_uid=pod_uid, check_mode=check_mode)
    result = _result(
        changes, mtu=masquerade.uplink_mtu(wish, observed), addresses=masquerade.uplink_addresses(wish, observed)
    )
    return _with_claim(result, "/".join(("", *TUN_PATH)) if claimed else None)


def _with_claim(result: dict[str, Any], path: str | None) -> dict[str, Any]:
    if path is None:
        return result
    commands: Sequence[str] = [*result["commands"], f"chown {launcher_process.LAUNCHER_UID} {path}"]
    return {**result, "changed": True, "commands": list(commands)}


def main() -> None:
    """Run as a process of Ansible's."""
    module_main.run_module(run, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
