"""The handler's commands, by name.

In: a name and arguments from handler_link.py. Out: the result, or errors.PlayvirtError. All commands may be repeated: they make what
is missing and say with `changed` whether they did. Called by run.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.images.virt_launcher import (
    address_service,
    arguments,
    children,
    cloud_init,
    disks,
)
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

NAMES = ("make_cloud_init", "make_disks", "serve_dhcp")


class Commands:
    """What the launcher does on request."""

    def __init__(self, processes: children.Children) -> None:
        """Programs are started through `processes`."""
        self._disks = disks.DiskMaker(processes)
        self._addresses = address_service.AddressService()

    async def execute(self, name: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Do one command. Raises errors.PlayvirtError."""
        given = arguments.Arguments(name, values)
        match name:
            case "make_disks":
                return await self._disks.make_disks(given)
            case "make_cloud_init":
                return await asyncio.to_thread(cloud_init.make_cloud_init, given)
            case "serve_dhcp":
                return await self._addresses.serve_dhcp(given)
        raise errors.UnsupportedFeature(f"no command {name!r}; this launcher knows {', '.join(NAMES)}")
