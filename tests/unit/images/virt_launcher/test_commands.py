"""Commands by name; what they do is tested beside the files that do it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.playvirt.core.images.virt_launcher import children, commands
from ansible_collections.playvirt.core.plugins.module_utils.api import errors


class Domain:
    """A domain whose libvirt answers once it is released; counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.released = asyncio.Event()
        self.failure: errors.HypervisorError | None = None

    async def call(self, verb: Callable[[Any, str], Any]) -> dict[str, int]:
        self.asked += 1
        await self.released.wait()
        if self.failure:
            raise self.failure
        return {"cpu.time": self.asked}


def made(domain: Domain | None = None) -> commands.Commands:
    return commands.Commands(children.Children(lambda pid, name, code: None), domain or Domain())


@pytest.mark.parametrize("name", set(commands.NAMES) - {"get_statistics"})
async def test_every_command_checks_its_arguments(name: str) -> None:
    with pytest.raises(errors.InvalidObject, match=f"^{name}\\."):
        await made().execute(name, {})


async def test_unknown_command_lists_the_known() -> None:
    with pytest.raises(
        errors.UnsupportedFeature,
        match="no command 'format_disk'; this launcher knows get_statistics, make_cloud_init, make_disks",
    ):
        await made().execute("format_disk", {})


async def test_statistics_are_asked_for_each_time() -> None:
    domain = Domain()
    domain.released.set()
    command = made(domain)
    assert await command.execute("get_statistics", {}) == {"changed": False, "statistics": {"cpu.time": 1}}
    assert await command.execute("get_statistics", {}) == {"changed": False, "statistics": {"cpu.time": 2}}


async def test_a_libvirt_that_hangs_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "STATISTICS_SECONDS", 0.01)
    domain = Domain()
    command = made(domain)
    for _ in range(3):
        with pytest.raises(errors.TransientError, match="no statistics within"):
            await command.execute("get_statistics", {})
    assert domain.asked == 1
    domain.failure = errors.HypervisorError("gone")
    domain.released.set()
    await asyncio.sleep(0)
    with pytest.raises(errors.HypervisorError, match="gone"):
        await command.execute("get_statistics", {})
