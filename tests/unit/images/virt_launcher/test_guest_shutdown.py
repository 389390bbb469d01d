"""Shutting the guest down: buttons, patience, plug. Times are shortened, not slept through."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from ansible_collections.playvirt.core.images.virt_launcher import guest_shutdown
from ansible_collections.playvirt.core.plugins.module_utils.api import errors


class Guest:
    """Ends after `buttons` presses, or at destroy; with `deaf` at neither."""

    def __init__(self, *, buttons: int, deaf: bool = False) -> None:
        self.left = buttons
        self.deaf = deaf
        self.ended: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.log: list[str] = []

    async def shutdown(self) -> None:
        self.log.append("shutdown")
        self.left -= 1
        if self.left == 0:
            self.ended.set_result(None)

    async def destroy(self) -> None:
        self.log.append("destroy")
        if self.deaf:
            raise errors.HypervisorError("libvirtd is away")
        self.ended.set_result(None)


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest_shutdown, "REPEAT_SECONDS", 0.01)
    monkeypatch.setattr(guest_shutdown, "_DESTROY_SECONDS", 0.01)


async def shut_down(guest: Guest, grace_seconds: float) -> list[str]:
    await guest_shutdown.shut_down(
        guest, grace_seconds=grace_seconds, ended=guest.ended, kill=lambda: guest.log.append("kill")
    )
    return guest.log


async def test_obedient_guest_gets_one_button() -> None:
    assert await shut_down(Guest(buttons=1), 60) == ["shutdown"]


async def test_guest_that_boots_gets_the_button_again() -> None:
    assert await shut_down(Guest(buttons=3), 60) == ["shutdown"] * 3


async def test_stubborn_guest_is_destroyed_after_its_grace() -> None:
    log = await shut_down(Guest(buttons=10_000), 0.03)
    assert set(log[:-1]) == {"shutdown"}
    assert log[-1] == "destroy"


async def test_no_grace_destroys_at_once() -> None:
    assert await shut_down(Guest(buttons=1), 0) == ["destroy"]


async def test_what_cannot_be_destroyed_is_killed() -> None:
    assert await shut_down(Guest(buttons=0, deaf=True), 0) == ["destroy", "kill"]


async def test_refused_buttons_do_not_end_the_waiting() -> None:
    class Refusing(Guest):
        async def shutdown(self) -> None:
            await super().shutdown()
            raise errors.OperationInvalid("not now")

    assert await shut_down(Refusing(buttons=2), 60) == ["shutdown", "shutdown"]


async def test_hanging_libvirtd_does_not_hold_up_the_end() -> None:
    class Hanging(Guest):
        async def shutdown(self) -> None:
            self.log.append("shutdown")
            await asyncio.Event().wait()

        async def destroy(self) -> None:
            self.log.append("destroy")
            await asyncio.Event().wait()

    log = await shut_down(Hanging(buttons=1), 0.02)
    assert log[-2:] == ["destroy", "kill"]
