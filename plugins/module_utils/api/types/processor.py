"""CPU, memory and what the launcher pod asks of its node."""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.api import schema

_COUNT = {"minimum": 1, "maximum": 512}
_CPU_SET = r"^\^?[0-9]+(-[0-9]+)?(,\^?[0-9]+(-[0-9]+)?)*$"

CPU_TOPOLOGY = {
    "sockets": schema.integer("Number of sockets.", **_COUNT),
    "cores": schema.integer("Number of cores in a socket.", **_COUNT),
    "threads": schema.integer("Number of threads in a core.", **_COUNT),
}

CPU = schema.obj(
    "The virtual CPUs and how they are arranged. Without it, one virtual CPU per whole CPU requested.",
    {
        **CPU_TOPOLOGY,
        "maxSockets": schema.integer("Number of sockets up to which more can be added while the guest runs.", **_COUNT),
        "model": schema.string(
            "A CPU model of libvirt's, or host-model or host-passthrough. Under emulation the default is the emulator's own."
        ),
        "features": schema.array(
            "Features of the CPU that differ from its model's.",
            schema.obj(
                "One feature.",
                {
                    "name": schema.string("The feature, as libvirt calls it."),
                    "policy": schema.string("force, require (unless said), optional, disable or forbid."),
                },
                required=("name",),
            ),
        ),
        "dedicatedCpuPlacement": schema.boolean("Whether every virtual CPU has a CPU of the node to itself."),
        "isolateEmulatorThread": schema.boolean("Whether QEMU's own work has one more CPU to itself."),
        "numa": schema.obj(
            "The guest's NUMA nodes.",
            {"guestMappingPassthrough": schema.obj("As those of the CPUs that the machine has to itself.")},
        ),
        "realtime": schema.obj(
            "Tune the machine for short response times.",
            {"mask": schema.string("Virtual CPUs concerned, such as 0-3,^1; all unless said.", pattern=_CPU_SET)},
        ),
    },
)

MEMORY = schema.obj(
    "The guest's memory.",
    {
        "guest": schema.resource_quantity("Memory that the guest sees; what resources request unless said."),
        "maxGuest": schema.resource_quantity("Memory up to which more can be added while the guest runs."),
        "hugepages": schema.obj(
            "Take it from huge pages.",
            {"pageSize": schema.string("Size of a page, such as 2Mi or 1Gi.")},
        ),
        "reservedOverhead": schema.obj(
            "Memory that the machine needs beside the guest's.",
            {
                "addedOverhead": schema.resource_quantity("Amount to reserve on top of what is reckoned."),
                "memLock": schema.string("Whether guest and overhead may be locked in memory."),
            },
        ),
    },
)

RESOURCES = schema.obj(
    "What the launcher pod asks of its node; the memory that the launcher itself needs is added.",
    {
        "requests": schema.quantities("Amounts that the scheduler reserves: cpu, memory."),
        "limits": schema.quantities("Amounts that are never exceeded: cpu, memory."),
        "overcommitGuestOverhead": schema.boolean(
            "Whether the launcher's own memory is left out of the requests; it may then be short of it."
        ),
    },
)

#: a component's or a helper container's resources
CONTAINER_RESOURCES = schema.obj(
    "Resources of a container.",
    {
        "requests": schema.quantities("Amounts that the scheduler reserves."),
        "limits": schema.quantities("Amounts that are never exceeded."),
    },
)

MACHINE = schema.obj(
    "The chipset.",
    {"type": schema.string("A machine type of QEMU's, such as q35 or pc-q35-9.2.")},
)
