"""is_as_wanted: what counts as changed by hand, and what does not."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.installation import drift


@pytest.mark.parametrize(
    ("wanted", "found", "same"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, False),
        ({"a": 1}, None, False),
        ({"a": {}}, {}, True),
        ({"a": []}, {}, True),
        ({"a": False}, {}, True),
        ({"a": "x"}, {}, False),
        ({"a": [1, 2]}, {"a": [1, 2]}, True),
        ({"a": [1, 2]}, {"a": [2, 1]}, False),
        ({"a": [1]}, {"a": [1, 2]}, False),
        ({"c": [{"name": "x", "v": 1}]}, {"c": [{"name": "added"}, {"name": "x", "v": 1, "default": 0}]}, True),
        ({"c": [{"name": "x", "v": 1}]}, {"c": [{"name": "x", "v": 2}]}, False),
        ({"c": [{"name": "x"}]}, {"c": []}, False),
        ({"rules": [{"verbs": ["get"]}]}, {"rules": [{"verbs": ["get"], "apiGroups": [""]}]}, True),
        ({"rules": [{"verbs": ["get"]}]}, {"rules": [{"verbs": ["get", "list"]}]}, False),
        ({"rules": [{"verbs": ["get"]}]}, {"rules": [{"verbs": ["get"]}, {"verbs": ["list"]}]}, False),
    ],
)
def test_is_as_wanted(wanted: Any, found: Any, same: bool) -> None:
    assert drift.is_as_wanted(wanted, found) is same
