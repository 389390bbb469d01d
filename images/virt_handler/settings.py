"""virt-handler's settings, from environment variables of its pod.

In: an environment. Out: `Settings`. Called by: each service once, when it starts.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.playvirt.core.plugins.module_utils.api import fencing


@dataclass(frozen=True)
class Settings:
    """Where things are on the node, and how patient virt-handler is."""

    #: the directory that every launcher of the node sees, read-only, under the same path
    node_directory: str = "/var/run/playvirt"
    kubelet_root: str = "/var/lib/kubelet"
    #: a launcher stops its guest when it has not been renewed for this long
    fence_seconds: float = fencing.FENCE_SECONDS
    #: short names of the devices that may be offered to pods
    devices: tuple[str, ...] = ("tun", "kvm", "vhost-net")

    @property
    def device_plugin_directory(self) -> str:
        """The directory in which the kubelet and device plugins find each other."""
        return f"{self.kubelet_root}/device-plugins"

    @property
    def launcher_socket(self) -> str:
        """The socket that launchers connect to."""
        return f"{self.node_directory}/handler.sock"


def from_environment(environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings."""
    environment = os.environ if environment is None else environment
    default = Settings()
    names = environment.get("PLAYVIRT_DEVICES", ",".join(default.devices))
    return Settings(
        node_directory=environment.get("PLAYVIRT_NODE_DIRECTORY", default.node_directory),
        kubelet_root=environment.get("PLAYVIRT_KUBELET_ROOT", default.kubelet_root),
        devices=tuple(name.strip() for name in names.split(",") if name.strip()),
    )
