"""Network interfaces of the guest, and the networks that they connect to."""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.api import schema
from ansible_collections.playvirt.core.plugins.module_utils.api.types import guest_access

PORT = schema.obj(
    "A port of the guest that is reachable from outside.",
    {
        "name": schema.string("Name by which a Service can refer to it."),
        "port": schema.int32("Its number, from 1 to 65535."),
        "protocol": schema.string("TCP, unless said, or UDP."),
    },
    required=("port",),
)

PORT_RANGE = schema.obj(
    "Ports that follow one another.",
    {
        "start": schema.int32("The first.", minimum=1, maximum=65535),
        "end": schema.int32("The last; not before the first.", minimum=1, maximum=65535),
        "protocol": schema.enum("Their protocol.", "TCP", "UDP"),
    },
    required=("start", "end", "protocol"),
)

DHCP_OPTIONS = schema.obj(
    "What the guest is told by DHCP beside its address.",
    {
        "bootFileName": schema.string("Name of the boot file (option 67)."),
        "tftpServerName": schema.string("Name of the TFTP server (option 66)."),
        "ntpServers": schema.strings("Addresses of time servers (option 42)."),
        "privateOptions": schema.array(
            "Options for private use.",
            schema.obj(
                "One option.",
                {
                    "option": schema.int32("Its number, from 224 to 254."),
                    "value": schema.string("What it says."),
                },
                required=("option", "value"),
            ),
        ),
    },
)

INTERFACE = schema.obj(
    "A network interface of the guest, connected in exactly one way; to what is said by the network of the same name.",
    {
        "name": schema.string("The network's name."),
        "masquerade": schema.obj("The guest has an address of its own behind the pod's; traffic is translated."),
        "bridge": schema.obj("The guest takes over the pod's interface and its address through a bridge."),
        "sriov": schema.obj("Pass a virtual function of the host's card through to the guest."),
        "passtBinding": schema.obj("The guest shares the pod's address through passt, without privileges."),
        "binding": schema.obj(
            "Connect it through a plugin.",
            {"name": schema.string("The plugin, as the KubeVirt object calls it.")},
            required=("name",),
        ),
        "slirp": schema.obj("Removed from the API: refused."),
        "macvtap": schema.obj("Removed from the API: refused; use a binding plugin."),
        "passt": schema.obj("Removed from the API: refused; use passtBinding."),
        "model": schema.string(
            "Card that the guest sees: virtio (unless said), e1000, e1000e, igb, ne2k_pci, pcnet or rtl8139."
        ),
        "macAddress": schema.string("The card's hardware address; without it one that stays the same."),
        "state": schema.string("up (unless said), down, or absent to take the interface away."),
        "ports": schema.array("Forward these ports only; all where none is listed.", PORT),
        "portRanges": schema.array("Forward these ranges of ports only; not together with ports.", PORT_RANGE),
        "dhcpOptions": DHCP_OPTIONS,
        "bootOrder": schema.int32("The device with the lowest number boots first; from 1, each number once."),
        "pciAddress": schema.string("Address on the guest's PCI bus, such as 0000:81:01.0."),
        "acpiIndex": schema.int32("Number from which the guest derives a name that stays.", minimum=1, maximum=16383),
        "tag": schema.string("Tag that cloud-init in the guest finds beside the device's address."),
    },
    required=("name",),
)

NETWORK = schema.obj(
    "Something to connect to; exactly one kind.",
    {
        "name": schema.string("Name by which the interface refers to it."),
        "pod": schema.obj(
            "The pod's own network.",
            {
                "vmNetworkCIDR": schema.string("IPv4 network behind masquerade; 10.0.2.0/24 unless said."),
                "vmIPv6NetworkCIDR": schema.string("IPv6 network behind masquerade; fd10:0:2::/120 unless said."),
            },
        ),
        "multus": schema.obj(
            "A network that Multus attaches to the pod.",
            {
                "networkName": schema.string(
                    "A NetworkAttachmentDefinition: its name, or its namespace and name joined by a slash."
                ),
                "default": schema.boolean("Whether it takes the place of the pod's own network."),
            },
            required=("networkName",),
        ),
        "resourceClaim": schema.obj("A device out of a resource claim.", guest_access.CLAIM_REQUEST),
    },
    required=("name",),
)
