"""Asks site rules in a process of their own, and keeps the time.

In: rules' names, an object. Out: causes. A rule that fails, hangs, floods or ends its process becomes a cause that names it; the process is killed and
started anew, and a rule that hung is not asked again for a while, so that it costs each request nothing but its refusal. Called by webhooks.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.playvirt.core.images.runner.telemetry import log
from ansible_collections.playvirt.core.plugins.module_utils.admission import site_rules
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import Cause

LOG = logging.getLogger("virt_api.site_rules")
_WORKER = "ansible_collections.playvirt.core.images.virt_api.site_rule_worker"
_LONGEST_ANSWER = 1024 * 1024
REST_SECONDS = 30.0
START_SECONDS = 5.0
#: for all rules of one object, with the wait for those of others; the API server waits 10 s for the whole answer
TOGETHER_SECONDS = 8.0


class SiteRules:
    """One worker process, started when it is first needed."""

    def __init__(
        self,
        *,
        timeout: float,
        together: float = TOGETHER_SECONDS,
        rest: float = REST_SECONDS,
        count: Callable[[str], None] = lambda rule: None,
    ) -> None:
        self._timeout = timeout
        self._together = together
        self._rest = rest
        self._count = count
        self._process: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()
        self._resting: dict[str, tuple[float, str]] = {}
        self._known: set[str] = set()

    async def ask(self, names: Sequence[str], obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[Cause]:
        """The causes of all rules about an object that is made, or changed from `old`; rules are asked one after the other, by one client at a time."""
        found: list[Cause] = []
        name = ""
        try:
            async with asyncio.timeout(self._together):
                for name in names:
                    found += await self._causes(name, obj, old)
        except TimeoutError:
            self._count(name)
            problem = (
                f"site rule '{name}' could not be asked within {self._together:g} s, behind other rules and objects"
            )
            found.append(site_rules.broken(site_rules.SiteRuleError(problem)))
        return found

    async def _causes(self, name: str, obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[Cause]:
        """The causes of one rule; one that does not work is a cause."""
        try:
            return site_rules.changed(await self._ask(name, obj, old), obj, old)
        except site_rules.SiteRuleError as error:
            return [site_rules.broken(error)]

    async def _ask(self, name: str, obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[Cause]:
        async with self._lock:
            since, problem = self._resting.get(name, (0.0, ""))
            if problem and asyncio.get_running_loop().time() - since < self._rest:
                raise site_rules.SiteRuleError(problem)
            try:
                answer = await self._exchange(name, {"rule": name, "obj": obj, "old": old})
            except (TimeoutError, OSError, ValueError, EOFError) as error:
                raise await self._gave_up(name, error) from error
            except BaseException:
                # The question may be half asked: whoever comes next must not get its answer.
                await self.close()
                raise
            self._resting.pop(name, None)
            if "error" in answer:
                self._count(name)
                raise site_rules.SiteRuleError(str(answer["error"]))
            return [Cause(**cause) for cause in answer["causes"]]

    async def _gave_up(self, name: str, error: Exception) -> site_rules.SiteRuleError:
        problem = f"site rule '{name}' ended its process: {error}"
        if isinstance(error, TimeoutError):
            problem = f"site rule '{name}' took longer than {self._timeout:g} s"
        LOG.error("site rule given up", extra=log.fields(rule=name, error=problem))
        self._count(name)
        self._resting[name] = (asyncio.get_running_loop().time(), problem)
        await self.close()
        return site_rules.SiteRuleError(problem)

    async def _exchange(self, name: str, question: Mapping[str, Any]) -> dict[str, Any]:
        # A rule that is asked for the first time is imported first, which may take longer than its answer.
        seconds = self._timeout if name in self._known else max(START_SECONDS, self._timeout)
        if self._process is None or self._process.returncode is not None:
            self._process, self._known = await _start(), set()
            seconds = max(START_SECONDS, self._timeout)
        questions, answers = self._process.stdin, self._process.stdout
        if questions is None or answers is None:
            raise OSError("the worker has no pipes")
        async with asyncio.timeout(seconds):
            questions.write(json.dumps(question).encode() + b"\n")
            await questions.drain()
            line = await answers.readline()
        if not line:
            raise EOFError("no answer")
        self._known.add(name)
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _start() -> asyncio.subprocess.Process:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ}
    # It finds what virt-api finds, and collections that were added for it.
    places = [*os.environ.get("PYTHONPATH", "").split(os.pathsep), *sys.path]
    kept["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(filter(None, places)))
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        _WORKER,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LONGEST_ANSWER,
        env=kept,
    )
