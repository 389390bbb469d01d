"""The handler's commands, by name.

In: a name and arguments from handler_link.py. Out: the result, or errors.PlayvirtError. All commands may be repeated: they make what
is missing and say with `changed` whether they did. Called by run.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ansible_collections.playvirt.core.images.virt_launcher import (
    address_service,
    arguments,
    children,
    cloud_init,
    disks,
    iso_images,
)
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import statistics

NAMES = ("get_statistics", "make_cloud_init", "make_disks", "make_iso_images", "serve_dhcp")
STATISTICS_SECONDS = 2.0


class Domain(Protocol):
    """What is asked of domain_watch.DomainWatch."""

    async def call(self, verb: Callable[[Any, str], Any]) -> Any:
        """Do a verb of the hypervisor room on the domain."""


class Commands:
    """What the launcher does on request."""

    def __init__(self, processes: children.Children, domain: Domain) -> None:
        """Programs are started through `processes`."""
        self._domain = domain
        self._statistics: asyncio.Future[dict[str, int | str]] | None = None
        self._disks = disks.DiskMaker(processes)
        self._addresses = address_service.AddressService()

    async def execute(self, name: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Do one command. Raises errors.PlayvirtError."""
        given = arguments.Arguments(name, values)
        match name:
            case "get_statistics":
                return {"changed": False, "statistics": await self._get_statistics()}
            case "make_disks":
                return await self._disks.make_disks(given)
            case "make_cloud_init":
                return await asyncio.to_thread(cloud_init.make_cloud_init, given)
            case "make_iso_images":
                return await asyncio.to_thread(iso_images.make_iso_images, given)
            case "serve_dhcp":
                return await self._addresses.serve_dhcp(given)
        raise errors.UnsupportedFeature(f"no command {name!r}; this launcher knows {', '.join(NAMES)}")

    async def _get_statistics(self) -> dict[str, int | str]:
        """What the domain has used. A question that libvirt has not answered yet is not asked again."""
        if self._statistics is None or self._statistics.done():
            self._statistics = asyncio.ensure_future(self._domain.call(statistics.read))
            self._statistics.add_done_callback(lambda asked: asked.cancelled() or asked.exception())
        try:
            async with asyncio.timeout(STATISTICS_SECONDS):
                return await asyncio.shield(self._statistics)
        except TimeoutError:
            raise errors.TransientError(f"libvirt gave no statistics within {STATISTICS_SECONDS:g} s") from None
