"""The type VirtualMachineInstance: the schema of its spec and status.

Only fields that playvirt acts on stand here; the CRD is generated from it. Names are those of KubeVirt's API.
"""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.api import names, schema


def _cpu() -> schema.Schema:
    count = {"minimum": 1, "maximum": 512}
    return schema.obj(
        "The virtual CPUs and how they are arranged. Without it, one virtual CPU per whole CPU requested.",
        {
            "sockets": schema.integer("Sockets.", **count),
            "cores": schema.integer("Cores in a socket.", **count),
            "threads": schema.integer("Threads in a core.", **count),
            "model": schema.string(
                "A CPU model of libvirt's, or host-model or host-passthrough. Under emulation the default is the emulator's own."
            ),
        },
    )


def _resources() -> schema.Schema:
    amounts = schema.mapping("Amount of each resource.", schema.resource_quantity("An amount."))
    return schema.obj(
        "What the launcher pod asks of its node; the memory that the launcher itself needs is added.",
        {
            "requests": {**amounts, "description": "Amounts the scheduler reserves."},
            "limits": {**amounts, "description": "Amounts that are never exceeded."},
        },
    )


def _disk() -> schema.Schema:
    bus = schema.enum("The bus on which the guest sees the device.", "virtio", "sata", "scsi")
    return schema.obj(
        "A disk of the guest; its content is the volume of the same name.",
        {
            "name": schema.string("The volume's name.", pattern=schema.DNS_LABEL, maxLength=63),
            "disk": schema.obj("Show the volume as a hard disk (the default).", {"bus": bus}),
            "cdrom": schema.obj(
                "Show the volume as a CD-ROM.",
                {
                    "bus": schema.enum("The bus on which the guest sees the drive.", "sata", "scsi"),
                    "readonly": schema.boolean("Whether the guest can write.", enum=[True]),
                },
            ),
            "bootOrder": schema.integer("The device with the lowest number boots first.", minimum=1),
            "serial": schema.string("Serial number that the guest sees.", pattern="^[A-Za-z0-9_.+-]+$", maxLength=256),
        },
        required=("name",),
    )


def _interface() -> schema.Schema:
    port = schema.obj(
        "A port of the guest.",
        {
            "name": schema.string("The port's name.", pattern=schema.DNS_LABEL, maxLength=15),
            "port": schema.integer("The number.", minimum=1, maximum=65535),
            "protocol": schema.enum("The protocol, TCP unless said.", "TCP", "UDP"),
        },
        required=("port",),
    )
    return schema.obj(
        "A network interface of the guest; what it is connected to is the network of the same name.",
        {
            "name": schema.string("The network's name.", pattern="^[A-Za-z0-9_-]+$", maxLength=63),
            "masquerade": schema.obj("The guest has an address of its own behind the pod's; traffic is translated."),
            "model": schema.enum("The card that the guest sees.", "virtio", "e1000", "e1000e", "rtl8139"),
            "macAddress": schema.string(
                "The card's address; without it one that stays the same.",
                pattern="^([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}$",
            ),
            "ports": schema.array("Forward these ports only; all when it is left out.", port),
        },
        required=("name", "masquerade"),
    )


def _devices() -> schema.Schema:
    return schema.obj(
        "The guest's devices.",
        {
            "disks": schema.array("The disks.", _disk(), key="name", maxItems=256),
            "interfaces": schema.array("The network interfaces.", _interface(), key="name", maxItems=1),
            "rng": schema.obj("Give the guest a random number generator."),
            "autoattachPodInterface": schema.boolean("False: no interface where none is listed."),
            "autoattachSerialConsole": schema.boolean("False: no serial console."),
            "autoattachGraphicsDevice": schema.boolean("False: no graphics card and no VNC."),
            "autoattachMemBalloon": schema.boolean("False: no memory balloon."),
        },
    )


def _domain() -> schema.Schema:
    return schema.obj(
        "The virtual machine as its guest sees it.",
        {
            "cpu": _cpu(),
            "memory": schema.obj(
                "The guest's memory.", {"guest": schema.resource_quantity("Memory that the guest sees.")}
            ),
            "machine": schema.obj(
                "The chipset.", {"type": schema.string("A machine type of QEMU's.", pattern=r"^(q35|pc-q35-.+)$")}
            ),
            "firmware": schema.obj(
                "What the guest reads from its firmware.",
                {
                    "uuid": schema.string("System UUID.", format="uuid"),
                    "serial": schema.string("System serial number."),
                },
            ),
            "resources": _resources(),
            "devices": _devices(),
        },
        required=("devices",),
    )


def _volume() -> schema.Schema:
    text = {
        "userData": schema.string("User data as text."),
        "userDataBase64": schema.string("User data in base64.", format="byte"),
        "networkData": schema.string("Network configuration as text."),
        "networkDataBase64": schema.string("Network configuration in base64.", format="byte"),
    }
    return {
        **schema.obj(
            "The content of the disk of the same name.",
            {
                "name": schema.string("The disk's name.", pattern=schema.DNS_LABEL, maxLength=63),
                "containerDisk": schema.obj(
                    "A disk out of a container image; what the guest writes is lost when it stops.",
                    {
                        "image": schema.string("The image, with one disk file in /disk.", minLength=1),
                        "path": schema.string("The file, where the image holds more than one.", pattern="^/"),
                        "imagePullPolicy": schema.enum("When to pull.", "Always", "IfNotPresent", "Never"),
                    },
                    required=("image",),
                ),
                "cloudInitNoCloud": schema.obj("Configuration for cloud-init, as its NoCloud disk.", text),
                "emptyDisk": schema.obj(
                    "An empty disk that lives as long as the instance.",
                    {"capacity": schema.resource_quantity("The disk's size.")},
                    required=("capacity",),
                ),
            },
            required=("name",),
        ),
        "x-kubernetes-validations": [
            {
                "rule": "[has(self.containerDisk), has(self.cloudInitNoCloud), has(self.emptyDisk)].filter(x, x).size() == 1",
                "message": "a volume must have exactly one source: containerDisk, cloudInitNoCloud or emptyDisk",
            }
        ],
    }


def _toleration() -> schema.Schema:
    return schema.obj(
        "A taint that the launcher pod accepts.",
        {
            "key": schema.string("The taint's key."),
            "operator": schema.enum("How to compare.", "Exists", "Equal"),
            "value": schema.string("The taint's value."),
            "effect": schema.enum("The taint's effect.", "NoSchedule", "PreferNoSchedule", "NoExecute"),
            "tolerationSeconds": schema.integer("How long to stay."),
        },
    )


def spec() -> schema.Schema:
    """spec of a VirtualMachineInstance, and of the template in a VirtualMachine."""
    return schema.obj(
        "The virtual machine to run.",
        {
            "domain": _domain(),
            "networks": schema.array(
                "What the interfaces connect to.",
                schema.obj(
                    "One network.",
                    {
                        "name": schema.string("The interface's name.", maxLength=63),
                        "pod": schema.obj("The pod's own network."),
                    },
                    required=("name", "pod"),
                ),
                key="name",
                maxItems=1,
            ),
            "volumes": schema.array("What is on the disks.", _volume(), key="name", maxItems=256),
            "terminationGracePeriodSeconds": schema.integer(
                "Seconds that the guest has to shut down before it is powered off; 30 unless said.", minimum=0
            ),
            "nodeSelector": schema.mapping("Labels that the node must have.", schema.string("A label's value.")),
            "tolerations": schema.array("Taints that are accepted.", _toleration()),
            "hostname": schema.string(
                "The guest's host name; the object's name unless said.", pattern=schema.DNS_LABEL, maxLength=63
            ),
            "subdomain": schema.string(
                "The guest's domain below the namespace's.", pattern=schema.DNS_LABEL, maxLength=63
            ),
        },
        required=("domain",),
    )


def status() -> schema.Schema:
    """status of a VirtualMachineInstance."""
    return schema.obj(
        "What is known of the running instance.",
        {
            "phase": schema.enum(
                "Where the instance is in its life.",
                names.PENDING,
                names.SCHEDULING,
                names.SCHEDULED,
                names.RUNNING,
                names.SUCCEEDED,
                names.FAILED,
            ),
            "phaseTransitionTimestamps": schema.array(
                "When each phase began.",
                schema.obj(
                    "One phase.",
                    {
                        "phase": schema.string("The phase."),
                        "phaseTransitionTimestamp": schema.time("When it began."),
                    },
                ),
            ),
            "reason": schema.string("Why the instance is in its phase, in one word."),
            "nodeName": schema.string("The node that runs it."),
            "conditions": schema.condition_list(),
            "interfaces": schema.array(
                "The guest's network interfaces.",
                schema.obj(
                    "One interface.",
                    {
                        "name": schema.string("The interface's name in spec."),
                        "ipAddress": schema.string("The address under which it is reached."),
                        "ipAddresses": schema.array("All addresses.", schema.string("An address.")),
                        "mac": schema.string("Its hardware address."),
                        "infoSource": schema.string("Who told."),
                        "podInterfaceName": schema.string("The pod's interface behind it."),
                        "queueCount": schema.integer("Number of queues."),
                        "linkState": schema.string("up or down."),
                    },
                ),
            ),
            "activePods": schema.mapping("The launcher pods by uid, with their nodes.", schema.string("The node.")),
            "launcherContainerImageVersion": schema.string("The launcher's image."),
            "qosClass": schema.string("The pod's quality of service class."),
            "runtimeUser": schema.integer("The user id of the launcher."),
            "machine": schema.obj("The machine that runs.", {"type": schema.string("Its type.")}),
        },
    )
