"""Restless objects: only rows of writing turns close together are slowed down."""

from __future__ import annotations

from ansible_collections.playvirt.core.images.runner.turns import restless


def pauses(*turns: tuple[str, bool, float]) -> list[float]:
    found: restless.Restless[str] = restless.Restless()
    return [found.note("key", result=result, by_time=by_time, now=now) for result, by_time, now in turns]


def test_a_row_of_writing_turns_is_slowed_down_more_and_more() -> None:
    found = pauses(*[("status", False, float(number)) for number in range(20)])
    assert found[: restless.TURNS - 1] == [0.0] * (restless.TURNS - 1)
    assert found[restless.TURNS - 1] == 0.1
    assert found[-1] == restless.LONGEST_SECONDS
    assert found == sorted(found)


def test_rest_time_and_distance_end_a_row() -> None:
    row = [("succeeded", False, float(number)) for number in range(restless.TURNS - 1)]
    assert pauses(*row, ("unchanged", False, 8.0), ("succeeded", False, 9.0))[-1] == 0.0
    assert pauses(*row, ("succeeded", True, 8.0), ("succeeded", False, 9.0))[-1] == 0.0
    assert pauses(*row, ("succeeded", False, 8.0 + restless.APART_SECONDS))[-1] == 0.0
    assert pauses(*row, ("succeeded", False, 8.0))[-1] == 0.1


def test_keys_do_not_share_a_row_and_are_forgotten() -> None:
    found: restless.Restless[str] = restless.Restless()
    for number in range(restless.TURNS):
        found.note("a", result="status", by_time=False, now=float(number))
    assert found.note("b", result="status", by_time=False, now=9.0) == 0.0
    found.forget("a")
    assert found.turns("a") == 0
