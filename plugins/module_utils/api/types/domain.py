"""The domain: the virtual machine as its guest sees it. Its parts are in processor, firmware, features and devices."""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.api import schema
from ansible_collections.playvirt.core.plugins.module_utils.api.types import devices, features, firmware, processor

DOMAIN = schema.obj(
    "The virtual machine as its guest sees it.",
    {
        "cpu": processor.CPU,
        "memory": processor.MEMORY,
        "resources": processor.RESOURCES,
        "machine": processor.MACHINE,
        "devices": devices.DEVICES,
        "features": features.FEATURES,
        "firmware": firmware.FIRMWARE,
        "clock": firmware.CLOCK,
        "chassis": firmware.CHASSIS,
        "launchSecurity": firmware.LAUNCH_SECURITY,
        "ioThreadsPolicy": schema.string("Whether disks have IO threads, and which: shared, auto or supplementalPool."),
        "ioThreads": schema.obj(
            "Settings of the IO threads.",
            {"supplementalPoolThreadCount": schema.integer("How many threads the supplementalPool has.", minimum=0)},
        ),
        "rebootPolicy": schema.enum(
            "What happens when the guest reboots. Reboot (unless said): it does. Terminate: the instance ends.",
            "Reboot",
            "Terminate",
        ),
    },
    required=("devices",),
)
