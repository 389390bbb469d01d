"""A thousand objects at once, and the API server away for half a minute in the middle: nothing is lost, doubled, or left behind.

The evidence is the role's own: it records every turn and writes the generation it has seen into the object.
"""

from __future__ import annotations

import pathlib
import threading
import time
from collections.abc import Iterator

import pytest
from ansible_collections.playvirt.core.tests.integration import bare_api_server, runner_process

pytestmark = pytest.mark.integration

OBJECTS = 1000
CUT_SECONDS = 30
PEAK_MIB = 350
# A deletion waits for the turns that are in workers already, and for those that begin while the news of it travels.
AHEAD = 60


@pytest.fixture
def setting(api_server: bare_api_server.BareAPIServer, tmp_path: pathlib.Path) -> runner_process.Setting:
    api_server.create_crd(runner_process.WIDGET_CRD)
    api_server.wait_crd("widgets.example.com")
    return runner_process.Setting(api_server, tmp_path)


class Memory:
    """Samples the PSS of a runner's processes once a second."""

    def __init__(self, runner: runner_process.RunnerProcess) -> None:
        self._runner = runner
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.samples: list[int] = []
        self._thread.start()

    def _sample(self) -> None:
        while not self._ended.wait(1):
            self.samples.append(sum(self._runner.pss_kib().values()) // 1024)

    def peak(self) -> int:
        """The highest so far, in MiB."""
        self._ended.set()
        self._thread.join()
        return max(self.samples)


@pytest.fixture
def names() -> list[str]:
    return [f"w{number:04}" for number in range(OBJECTS)]


def files_below(folder: pathlib.Path) -> Iterator[str]:
    return (str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_socket() and path.is_file())


def test_a_thousand_objects_and_the_api_server_away(setting: runner_process.Setting, names: list[str]) -> None:
    widgets = runner_process.Widgets(setting.api)
    with setting.runner() as runner:
        runner_process.until("ready", 240, lambda: runner.get("/readyz")[0] == 200)
        before = sorted(files_below(setting.folder / "first"))
        memory = Memory(runner)
        widgets.create(names)
        created = runner_process.boot_time()

        # Deletions go before what waits: of the last ones, so that hundreds wait before them.
        deleted = names[-20:]
        assert len({turn.key for turn in setting.turns()}) < OBJECTS - 300, "too fast for this test: no backlog is left"
        widgets.delete(deleted)
        asked = runner_process.boot_time()
        runner_process.until("the deleted are gone", 240, lambda: not set(deleted) & set(widgets.all()))
        turns = setting.turns()
        last_deletion = max(turn.begin for turn in turns if turn.deleting)
        ahead = [turn for turn in turns if not turn.deleting and asked < turn.begin < last_deletion]
        assert len(ahead) <= AHEAD

        # What changes right before the cut may be cut off on its way.
        widgets.change(names[:50], size=2)
        setting.api.stop()
        time.sleep(CUT_SECONDS)
        code, text = runner.get("/readyz")
        assert (code, "the watch is broken" in text) == (503, True), text
        assert runner.get("/healthz")[0] == 200, "a restart of this process would not help"
        setting.api.start()
        widgets.delete(names[50:60])
        widgets.change(names[60:80], size=3)
        widgets.create(["late"])
        runner_process.until("ready again", 240, lambda: runner.get("/readyz")[0] == 200)
        runner_process.until("everything is reconciled", 1200, lambda: not widgets.unseen(), pause=1)
        ended = runner_process.boot_time()

        found = widgets.all()
        assert set(found) == {*names, "late"} - {*deleted, *names[50:60]}
        turns = setting.turns()
        assert {turn.key for turn in turns if turn.ended} == {*names, "late"}
        assert not runner_process.overlapping(turns)
        runner_process.until(
            "an empty queue", 300, lambda: runner.metric("workqueue_depth", name="widget-v1-controller") == 0
        )
        peak = memory.peak()
        assert peak < PEAK_MIB
        assert sorted(files_below(setting.folder / "first")) == before
        print(f"{len(turns)} turns in {ended - created:.0f} s, {len(ahead)} before the last deletion, peak {peak} MiB")
        assert runner.stop() == 0
