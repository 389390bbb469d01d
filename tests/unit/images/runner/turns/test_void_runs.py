"""Which runs are not wanted any more because of what happened to their object."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.playvirt.core.images.runner.turns import role_run

DELETING = {"deletionTimestamp": "2026-01-01T00:00:00Z"}


def widget(**meta: Any) -> dict[str, Any]:
    return {"metadata": {"name": "w", "uid": "one", "generation": 1, **meta}}


@pytest.mark.parametrize(
    ("started", "current", "why"),
    [
        (widget(), widget(), None),
        (widget(), None, "the object is gone"),
        (widget(**DELETING), None, None),  # the run itself removed the last finalizer
        (widget(), widget(uid="two"), "the object was created again"),
        (widget(**DELETING), widget(uid="two"), "the object was created again"),
        (widget(), widget(**DELETING), "the object is being deleted"),
        (widget(**DELETING), widget(**DELETING), None),
        (widget(), widget(generation=2), None),
    ],
)
def test_reasons(started: dict[str, Any], current: dict[str, Any] | None, why: str | None) -> None:
    assert role_run.void_reason(started, current, on_change=False) == why


def test_a_changed_spec_is_a_reason_where_the_watch_says_so() -> None:
    assert role_run.void_reason(widget(), widget(generation=2), on_change=True) == "the object's spec changed"
