"""What the guest's agent tells, asked for again and again while it is connected, and never faster than the guest answers.

In: the domain (domain_watch.py), and word that the agent may have come or gone. Out: calls of `on_information` with what is new. Called by run.py. A guest
whose agent is silent or talks nonsense costs a thread for some seconds a minute, and keeps what it said before.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import logging
from collections.abc import Callable
from typing import Any, Protocol

from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import guest_agent, guest_information

ANSWER_SECONDS = 5
#: after the agent has come, much changes in the guest: addresses are still to be had
PAUSES_SECONDS = (2.0, 5.0, 10.0, 20.0, 40.0, 60.0)

logger = logging.getLogger(__name__)


class Domain(Protocol):
    """What is asked of domain_watch.DomainWatch."""

    async def call(self, verb: Callable[[Any, str], Any]) -> Any:
        """Do a verb of the hypervisor room on the domain."""


class AgentWatch:
    """Follows one guest's agent. `information` is what was last told."""

    def __init__(
        self,
        *,
        domain: Domain,
        on_information: Callable[[guest_information.Information], None],
        pauses_seconds: tuple[float, ...] = PAUSES_SECONDS,
    ) -> None:
        """Prepare; `run` begins. The last pause is repeated."""
        self._domain = domain
        self._on_information = on_information
        self._pauses = pauses_seconds
        self._noticed = asyncio.Event()
        self.information = guest_information.Information(connected=False)

    def notice(self) -> None:
        """The agent may have come or gone."""
        self._noticed.set()

    async def run(self) -> None:
        """Ask while there is an agent, until cancelled."""
        while True:
            await self._noticed.wait()
            for pause in itertools.chain(self._pauses, itertools.repeat(self._pauses[-1])):
                self._noticed.clear()
                found = await self._ask()
                if found != self.information:
                    self.information = found
                    self._on_information(found)
                if not found.connected:
                    break
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._noticed.wait(), pause)

    async def _ask(self) -> guest_information.Information:
        """What the guest tells now; where its agent does not answer, what it told before."""
        try:
            if not await self._domain.call(guest_agent.is_connected):
                return guest_information.Information(connected=False)
            ask = functools.partial(guest_agent.information, timeout_seconds=ANSWER_SECONDS)
            found: guest_information.Information = await self._domain.call(ask)
            return found
        except errors.DomainNotFound:
            return guest_information.Information(connected=False)
        except errors.HypervisorError as error:
            logger.debug("%s", error)
            return self.information
