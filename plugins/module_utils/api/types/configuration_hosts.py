"""Configuration of an installation that concerns its nodes: devices that are passed through, networks, hypervisors."""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.api import schema
from ansible_collections.playvirt.core.plugins.module_utils.api.types import processor

_RESOURCE_NAME = schema.string("Resource under which nodes offer it.")
_EXTERNAL = schema.boolean("Whether another device plugin offers it.")

PERMITTED_HOST_DEVICES = schema.obj(
    "Devices of nodes that guests may get.",
    {
        "pciHostDevices": schema.array(
            "PCI devices.",
            schema.obj(
                "One sort of device.",
                {
                    "pciVendorSelector": schema.string("Vendor and product, such as 10de:1eb8."),
                    "resourceName": _RESOURCE_NAME,
                    "externalResourceProvider": _EXTERNAL,
                },
                required=("pciVendorSelector", "resourceName"),
            ),
        ),
        "mediatedDevices": schema.array(
            "Parts of devices.",
            schema.obj(
                "One sort of device.",
                {
                    "mdevNameSelector": schema.string("What the driver calls it."),
                    "resourceName": _RESOURCE_NAME,
                    "externalResourceProvider": _EXTERNAL,
                },
                required=("mdevNameSelector", "resourceName"),
            ),
        ),
        "usb": schema.array(
            "USB devices.",
            schema.obj(
                "Devices that are given together.",
                {
                    "resourceName": _RESOURCE_NAME,
                    "selectors": schema.array(
                        "The devices.",
                        schema.obj(
                            "One device.",
                            {"vendor": schema.string("Vendor id."), "product": schema.string("Product id.")},
                            required=("product", "vendor"),
                        ),
                    ),
                    "externalResourceProvider": _EXTERNAL,
                },
                required=("resourceName",),
            ),
        ),
    },
)

_MEDIATED_TYPES = {
    "mediatedDeviceTypes": schema.strings("Types to create."),
    "mediatedDevicesTypes": schema.strings("Deprecated: use mediatedDeviceTypes."),
}

MEDIATED_DEVICES = schema.obj(
    "Parts of devices that nodes create.",
    {
        "enabled": schema.boolean("Whether virt-handler creates and removes them; true unless said."),
        **_MEDIATED_TYPES,
        "nodeMediatedDeviceTypes": schema.array(
            "Other types for some nodes.",
            schema.obj(
                "Some nodes.",
                {"nodeSelector": schema.strings_by_name("Labels of the nodes."), **_MEDIATED_TYPES},
                required=("nodeSelector",),
            ),
        ),
    },
)

_BINDING_PLUGIN = schema.obj(
    "A plugin that connects interfaces.",
    {
        "sidecarImage": schema.string("Image of a container that helps."),
        "networkAttachmentDefinition": schema.string("A NetworkAttachmentDefinition that prepares the pod."),
        "domainAttachmentType": schema.string("How the domain is attached: tap or managedTap."),
        "downwardAPI": schema.string("What the helper is told: device-info."),
        "migration": schema.obj(
            "The machine can migrate with it.", {"method": schema.string("How the link is handled meanwhile.")}
        ),
        "computeResourceOverhead": schema.described(
            processor.CONTAINER_RESOURCES, "What the launcher's container needs more."
        ),
    },
)

NETWORK = schema.obj(
    "Networks of guests.",
    {
        "defaultNetworkInterface": schema.string("How an interface is connected where a machine lists none."),
        "permitBridgeInterfaceOnPodNetwork": schema.boolean("Whether bridge may be used with the pod's own network."),
        "permitSlirpInterface": schema.boolean("Removed: no effect."),
        "binding": schema.mapping("Binding plugins by name.", _BINDING_PLUGIN),
    },
)

#: fields of the configuration
HOSTS = {
    "permittedHostDevices": PERMITTED_HOST_DEVICES,
    "mediatedDevicesConfiguration": MEDIATED_DEVICES,
    "network": NETWORK,
    "hypervisors": schema.array(
        "Hypervisors of the nodes.",
        schema.obj("One hypervisor.", {"name": schema.string("Which one: kvm or hyperv-direct.")}),
    ),
}
