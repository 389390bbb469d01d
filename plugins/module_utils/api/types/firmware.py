"""What the guest meets before its own system runs: firmware, boot loader, kernel, clock, chassis, and its protection from the host."""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.api import schema
from ansible_collections.playvirt.core.plugins.module_utils.api.types import meta

KERNEL_BOOT = schema.obj(
    "Boot a kernel from outside the guest's disks.",
    {
        "kernelArgs": schema.string("Command line of the kernel."),
        "container": schema.obj(
            "The image that holds kernel and initial RAM disk; at least one of them is named.",
            {
                "image": schema.string("Where the image is."),
                "kernelPath": schema.string("Path of the kernel in it."),
                "initrdPath": schema.string("Path of the initial RAM disk in it."),
                "imagePullPolicy": schema.enum(
                    "When the image is pulled; Always for the tag latest, else IfNotPresent.", *meta.PULL_POLICY_VALUES
                ),
                "imagePullSecret": schema.string("A Secret with the registry's credentials."),
            },
            required=("image",),
        ),
    },
)

FIRMWARE = schema.obj(
    "The guest's firmware and what it tells the guest.",
    {
        "uuid": schema.string("System UUID; chosen once unless said.", format="uuid"),
        "serial": schema.string("System serial number."),
        "bootloader": schema.obj(
            "The firmware that boots; BIOS unless said.",
            {
                "bios": schema.obj(
                    "The classic firmware of PCs.",
                    {"useSerial": schema.boolean("Whether its output goes to the serial console.")},
                ),
                "efi": schema.obj(
                    "UEFI.",
                    {
                        "secureBoot": schema.boolean("Whether only signed loaders boot; true unless said. Needs SMM."),
                        "persistent": schema.boolean("Whether its variables outlive the instance; false unless said."),
                    },
                ),
            },
        ),
        "kernelBoot": KERNEL_BOOT,
        "acpi": schema.obj(
            "Tables for the guest, from volumes that are Secrets.",
            {
                "slicNameRef": schema.string("Volume with the SLIC table."),
                "msdmNameRef": schema.string("Volume with the MSDM table."),
            },
        ),
    },
)

CHASSIS = schema.obj(
    "What the guest reads about its case.",
    {
        "manufacturer": schema.string("Who made it."),
        "version": schema.string("Which version it is."),
        "serial": schema.string("The serial number."),
        "asset": schema.string("The asset tag."),
        "sku": schema.string("The order number."),
    },
)

_PRESENT = schema.boolean("Whether the guest has the timer; true unless said.")


def _tick_policy(*values: str) -> schema.Schema:
    return schema.enum("What happens with ticks that QEMU could not deliver in time.", *values)


CLOCK = schema.obj(
    "The guest's clock and timers.",
    {
        "utc": schema.obj(
            "The clock starts as UTC at each boot.",
            {
                "offsetSeconds": schema.int32(
                    "Seconds to add to UTC; with it, what the guest changes stays over its reboots."
                ),
            },
        ),
        "timezone": schema.string("The clock starts as local time of this zone, such as Europe/Vienna."),
        "timer": schema.obj(
            "The timers.",
            {
                "hpet": schema.obj(
                    "High precision event timer.",
                    {"present": _PRESENT, "tickPolicy": _tick_policy("delay", "catchup", "merge", "discard")},
                ),
                "pit": schema.obj(
                    "Programmable interval timer.",
                    {"present": _PRESENT, "tickPolicy": _tick_policy("delay", "catchup", "discard")},
                ),
                "rtc": schema.obj(
                    "Real-time clock.",
                    {
                        "present": _PRESENT,
                        "tickPolicy": _tick_policy("delay", "catchup"),
                        "track": schema.enum("Which time it follows.", "guest", "wall"),
                    },
                ),
                "kvm": schema.obj("KVM's clock, for Linux.", {"present": _PRESENT}),
                "hyperv": schema.obj("Hyper-V's clock, for Windows.", {"present": _PRESENT}),
            },
        ),
    },
)

LAUNCH_SECURITY = schema.obj(
    "Protection of the guest's memory from its host; exactly one kind.",
    {
        "sev": schema.obj(
            "AMD SEV.",
            {
                "policy": schema.obj(
                    "What the guest demands.",
                    {
                        "encryptedState": schema.boolean(
                            "Whether registers are encrypted too (SEV-ES); false unless said."
                        )
                    },
                ),
                "attestation": schema.obj("Wait at the start until the guest's owner has attested it."),
                "session": schema.string("The owner's session, in base64."),
                "dhCert": schema.string("The owner's Diffie-Hellman key, in base64."),
            },
        ),
        "snp": schema.obj("AMD SEV-SNP."),
        "tdx": schema.obj("Intel TDX."),
    },
)
