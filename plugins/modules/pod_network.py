#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Module pod_network: makes the guest's side of the networks in a launcher pod's network namespace.

In: the launcher's process and the wished interfaces. Out: devices, addresses, nftables rules and kernel settings in that namespace. Two programs are
started at most, one that looks and one that changes. Called by: role domain on the node.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: pod_network
short_description: Give a virtual machine's guest the networks of its pod
version_added: 0.1.0
author:
  - playvirt developers (@playvirt)
description:
  - Makes, in the network namespace of a launcher pod, what connects the guest's interfaces with the pod's.
  - With V(masquerade) the guest sits behind the pod's address, through a tap device, a bridge with the guest's gateway, and nftables rules; IPv4 and
    IPv6 each where the pod has such an address.
  - With V(bridge) the guest takes the pod's place on its network, through a tap device and a bridge of which the pod's interface becomes a port.
  - With V(passt) nothing is made; that the pod has the interface is checked.
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
  owner_uid:
    description: User that may open the tap devices.
    type: int
    default: 107
  owner_gid:
    description: Group that may open the tap devices.
    type: int
    default: 107
  interfaces:
    description: The guest's interfaces; only one can have O(interfaces[].binding=masquerade).
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The interface's name in the VirtualMachineInstance; for messages.
        type: str
        default: default
      binding:
        description: How it is connected.
        type: str
        choices: [masquerade, bridge, passt]
        default: masquerade
      uplink:
        description: The pod's own interface.
        type: str
        default: eth0
      fallback:
        description: The pod's own interface where there is no O(interfaces[].uplink), such as V(net1), the name that Multus gives unless asked.
        type: str
      bridge:
        description: Name of the bridge.
        type: str
        default: k6t-eth0
      tap:
        description: Name of the guest's tap device.
        type: str
        default: tap0
      queues:
        description: How many queues the tap device has.
        type: int
        default: 1
      mac:
        description: The guest's hardware address; needed with O(interfaces[].binding=bridge).
        type: str
      gateway:
        description: With masquerade, address and prefix length of the bridge, which is the guest's gateway.
        type: str
        default: 10.0.2.1/24
      guest:
        description: With masquerade, address of the guest, in the network of O(interfaces[].gateway).
        type: str
        default: 10.0.2.2
      gateway6:
        description: As O(interfaces[].gateway), for IPv6.
        type: str
        default: fd10:0:2::1/120
      guest6:
        description: As O(interfaces[].guest), for IPv6.
        type: str
        default: fd10:0:2::2
      server:
        description: With bridge, an address of the bridge that only this pod knows, from which DHCP is answered.
        type: str
        default: 169.254.75.10
      ports:
        description: With masquerade, the ports that are forwarded to the guest; all ports and protocols when empty.
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
      told:
        description:
          - What the guest is told beside its addresses (C(mac), C(hostname), C(subdomain), C(options)); returned with them in RV(leases).
        type: dict
        default: {}
"""

EXAMPLES = r"""
- name: Connect the guest to the network of its pod
  playvirt.core.pod_network:
    pid: 4711
    pod_uid: 5a0b5b4e-6a5c-4f6b-9d53-0a7f0c1d2e3f
    interfaces:
      - name: default
        ports:
          - name: http
            port: 80
      - name: storage
        binding: bridge
        mac: 02:1a:2b:3c:4d:5e
        uplink: podb2f5a1c0d3e
        fallback: net1
        bridge: k6t-b2f5a1c0d3e
        tap: tapb2f5a1c0d3e
        server: 169.254.75.11

- name: Show what is missing
  playvirt.core.pod_network:
    pid: 4711
    interfaces:
      - name: default
  check_mode: true
  diff: true
"""

RETURN = r"""
leases:
  description:
    - What the launcher has to tell the guest, one entry for each interface with an address, as its command C(serve_dhcp) takes it.
  returned: when O(state=present)
  type: list
  elements: dict
  sample:
    - interface: k6t-eth0
      mtu: 1500
      mac: 02:1a:2b:3c:4d:5e
      ipv4:
        client: 10.0.2.2
        prefix: 24
        server: 10.0.2.1
        router: 10.0.2.1
        routes: []
addresses:
  description: By interface, the addresses at which the pod is reached on its network, IPv4 first.
  returned: when O(state=present)
  type: dict
  sample:
    default: [10.244.1.7]
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
from ansible_collections.playvirt.core.plugins.module_utils.network import (
    bridge,
    devices,
    masquerade,
    namespace_script,
    passt,
)

_PORT: dict[str, Any] = {
    "name": {"type": "str"},
    "port": {"type": "int", "required": True},
    "protocol": {"type": "str", "choices": ["TCP", "UDP"], "default": "TCP"},
}
_INTERFACE: dict[str, Any] = {
    "name": {"type": "str", "default": "default"},
    "binding": {"type": "str", "choices": ["masquerade", "bridge", "passt"], "default": "masquerade"},
    "uplink": {"type": "str", "default": "eth0"},
    "fallback": {"type": "str"},
    "bridge": {"type": "str", "default": "k6t-eth0"},
    "tap": {"type": "str", "default": "tap0"},
    "queues": {"type": "int", "default": 1},
    "mac": {"type": "str"},
    "gateway": {"type": "str", "default": "10.0.2.1/24"},
    "guest": {"type": "str", "default": "10.0.2.2"},
    "gateway6": {"type": "str", "default": "fd10:0:2::1/120"},
    "guest6": {"type": "str", "default": "fd10:0:2::2"},
    "server": {"type": "str", "default": "169.254.75.10"},
    "ports": {"type": "list", "elements": "dict", "default": [], "options": _PORT},
    "told": {"type": "dict", "default": {}},
}
ARGUMENT_SPEC: dict[str, Any] = {
    "pid": {"type": "int", "required": True},
    "pod_uid": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "owner_uid": {"type": "int", "default": 107},
    "owner_gid": {"type": "int", "default": 107},
    "interfaces": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": _INTERFACE,
        "required_if": [("binding", "bridge", ["mac"])],
    },
}
TUN_PATH = ("dev", "net", "tun")
TUN_NUMBER = (10, 200)
TIMEOUT_SECONDS = 15.0


def _binding_of(params: Mapping[str, Any], interface: Mapping[str, Any]) -> namespace_script.Binding:
    ends = {"uplink": interface["uplink"], "fallback": interface["fallback"] or interface["uplink"]}
    if interface["binding"] == "passt":
        return passt.Passt(**ends)
    tap = devices.Tap(
        name=interface["tap"],
        bridge=interface["bridge"],
        owner_uid=params["owner_uid"],
        owner_gid=params["owner_gid"],
        queues=interface["queues"],
    )
    if interface["binding"] == "bridge":
        server = ipaddress.IPv4Address(interface["server"])
        return bridge.Bridge(bridge=interface["bridge"], tap=tap, mac=interface["mac"], server=server, **ends)
    return masquerade.Masquerade(
        bridge=interface["bridge"],
        tap=tap,
        gateway=ipaddress.IPv4Interface(interface["gateway"]),
        guest=ipaddress.IPv4Address(interface["guest"]),
        gateway6=ipaddress.IPv6Interface(interface["gateway6"]),
        guest6=ipaddress.IPv6Address(interface["guest6"]),
        ports=masquerade.parse_ports(interface["ports"]),
        **ends,
    )


def bindings_of(params: Mapping[str, Any]) -> list[namespace_script.Binding]:
    """Return the wished interfaces; raises InvalidObject naming interface and option."""
    found: list[namespace_script.Binding] = []
    for index, interface in enumerate(params["interfaces"]):
        field = f"interfaces[{index}]"
        try:
            found.append(_binding_of(params, interface))
        except errors.InvalidObject as error:
            raise errors.InvalidObject(
                f"{field} ({interface['name']}): {error}", field=f"{field}.{error.field}"
            ) from error
        except ValueError as error:
            raise errors.InvalidObject(f"{field} ({interface['name']}): {error}", field=field) from error
    if sum(isinstance(wish, masquerade.Masquerade) for wish in found) > 1:
        raise errors.InvalidObject("interfaces: only one can have binding masquerade.", field="interfaces")
    return found


def _enter(namespace: str, script: str) -> str:
    return process.run(
        ["nsenter", f"--net={namespace}", "--", "sh", "-eu"], timeout_seconds=TIMEOUT_SECONDS, stdin=script
    ).stdout


def _result(lines: Sequence[str], changes: namespace_script.Changes, **more: Any) -> dict[str, Any]:
    return {
        "changed": bool(lines),
        "commands": list(lines),
        "diff": {"before": "", "after": "".join(f"{line}\n" for line in changes.lines())},
        **more,
    }


def _told(
    params: Mapping[str, Any], wishes: Sequence[namespace_script.Binding], observed: devices.Observed
) -> dict[str, Any]:
    pairs = list(zip(params["interfaces"], wishes, strict=True))
    leases = [(interface["told"], wish.lease(observed)) for interface, wish in pairs]
    return {
        "leases": [{**told, **lease} for told, lease in leases if lease is not None],
        "addresses": {interface["name"]: wish.addresses(observed) for interface, wish in pairs},
    }


def run(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Make or remove the guest's networks; returns `changed`, `commands`, `diff`, and with state present `leases` and `addresses`.

    Raises NotReady when the launcher has ended, PermanentError where its pod lacks a network, InvalidObject for options,
    CommandFailed when `ip` or `nft` refuse.
    """
    wishes = bindings_of(params)
    pid, pod_uid, is_wanted = params["pid"], params["pod_uid"], params["state"] == "present"
    with launcher_process.network_namespace(pid, pod_uid=pod_uid) as namespace:
        observed = namespace_script.parse_observation(wishes, _enter(namespace, namespace_script.observation(wishes)))
        difference = namespace_script.changes if is_wanted else namespace_script.removal
        changes = difference(wishes, observed)
        if changes and not check_mode:
            _enter(namespace, changes.script())
    if not is_wanted:
        return _result(changes.lines(), changes)
    claimed = launcher_process.claim_device(pid, TUN_PATH, device=TUN_NUMBER, pod_uid=pod_uid, check_mode=check_mode)
    claim = [f"chown {launcher_process.LAUNCHER_UID} {'/'.join(('', *TUN_PATH))}"] if claimed else []
    return _result([*changes.lines(), *claim], changes, **_told(params, wishes, observed))


def main() -> None:
    """Run as a process of Ansible's."""
    module_main.run_module(run, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
