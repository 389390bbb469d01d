"""This node as a place for virtual machines: its devices offered to the kubelet, labels that say what it can do, and a heartbeat that says whether it is
ready for guests.

In: settings from the environment. Out: device plugins, labels and heartbeat, for as long as the process runs, and the seccomp profile of launchers with
passt. They belong together: a pod that is scheduled
before the kubelet has the list of devices is refused for good, so the node is schedulable only from then on. Started by: the runner, as a service.
"""

from __future__ import annotations

import asyncio

from ansible_collections.playvirt.core.images.virt_handler import context as handler_context
from ansible_collections.playvirt.core.images.virt_handler import (
    device_plugin,
    devices,
    heartbeat,
    node_labels,
    seccomp_profile,
    settings,
)

#: without it no launcher can run here
NEEDED = "tun"


async def serve(context: handler_context.Context) -> None:
    """Offer this node's devices and beat until cancelled. Not ready until the kubelet has the list of NEEDED."""
    config = settings.from_environment()
    seccomp_profile.install(config.kubelet_root)
    plugins: list[device_plugin.Plugin] = []

    def problem() -> str | None:
        offered = {plugin.device.name for plugin in plugins if plugin.offered}
        return None if NEEDED in offered else f"the kubelet does not have this node's devices.kubevirt.io/{NEEDED} yet"

    heart = heartbeat.Heart(context, is_schedulable=lambda: problem() is None)
    for device in devices.offered(config.devices, node_directory=config.node_directory):
        plugins.append(device_plugin.Plugin(device, config.device_plugin_directory, on_change=heart.changed))
    context.add_check("devices", problem)
    labels = node_labels.read(config.node_directory)
    async with asyncio.TaskGroup() as group:
        group.create_task(node_labels.write(context, labels))
        group.create_task(heart.run())
        for plugin in plugins:
            group.create_task(plugin.run())
