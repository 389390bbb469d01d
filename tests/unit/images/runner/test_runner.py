"""The whole process: a runner started as its image starts it, against the fake API server, with real plays."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.playvirt.core.images.runner import runner
from ansible_collections.playvirt.core.images.runner.engine import zygote_process
from ansible_collections.playvirt.core.images.runner.settings import options
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.tests.unit.fakes import kube_api
from ansible_collections.playvirt.core.tests.unit.images.runner import widgets

ROLES = Path(__file__).parents[2] / "fixtures" / "roles"
WATCH_LIST = """
- group: example.com
  version: v1
  kind: Widget
  role: {role}
  manageStatus: false
  snakeCaseParameters: false
  watchDependentResources: false
"""
MODULE = "ansible_collections.playvirt.core.images.runner"


def widget(name: str, **spec: Any) -> dict[str, Any]:
    meta = {"namespace": "ns", "name": name}
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": meta, "spec": {"size": 1, **spec}}


class Process:
    """A runner's process and its log lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []
        self.reading = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            text = line.decode()
            self.lines.append(json.loads(text) if text.startswith("{") else {"message": "raw", "text": text})

    def logged(self, message: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["message"] == message]

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def stop(self) -> int:
        if self.process.returncode is None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
        return await self.ended()

    async def ended(self) -> int:
        code = await self.process.wait()
        await self.reading
        return code


@asynccontextmanager
async def running(
    tmp_path: Path,
    api: kube_api.KubeAPI,
    *arguments: str,
    role: str = "widget",
    name: str = "runner",
    watch_list: str = WATCH_LIST,
) -> AsyncIterator[Process]:
    (tmp_path / "watches.yaml").write_text(watch_list.format(role=role), encoding="utf-8")
    environment = {**os.environ, "ANSIBLE_ROLES_PATH": str(ROLES), "PYTHONPATH": zygote_process.IMPORT_ROOT}
    environment["POD_NAME"] = name
    environment.pop("KUBERNETES_SERVICE_HOST", None)
    process = await asyncio.create_subprocess_exec(
        *("setpriv", "--pdeathsig", "KILL", sys.executable, "-m", MODULE),
        *("--watches-file", str(tmp_path / "watches.yaml"), "--socket", str(tmp_path / f"{name}.sock")),
        *("--kubeconfig", str(api.write_kubeconfig(tmp_path / "kubeconfig")), "--health-address", "127.0.0.1:0"),
        *("--log-level", "debug", *arguments),
        env=environment,
        stderr=asyncio.subprocess.PIPE,
    )
    found = Process(process)
    try:
        yield found
    finally:
        await found.stop()


def message(api: kube_api.KubeAPI, name: str) -> str | None:
    obj = api.get("example.com/v1", "Widget", "ns", name)
    text: str | None = ((obj or {}).get("status") or {}).get("message")
    return text


async def test_an_object_that_appears_gets_its_play_and_strings_stay_data(tmp_path: Path) -> None:
    async with kube_api.KubeAPI(extra_kinds=[widgets.WIDGET]) as api, running(tmp_path, api) as process:
        injected = "{{ lookup('pipe', 'echo evaluated') }}"
        api.put(widget("one", size=3, text=injected))
        assert await api.until(lambda: message(api, "one")) == f"size 3 of one: {injected}"
        api.put(widget("one", size=4, text="plain"))
        await api.until(lambda: message(api, "one") == "size 4 of one: plain")
        await api.until(lambda: len(process.logged("play succeeded")) == 2)
        assert await process.stop() == 0
        assert {line["object"] for line in process.logged("play succeeded")} == {"ns/one"}
        assert not process.logged("raw")
        assert process.logged("engine ready")[0]["inline"] is True


@pytest.mark.full  # with a real API server: tests/integration/test_runner_replicas.py
async def test_a_leader_that_was_stopped_writes_nothing_when_it_goes_on(tmp_path: Path) -> None:
    lease = ("--leader-elect", "--lease-name", "runner", "--lease-namespace", "playvirt")
    seconds = ("--lease-duration", "8s", "--lease-renew-deadline", "6s", "--lease-retry", "250ms")
    async with kube_api.KubeAPI(extra_kinds=[widgets.WIDGET]) as api:
        async with running(tmp_path, api, *lease, *seconds, name="first") as first:
            await api.until(lambda: first.logged("leading"))
            async with running(tmp_path, api, *lease, *seconds, name="second") as second:
                await api.until(lambda: second.logged("listed"))
                api.put(widget("one", text="x"))
                await api.until(lambda: message(api, "one"))
                assert not second.logged("play")
                zygote = first.logged("engine ready")[0]["zygote"]
                os.kill(
                    zygote, signal.SIGSTOP
                )  # else it would kill the stopped controller: tests/integration/test_lost_controller.py
                first.signal(signal.SIGSTOP)
                await api.until(lambda: second.logged("leading"))
                api.put(widget("two", text="x"))
                await api.until(lambda: message(api, "two"))
                await api.until(lambda: len(second.logged("play succeeded")) == 2)  # it looks at "one" too
                before = len(api.writes())
                plays = len(first.logged("play"))
                first.signal(signal.SIGCONT)
                api.put(widget("three", text="x"))
                assert await first.ended() == 1
                await api.until(lambda: message(api, "three"))
                writes = [seen.path for seen in api.writes()[before:] if "leases" not in seen.path]
                assert writes == ["/apis/example.com/v1/namespaces/ns/widgets/three/status"]
                assert len(first.logged("play")) == plays
                await second.stop()
                spec = (api.get("coordination.k8s.io/v1", "Lease", "playvirt", "runner") or {})["spec"]
                assert spec["holderIdentity"] == "", "given up at the end, for the next one"


async def test_a_role_that_does_not_exist_ends_the_process_with_the_reason(tmp_path: Path) -> None:
    async with kube_api.KubeAPI(extra_kinds=[widgets.WIDGET]) as api:
        async with running(tmp_path, api, role="absent") as process:
            assert await process.ended() == 1
            assert "The role 'absent' was not found" in process.logged("ended")[0]["error"]


@pytest.mark.parametrize(
    ("watch_list", "service", "told"),
    [
        ("[{version: v1}]", [], "'kind' is missing"),
        (WATCH_LIST.format(role="widget") + "  planner: absent\n", [], "planner 'absent' is not one of"),
        (WATCH_LIST.format(role="widget"), ["--service", "json:absent"], "--service json:absent"),
    ],
)
async def test_what_cannot_run_is_refused_before_anything_starts(
    tmp_path: Path, watch_list: str, service: list[str], told: str
) -> None:
    (tmp_path / "watches.yaml").write_text(watch_list, encoding="utf-8")
    given = options.parse(["--watches-file", str(tmp_path / "watches.yaml"), *service], {})
    with pytest.raises(errors.PermanentError, match=told):
        runner.Runner(given, {})
