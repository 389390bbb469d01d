"""The watcher against the fake API server: pages, bookmarks, 410, broken and silent connections, restarts; nothing missed, nothing doubled."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from ansible_collections.playvirt.core.images.runner.api import api_client
from ansible_collections.playvirt.core.images.runner.watching import cache, watcher
from ansible_collections.playvirt.core.tests.unit.fakes import kube_api
from ansible_collections.playvirt.core.tests.unit.images.runner import widgets

QUICK = watcher.Timing(page=3, watch_seconds=100, inactivity=5.0, first_delay=0.01, longest_delay=0.02)


def widget(name: str, size: int = 1, **meta: Any) -> dict[str, Any]:
    meta = {"namespace": "ns", "name": name, **meta}
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": meta, "spec": {"size": size}}


class Scene:
    """A fake API server, a cache that a watcher fills, and everything the cache told."""

    def __init__(
        self, api: kube_api.KubeAPI, source: cache.Source, client: api_client.APIClient, timing: watcher.Timing
    ) -> None:
        self.api = api
        self.cache = cache.Cache([source])
        self.counted: Counter[str] = Counter()
        self.watcher = watcher.Watcher(client, self.cache, source, timing=timing, count=self._count)
        self.changes: list[cache.Change] = []
        self.cache.subscribe(self.changes.append)

    def _count(self, _kind: str, what: str) -> None:
        self.counted[what] += 1

    def sizes(self) -> dict[str, int]:
        return {obj["metadata"]["name"]: obj["spec"]["size"] for obj in self.cache.list("example.com/v1", "Widget")}

    async def has(self, **sizes: int) -> bool:
        return bool(await self.api.until(lambda: self.sizes() == sizes))


@asynccontextmanager
async def scene(
    *objects: dict[str, Any], timing: watcher.Timing = QUICK, watch_list: bool = False, **selection: str
) -> AsyncIterator[Scene]:
    async with widgets.connected(watch_list=watch_list) as (api, client):
        for obj in objects:
            api.put(obj)
        source = cache.Source(api_version="example.com/v1", kind="Widget", **selection)
        found = Scene(api, source, client, timing)
        task = asyncio.create_task(found.watcher.run())
        try:
            yield found
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_lists_in_pages_then_follows() -> None:
    async with scene(*(widget(f"w{number}") for number in range(8))) as s:
        await s.watcher.synced.wait()
        assert len(s.sizes()) == 8
        assert len([seen for seen in s.api.seen if "limit" in seen.query]) == 3
        assert s.watcher.problem() is None
        s.api.put(widget("w0", 2))
        s.api.remove("example.com/v1", "Widget", "ns", "w7")
        assert await s.has(w0=2, **{f"w{number}": 1 for number in range(1, 7)})


async def test_a_cut_connection_is_taken_up_where_it_broke() -> None:
    async with scene(widget("a")) as s:
        assert await s.has(a=1)
        await s.api.until(lambda: [seen for seen in s.api.seen if "watch" in seen.query])
        s.api.cut()
        s.api.put(widget("a", 2))
        s.api.put(widget("b", 3))
        assert await s.has(a=2, b=3)
        assert s.counted["list"] == 1
        assert len(s.changes) == 3


async def test_bookmarks_move_the_place_where_a_watch_is_taken_up() -> None:
    async with scene(widget("a")) as s:
        assert await s.has(a=1)
        s.api.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "ns", "name": "unrelated"}})
        newest = s.api.get("v1", "ConfigMap", "ns", "unrelated") or {}
        await s.api.until(lambda: s.watcher._version == newest["metadata"]["resourceVersion"])
        s.api.cut()
        resumed = {"resourceVersion": newest["metadata"]["resourceVersion"]}
        await s.api.until(lambda: resumed.items() <= s.api.seen[-1].query.items())
        assert s.counted["list"] == 1


async def test_too_old_a_version_means_a_new_list_without_gaps_or_doubles() -> None:
    async with scene(widget("stays"), widget("goes"), widget("changes")) as s:
        assert await s.has(stays=1, goes=1, changes=1)
        s.changes.clear()
        await s.api.stop()
        s.api.remove("example.com/v1", "Widget", "ns", "goes")
        s.api.put(widget("changes", 2))
        s.api.put(widget("comes", 3))
        s.api.compact()
        await s.api.start()
        assert await s.has(stays=1, changes=2, comes=3)
        assert s.counted["gone"] == 1
        assert sorted(change.key[1] for change in s.changes) == ["changes", "comes", "goes"]
        s.api.put(widget("changes", 4))
        assert await s.has(stays=1, changes=4, comes=3)


async def test_a_server_that_is_away_is_waited_for() -> None:
    async with scene(widget("a")) as s:
        assert await s.has(a=1)
        await s.api.stop()
        await s.api.until(lambda: "broken" in (s.watcher.problem() or ""))
        s.api.put(widget("a", 5))
        await s.api.start()
        assert await s.has(a=5)
        await s.api.until(lambda: s.watcher.problem() is None)


async def test_a_silent_connection_is_given_up() -> None:
    timing = watcher.Timing(inactivity=0.1, first_delay=0.01, longest_delay=0.02)
    async with scene(widget("a"), timing=timing) as s:
        assert await s.has(a=1)
        s.api.watches.bookmark_seconds = 60.0
        await s.api.until(lambda: s.counted["silent"] > 5)
        assert s.counted["list"] == 1
        assert s.watcher.problem() is None
        s.api.put(widget("a", 2))
        assert await s.has(a=2)


async def test_errors_are_retried_and_a_kind_that_is_not_served_is_waited_for() -> None:
    async with widgets.connected() as (api, client):
        api.put(widget("a"))
        api.fail("GET", "/apis/example.com/v1", code=404, times=3)
        api.fail("GET", "/apis/example.com/v1/widgets", code=500, times=2)
        source = widgets.SOURCE
        s = Scene(api, source, client, QUICK)
        assert "not listed yet" in (s.watcher.problem() or "")
        task = asyncio.create_task(s.watcher.run())
        assert await s.has(a=1)
        assert s.counted["error"] == 4, "the third to be refused was the watch-list, which the pages replaced"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_leaves_a_field_selector_is_gone() -> None:
    async with scene(widget("a", 1), widget("b", 2), field_selector="spec.size=1") as s:
        assert await s.has(a=1)
        s.api.put(widget("b", 1))
        assert await s.has(a=1, b=1)
        s.api.put(widget("a", 7))
        assert await s.has(b=1)
        assert s.changes[-1].new is None


async def test_a_page_that_is_too_old_starts_the_list_again() -> None:
    async with widgets.connected() as (api, client):
        for number in range(8):
            api.put(widget(f"w{number}"))
        s = Scene(api, widgets.SOURCE, client, QUICK)
        original, compacted = client.request, []

        async def request(asked: api_client.Request, **more: Any) -> dict[str, Any]:
            if asked.query and "continue" in asked.query and not compacted:
                compacted.append(True)
                api.compact()
            return await original(asked, **more)

        client.request = request  # type: ignore[method-assign]
        task = asyncio.create_task(s.watcher.run())
        await api.until(lambda: len(s.sizes()) == 8)
        assert s.counted["gone"] == 1
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_watch_list_needs_no_list_and_misses_and_doubles_nothing_when_it_begins_anew() -> None:
    async with scene(*(widget(f"w{number}") for number in range(8)), watch_list=True) as s:
        await s.watcher.synced.wait()
        assert len(s.sizes()) == 8
        s.api.put(widget("w0", 2))
        s.api.remove("example.com/v1", "Widget", "ns", "w7")
        await s.api.until(lambda: len(s.changes) == 10)
        s.api.cut()
        s.api.put(widget("w1", 2))
        s.api.remove("example.com/v1", "Widget", "ns", "w6")
        s.api.compact()
        await s.has(w0=2, w1=2, w2=1, w3=1, w4=1, w5=1)
        assert len(s.changes) == 12
        assert not [seen for seen in s.api.seen if "limit" in seen.query]
        assert s.counted["gone"] == 1


async def test_a_watch_list_that_breaks_off_removes_nothing() -> None:
    async with scene(widget("a"), widget("b"), watch_list=True) as s:
        await s.watcher.synced.wait()
        half = s.cache.listing(s.watcher.source)
        half.add(widget("a", resourceVersion="999"))
        del half
        assert sorted(s.sizes()) == ["a", "b"]


async def test_a_server_that_refuses_or_ignores_the_watch_list_is_listed_in_pages() -> None:
    async with scene(widget("a"), watch_list=False) as s:
        await s.watcher.synced.wait()
        first = [seen for seen in s.api.seen if "sendInitialEvents" in seen.query]
        assert (len(first), s.watcher.problem()) == (1, None)
    async with scene(widget("a"), watch_list=True) as s:
        s.api.watches.ignore_initial_events = True
        await s.watcher.synced.wait()
        assert [seen for seen in s.api.seen if "limit" in seen.query]
        assert s.sizes() == {"a": 1}


async def test_a_server_whose_storage_cannot_is_listed_in_pages() -> None:
    async with widgets.connected(watch_list=True) as (api, client):
        api.put(widget("a"))
        api.fail("GET", "/apis/example.com/v1/widgets", code=500)
        s = Scene(api, widgets.SOURCE, client, QUICK)
        task = asyncio.create_task(s.watcher.run())
        await s.watcher.synced.wait()
        assert s.sizes() == {"a": 1}
        asked = [seen.query for seen in api.seen if seen.path.endswith("/widgets")]
        assert ["sendInitialEvents" in query for query in asked[:2]] == [True, False]
        assert ["limit" in query for query in asked[:2]] == [False, True]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
