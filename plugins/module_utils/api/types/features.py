"""Features of the guest's hardware that are switched on and off."""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.api import schema
from ansible_collections.playvirt.core.plugins.module_utils.api.types import disks

_ENABLED = disks.FEATURE_STATE["properties"]


def _switch(description: str, **more: schema.Schema) -> schema.Schema:
    return schema.obj(description, {**_ENABLED, **more})


HYPERV = schema.obj(
    "Interfaces of Hyper-V, for guests with Windows.",
    {
        "relaxed": _switch("No watchdog timeouts of the guest's own."),
        "vapic": _switch("Interrupts by shared memory."),
        "vpindex": _switch("Index of the virtual CPU; others build on it."),
        "runtime": _switch("Time that a virtual CPU has run."),
        "synic": _switch("Synthetic interrupt controller; others build on it."),
        "synictimer": _switch(
            "Timers of the synthetic interrupt controller.",
            direct=_switch("Deliver them without the message slots."),
        ),
        "frequencies": _switch("Frequencies of the clocks."),
        "reenlightenment": _switch("Tell the guest when the clock's frequency has changed."),
        "reset": _switch("Reset by a register."),
        "ipi": _switch("Interrupts between virtual CPUs."),
        "tlbflush": _switch(
            "Flush address translations of other virtual CPUs.",
            direct=_switch("Pass them to the hypervisor below, for nested virtualization."),
            extended=_switch("Flush parts only."),
        ),
        "evmcs": _switch("Faster exits of nested guests; needs vapic."),
        "spinlocks": _switch(
            "Tell the hypervisor when the guest waits for a lock.",
            spinlocks=schema.integer("Attempts before it is told; 4096 unless said.", minimum=4096),
        ),
        "vendorid": _switch(
            "The hypervisor's name.",
            vendorid=schema.string("The name, up to 12 characters.", maxLength=12),
        ),
    },
)

FEATURES = schema.obj(
    "Switches of the guest's hardware.",
    {
        "acpi": _switch("Power management and device description; on unless said."),
        "apic": _switch(
            "Interrupt controller.",
            endOfInterrupt=schema.boolean("Whether the guest is told of the end of interrupts; false unless said."),
        ),
        "smm": _switch("System management mode; Secure Boot needs it."),
        "pvspinlock": _switch("Let the guest's locks know of the hypervisor."),
        "kvm": schema.obj(
            "How KVM shows itself.",
            {"hidden": schema.boolean("Whether the guest cannot tell that it is there; false unless said.")},
        ),
        "hyperv": HYPERV,
        "hypervPassthrough": schema.obj(
            "All of Hyper-V's interfaces that the node can offer; not together with hyperv.",
            {"enabled": schema.boolean("Whether they are on.")},
        ),
    },
)
