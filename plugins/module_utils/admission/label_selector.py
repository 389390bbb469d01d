"""Kubernetes' label selectors as objects carry them: matchLabels and matchExpressions.

In: a selector and labels. Out: whether they match. An empty selector matches everything, none at all matches nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import tree


def _holds(expression: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    key, operator = tree.text(expression, "key"), tree.text(expression, "operator")
    values = tree.strings(expression, "values")
    if operator == "In":
        return labels.get(key) in values
    if operator == "NotIn":
        return labels.get(key) not in values
    if operator == "Exists":
        return key in labels
    return operator == "DoesNotExist" and key not in labels


def matches(selector: Any, labels: Mapping[str, Any]) -> bool:
    """Whether the labels are selected."""
    if not isinstance(selector, Mapping):
        return False
    wanted = tree.section(selector, "matchLabels")
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _holds(expression, labels) for expression in tree.entries(selector, "matchExpressions")
    )
