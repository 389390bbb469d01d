"""Label and field selectors, evaluated here as the API server evaluates them.

In: the selector's text (`app=web,tier in (a,b),!old`) and an object. Out: whether it matches; and the text of a LabelSelector object.
Needed to know whether an object that a write returned belongs to a watch with selectors. Pure. Called by `cache.py`, `gateway.py`, `watches.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Labels = Mapping[str, str]
_TERM = re.compile(r"[^,(]+(?:\([^)]*\))?")
_SET = re.compile(r"^(?P<key>\S+)\s+(?P<operator>in|notin)\s*\((?P<values>[^)]*)\)$")
_EQUALITY = re.compile(r"^(?P<key>[^=!\s]+)\s*(?P<operator>==|=|!=)\s*(?P<value>\S*)$")
_EXISTS = re.compile(r"^(?P<absent>!?)\s*(?P<key>[^=!\s]+)$")


def parse_labels(selector: str) -> list[Callable[[Labels], bool]]:
    """The terms of a label selector as tests.

    Raises ValueError for what is not a label selector.
    """
    return [_label_term(term.strip()) for term in _TERM.findall(selector) if term.strip()]


def _label_term(term: str) -> Callable[[Labels], bool]:
    if match := _SET.match(term):
        key, values = match["key"], {value.strip() for value in match["values"].split(",")}
        if match["operator"] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if match := _EQUALITY.match(term):
        key, value = match["key"], match["value"]
        if match["operator"] == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if match := _EXISTS.match(term):
        key = match["key"]
        if match["absent"]:
            return lambda labels: key not in labels
        return lambda labels: key in labels
    raise ValueError(f"'{term}' is not a term of a label selector")


def parse_fields(selector: str) -> list[Callable[[Mapping[str, Any]], bool]]:
    """The terms of a field selector (`spec.nodeName=a,status.phase!=Failed`) as tests.

    Raises ValueError for what is not a field selector.
    """
    tests: list[Callable[[Mapping[str, Any]], bool]] = []
    for term in filter(None, (part.strip() for part in selector.split(","))):
        match = _EQUALITY.match(term)
        if match is None:
            raise ValueError(f"'{term}' is not a term of a field selector")
        tests.append(_field_term(match["key"].split("."), match["operator"], match["value"]))
    return tests


def _field_term(path: list[str], operator: str, value: str) -> Callable[[Mapping[str, Any]], bool]:
    def test(obj: Mapping[str, Any]) -> bool:
        found: Any = obj
        for step in path:
            found = found.get(step) if isinstance(found, Mapping) else None
        equal = ("" if found is None else str(found)) == value
        return equal if operator != "!=" else not equal

    return test


class Matcher:
    """Whether an object belongs to a namespace, a label selector and a field selector."""

    def __init__(self, *, namespace: str | None, label_selector: str | None, field_selector: str | None) -> None:
        self._namespace = namespace
        self._labels = parse_labels(label_selector or "")
        self._fields = parse_fields(field_selector or "")

    def __call__(self, obj: Mapping[str, Any]) -> bool:
        """Whether all of them match; a cluster-scoped object is in every namespace's list."""
        meta = obj.get("metadata") or {}
        labels = meta.get("labels") or {}
        if self._namespace is not None and meta.get("namespace") not in (None, self._namespace):
            return False
        return all(test(labels) for test in self._labels) and all(test(obj) for test in self._fields)


def format_label_selector(selector: Mapping[str, Any]) -> str:
    """The text of a LabelSelector object (matchLabels, matchExpressions).

    Raises ValueError for an operator that Kubernetes does not have.
    """
    terms = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for expression in selector.get("matchExpressions") or []:
        key, operator = expression["key"], expression["operator"]
        values = ",".join(expression.get("values") or [])
        written = {
            "In": f"{key} in ({values})",
            "NotIn": f"{key} notin ({values})",
            "Exists": key,
            "DoesNotExist": f"!{key}",
        }
        if operator not in written:
            raise ValueError(f"matchExpressions: operator '{operator}' is not one of {', '.join(written)}")
        terms.append(written[operator])
    return ",".join(terms)
