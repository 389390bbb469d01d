"""The measured process of the benchmark `cache`: fills one cache (or, for the peer, one list) and says what that cost.

In: the mode (runner, plain_dicts), the kubeconfig, the number of objects to wait for. Out: one JSON object on stdout: KiB, s, us. Called
by `cache.py`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import pathlib
import random
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from ansible_collections.playvirt.core.images.runner.api import api_client, credentials
from ansible_collections.playvirt.core.images.runner.watching import cache, cache_store, watcher

API_VERSION, KIND, NAMESPACE = "bench.playvirt.io/v1", "CachedObject", "bench-cache"
SETTLE_SECONDS = 2.0
SYNC_SECONDS = 240.0
SOURCE = cache.Source(api_version=API_VERSION, kind=KIND)


def pss_kib() -> int:
    """The proportional set size of this process."""
    text = pathlib.Path("/proc/self/smaps_rollup").read_text(encoding="ascii")
    return int(text.partition("\nPss:")[2].split()[0])


class Peak:
    """The highest PSS, sampled every 250 ms."""

    def __init__(self) -> None:
        self.kib = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def _sample(self) -> None:
        while not self._ended.wait(0.25):
            self.kib = max(self.kib, pss_kib())

    def stop(self) -> int:
        """The peak."""
        self._ended.set()
        self._thread.join()
        return self.kib


def mean_us(names: list[Any], look: Callable[[Any], object]) -> float:
    """The mean time of a look-up over all names, in microseconds; each must find something."""
    started = time.perf_counter()
    for name in names:
        if not look(name):
            raise RuntimeError(f"{name} is not in the cache")
    return (time.perf_counter() - started) / len(names) * 1e6


async def fill(mode: str, client: api_client.APIClient, wanted: int) -> dict[str, float]:
    """Fill, measure."""
    await client.resource(API_VERSION, KIND)
    gc.collect()
    before, peak, started, cpu_before = pss_kib(), Peak(), time.perf_counter(), time.process_time()
    kept: Any
    if mode == "plain_dicts":
        kept = await client.list(API_VERSION, KIND)
        for obj in kept:
            obj["metadata"].pop("managedFields", None)
        found = len(kept)
    else:
        kept = cache.Cache([SOURCE])
        filling = watcher.Watcher(client, kept, SOURCE)
        watching = asyncio.create_task(filling.run())
        async with asyncio.timeout(SYNC_SECONDS):
            await filling.synced.wait()
        found = kept.sizes()[KIND]
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_before
    if found != wanted:
        raise RuntimeError(f"{found} objects instead of {wanted}")
    await asyncio.sleep(SETTLE_SECONDS)
    gc.collect()
    figures = {"sync_s": seconds, "sync_cpu_s": cpu_seconds, "kib_per_object": (pss_kib() - before) / wanted}
    figures["peak_kib_per_object"] = (peak.stop() - before) / wanted
    if mode != "plain_dicts":
        figures |= look_ups(kept)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    return figures


def look_ups(store: cache.Cache) -> dict[str, float]:
    """The times of look-ups."""
    keys = store.keys_covered_by(SOURCE)
    random.Random(1).shuffle(keys)
    owners = [store.list(API_VERSION, KIND, labels={"vm.kubevirt.io/name": key[1]})[0] for key in keys[:2000]]
    uids = [obj["metadata"]["ownerReferences"][0]["uid"] for obj in owners]
    get: Callable[[cache.Key], object] = lambda key: store.get(API_VERSION, KIND, *key)  # noqa: E731
    recent = keys[: cache_store.RECENT // 2]
    return {
        "lookup_us": mean_us(keys, get),
        "lookup_by_owner_us": mean_us(uids, lambda uid: store.list(API_VERSION, KIND, owner_uid=uid)),
        "lookup_recent_us": (mean_us(recent, get), mean_us(recent, get))[1],
    }


async def main(mode: str, kubeconfig: str, wanted: int) -> dict[str, float]:
    """One measurement."""
    async with api_client.APIClient(credentials.find(kubeconfig)) as client:
        return await fill(mode, client, wanted)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))))
