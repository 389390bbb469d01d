"""The guest's devices: the list of them all, and the types of those that are neither disks nor interfaces."""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.api import schema
from ansible_collections.playvirt.core.plugins.module_utils.api.types import disks, guest_access, interfaces

_ASSIGNED = {
    "name": schema.string("Name of the device in this machine."),
    "deviceName": schema.string("Resource under which the node's device plugin offers it."),
    **guest_access.CLAIM_REQUEST,
    "tag": schema.string("Tag that cloud-init in the guest finds beside the device's address."),
}

HOST_DEVICE = schema.obj("A device of the host's that is passed through.", _ASSIGNED, required=("name",))

GPU = schema.obj(
    "A graphics processor of the host's, or a part of one.",
    {
        **_ASSIGNED,
        "virtualGPUOptions": schema.obj(
            "Settings of a virtual GPU.",
            {
                "display": schema.obj(
                    "Whether it shows a display.",
                    {
                        "enabled": schema.boolean("Whether there is a display; true unless said."),
                        "ramFB": schema.described(
                            disks.FEATURE_STATE, "A frame buffer for the time until the guest has loaded its driver."
                        ),
                    },
                ),
            },
        ),
    },
    required=("name",),
)

INPUT = schema.obj(
    "An input device.",
    {
        "name": schema.string("Name of the device."),
        "type": schema.string("What it is: tablet."),
        "bus": schema.string("Bus on which the guest sees it: usb (unless said) or virtio."),
    },
    required=("name", "type"),
)

_ACTION = schema.enum(
    "What happens when the guest stops answering; reset unless said.", "poweroff", "reset", "shutdown"
)

WATCHDOG = schema.obj(
    "A watchdog, which acts when the guest stops answering.",
    {
        "name": schema.string("Name of the device."),
        "i6300esb": schema.obj("An Intel 6300ESB.", {"action": _ACTION}),
        "diag288": schema.obj("A diag288, on s390x.", {"action": _ACTION}),
    },
    required=("name",),
)

DEVICES = schema.obj(
    "The guest's devices.",
    {
        "disks": schema.array("Disks, CD-ROMs and LUNs.", disks.DISK, maxItems=256),
        "filesystems": schema.array("Volumes shared as file systems.", disks.FILESYSTEM),
        "interfaces": schema.array("Network interfaces.", interfaces.INTERFACE, maxItems=256),
        "inputs": schema.array("Input devices.", INPUT),
        "gpus": schema.array("Graphics processors of the host's.", GPU),
        "hostDevices": schema.array("Other devices of the host's.", HOST_DEVICE),
        "rng": schema.obj("A random number generator."),
        "tpm": schema.obj(
            "A trusted platform module, by emulation.",
            {
                "enabled": schema.boolean("Whether there is one; true unless said."),
                "persistent": schema.boolean("Whether its state outlives the instance; false unless said."),
            },
        ),
        "watchdog": WATCHDOG,
        "sound": schema.obj(
            "A sound card.",
            {
                "name": schema.string("Name of the device."),
                "model": schema.string("The card: ich9 (unless said) or ac97."),
            },
            required=("name",),
        ),
        "video": schema.obj(
            "The graphics card.",
            {
                "type": schema.string(
                    "The card, such as virtio, vga, bochs or ramfb; it depends on the firmware unless said."
                )
            },
        ),
        "panicDevices": schema.array(
            "Devices through which a guest that crashes says so.",
            schema.obj("One device.", {"model": schema.string("What it is: isa, hyperv or pvpanic.")}),
        ),
        "downwardMetrics": schema.obj("A serial port on which the guest can read metrics of its host."),
        "clientPassthrough": schema.obj("Let a client redirect its USB devices to the guest."),
        "autoattachPodInterface": schema.boolean("False: no interface where none is listed; true unless said."),
        "autoattachGraphicsDevice": schema.boolean("False: no graphics card and no VNC; true unless said."),
        "autoattachSerialConsole": schema.boolean("False: no serial console; true unless said."),
        "autoattachMemBalloon": schema.boolean("False: no memory balloon; true unless said."),
        "autoattachInputDevice": schema.boolean("True: an input device where none is listed; false unless said."),
        "autoattachVSOCK": schema.boolean("True: a socket between host and guest; false unless said."),
        "logSerialConsole": schema.boolean("Whether what the serial console prints is kept as a log of the pod."),
        "blockMultiQueue": schema.boolean("Whether virtio disks have a queue per virtual CPU; false unless said."),
        "networkInterfaceMultiqueue": schema.boolean("Whether virtio interfaces have a queue per virtual CPU."),
        "useVirtioTransitional": schema.boolean("Whether virtio devices also speak the old protocol, for old guests."),
        "disableHotplug": schema.boolean("Whether devices can be added only while the machine is off."),
    },
)
