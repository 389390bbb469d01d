"""When the fence falls, on a clock that the test moves."""

from __future__ import annotations

import threading

from ansible_collections.playvirt.core.images.virt_launcher import fence


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def make(clock: Clock) -> fence.Fence:
    return fence.Fence(seconds=60.0, fall=lambda age: None, clock=clock)


def test_unarmed_fence_never_falls() -> None:
    clock = Clock()
    made = make(clock)
    clock.now += 10_000
    assert made.overdue() is None


def test_armed_fence_counts_from_its_making() -> None:
    clock = Clock()
    made = make(clock)
    made.arm()
    clock.now += 60
    assert made.overdue() is None
    clock.now += 0.5
    assert made.overdue() == 60.5


def test_renewal_counts_anew_and_never_gives_more_than_the_pod_was_told() -> None:
    clock = Clock()
    made = make(clock)
    made.arm()
    clock.now += 59
    made.renew(3600)
    clock.now += 60
    assert made.overdue() is None
    clock.now += 1
    assert made.overdue() == 61


def test_renewal_may_give_less() -> None:
    clock = Clock()
    made = make(clock)
    made.arm()
    made.renew(5)
    clock.now += 6
    assert made.overdue() == 6
    made.renew(-1)
    clock.now += 0.1
    assert made.overdue() is not None


def test_overdue_ends_with_a_renewal() -> None:
    clock = Clock()
    made = make(clock)
    made.arm()
    clock.now += 100
    assert made.overdue() == 100
    made.renew(60)
    assert made.overdue() is None


def test_start_calls_fall_in_a_thread() -> None:
    clock = Clock()
    fallen = threading.Event()
    ages: list[float] = []

    def fall(age: float) -> None:
        ages.append(age)
        fallen.set()

    made = fence.Fence(seconds=1.0, fall=fall, clock=clock)
    made.arm()
    clock.now += 2
    made.start()
    assert fallen.wait(10)
    assert ages == [2.0]


def test_boottime_goes_on() -> None:
    first = fence.boottime()
    assert fence.boottime() >= first > 0
