"""kubevirt_wait against a stateful API server: what it shows, when it ends, when it gives up. Time is the test's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.installation import settings, virt_operator
from ansible_collections.playvirt.core.plugins.modules import kubevirt_wait
from ansible_collections.playvirt.core.tests.unit.fakes import kube_thread

WANTED = settings.Settings(registry="r", tag="v1")
READY = {"observedGeneration": 1, "updatedReplicas": 1, "availableReplicas": 1}


class Watching:
    """Runs the module; each second of waiting is a step of the test."""

    def __init__(self, api: kube_thread.ThreadedKubeAPI) -> None:
        self.api = api
        self.shown: list[str] = []
        self.seconds = 0.0
        self.steps: dict[int, Callable[[], None]] = {}

    def put(self, obj: dict[str, Any]) -> None:
        self.api.call(self.api.api.put, obj)

    def operator(self, **status: Any) -> None:
        self.put({**virt_operator.render_deployment(WANTED), "status": status})

    def kubevirt(self, *, available: bool, message: str = "") -> None:
        status = {
            "phase": "Deployed" if available else "Deploying",
            "operatorVersion": "v1",
            "observedGeneration": 9,
            "targetKubeVirtVersion": "v1",
            "observedKubeVirtVersion": "v1",
            "conditions": [{"type": "Available", "status": str(available), "message": message}],
        }
        self.put({**virt_operator.render_kubevirt(WANTED), "status": status})

    def _sleep(self, seconds: float) -> None:
        self.seconds += seconds
        self.steps.pop(round(self.seconds), lambda: None)()

    def run(self, *, check_mode: bool = False, **more: Any) -> dict[str, Any]:
        params = {"namespace": "kubevirt", "name": "kubevirt", "until": "deployed", "timeout": 60, "image_timeout": 5}
        return kubevirt_wait.run(
            {**params, **more},
            check_mode=check_mode,
            progress=self.shown.append,
            clock=lambda: self.seconds,
            sleep=self._sleep,
        )


@pytest.fixture
def watching(api: kube_thread.ThreadedKubeAPI) -> Watching:
    return Watching(api)


def test_each_thing_that_is_missing_is_shown_once(watching: Watching) -> None:
    watching.steps = {
        2: lambda: watching.operator(observedGeneration=1),
        4: lambda: watching.operator(**READY),
        6: lambda: watching.kubevirt(available=False, message="virt-handler: available on 0 of 1 nodes"),
        9: lambda: watching.kubevirt(available=True),
    }
    result = watching.run()
    assert [line.strip() for line in watching.shown] == [
        "virt-operator is not deployed",
        "virt-operator is starting",
        "there is no KubeVirt object",
        "virt-handler: available on 0 of 1 nodes",
    ]
    assert watching.seconds == 9
    assert (result["missing"], result["kubevirt"]["status"]["phase"]) == (None, "Deployed")


def test_what_is_complete_is_not_waited_for(watching: Watching) -> None:
    watching.operator(**READY)
    watching.kubevirt(available=True)
    watching.run()
    assert (watching.seconds, watching.shown) == (0, [])


def test_it_gives_up_and_says_what_is_missing(watching: Watching) -> None:
    with pytest.raises(
        errors.PermanentError, match="is not deployed after 61 s: virt-operator is not deployed; see `kubectl"
    ):
        watching.run()


def test_an_image_that_cannot_be_had_ends_it_soon(watching: Watching) -> None:
    watching.operator(observedGeneration=1)
    waiting = {"name": "virt-operator", "state": {"waiting": {"reason": "ErrImagePull", "message": "r/playvirt:v1"}}}
    labels = {"kubevirt.io": "virt-operator"}
    meta = {"name": "p", "namespace": "kubevirt", "labels": labels}
    watching.put(
        {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {}, "status": {"containerStatuses": [waiting]}}
    )
    with pytest.raises(
        errors.PermanentError, match="cannot get an image.*ErrImagePull: r/playvirt:v1.*push the images"
    ):
        watching.run()
    assert watching.seconds < 10


def test_gone_waits_for_the_kubevirt(watching: Watching) -> None:
    watching.operator(**READY)
    watching.kubevirt(available=True)
    kubevirt = virt_operator.render_kubevirt(WANTED)["metadata"]
    watching.steps = {
        3: lambda: watching.api.call(
            watching.api.api.remove, "kubevirt.io/v1", "KubeVirt", kubevirt["namespace"], kubevirt["name"]
        )
    }
    assert watching.run(until="gone")["kubevirt"] is None
    assert [line.strip() for line in watching.shown] == ["virt-operator removes what it deployed"]


def test_check_mode_looks_once(watching: Watching) -> None:
    assert watching.run(check_mode=True)["missing"] == "virt-operator is not deployed"
    assert watching.seconds == 0
