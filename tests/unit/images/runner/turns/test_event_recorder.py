"""Events about objects, at an API server that lets nobody read Events."""

from __future__ import annotations

from typing import Any

from ansible_collections.playvirt.core.images.runner.turns import event_recorder
from ansible_collections.playvirt.core.tests.unit.fakes import kube_api
from ansible_collections.playvirt.core.tests.unit.images.runner import widgets


def events(api: kube_api.KubeAPI) -> list[dict[str, Any]]:
    return api.all("v1", "Event")


async def test_the_same_words_again_are_counted_and_nothing_is_read() -> None:
    async with widgets.connected() as (api, client):
        recorder, widget = event_recorder.EventRecorder(client), api.put(widgets.widget())
        for _ in range(3):
            await recorder.warn(widget, reason="Failed", message="no room")
        await recorder.warn(widget, reason="Failed", message="no light")
        assert {event["message"]: event["count"] for event in events(api)} == {"no room": 3, "no light": 1}
        assert {seen.method for seen in api.seen} == {"POST", "PATCH"}


async def test_an_event_that_has_expired_begins_anew() -> None:
    async with widgets.connected() as (api, client):
        recorder, widget = event_recorder.EventRecorder(client), api.put(widgets.widget())
        await recorder.warn(widget, reason="Failed", message="no room")
        await recorder.warn(widget, reason="Failed", message="no room")
        api.remove("v1", "Event", "ns", events(api)[0]["metadata"]["name"])
        await recorder.warn(widget, reason="Failed", message="no room")
        assert [event["count"] for event in events(api)] == [1]


async def test_another_process_has_events_of_its_own() -> None:
    async with widgets.connected() as (api, client):
        widget = api.put(widgets.widget())
        for _ in range(2):
            await event_recorder.EventRecorder(client).warn(widget, reason="Failed", message="no room")
        assert [event["count"] for event in events(api)] == [1, 1]


async def test_one_that_was_forgotten_here_is_counted_anew() -> None:
    async with widgets.connected() as (api, client):
        recorder, widget = event_recorder.EventRecorder(client), api.put(widgets.widget())
        await recorder.warn(widget, reason="Failed", message="no room")
        await recorder.warn(widget, reason="Failed", message="no room")
        recorder._counts.clear()
        await recorder.warn(widget, reason="Failed", message="no room")
        assert [event["count"] for event in events(api)] == [1]
