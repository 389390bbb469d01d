"""Rules for where the launcher pod may run; they are Kubernetes' own, so that a refusal comes now and not when the pod is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import kube_names, subject, tree
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import NOT_SUPPORTED, REQUIRED, Cause

_REQUIRED, _PREFERRED = (
    "requiredDuringSchedulingIgnoredDuringExecution",
    "preferredDuringSchedulingIgnoredDuringExecution",
)
_NODE_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt")
_LABEL_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


def _expression(entry: Mapping[str, Any], field: str, operators: tuple[str, ...]) -> Iterator[Cause]:
    operator, values = tree.text(entry, "operator"), tree.strings(entry, "values")
    place = tree.path(field, "values")
    if operator not in operators:
        yield Cause(
            tree.path(field, "operator"),
            f'{tree.path(field, "operator")}: Unsupported value: "{operator}"',
            NOT_SUPPORTED,
        )
    elif operator in ("In", "NotIn") and not values:
        yield Cause(place, f"{place}: Required value: must be specified when `operator` is 'In' or 'NotIn'", REQUIRED)
    elif operator in ("Exists", "DoesNotExist") and values:
        yield Cause(place, f"{place}: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
    elif operator in ("Gt", "Lt") and len(values) != 1:
        problem = f"{place}: Required value: must be specified single value when `operator` is 'Lt' or 'Gt'"
        yield Cause(place, problem, REQUIRED)
    key = tree.path(field, "key")
    for problem in kube_names.label_key(tree.text(entry, "key")):
        yield Cause(key, f'{key}: Invalid value: "{tree.text(entry, "key")}": {problem}')


def selector(wanted: Mapping[str, Any], field: str) -> Iterator[Cause]:
    """A label selector."""
    for index, entry in enumerate(tree.entries(wanted, "matchExpressions")):
        yield from _expression(entry, tree.path(field, "matchExpressions", index), _LABEL_OPERATORS)
    for key, value in tree.section(wanted, "matchLabels").items():
        place = tree.path(field, "matchLabels")
        for problem in [*kube_names.label_key(key), *kube_names.label_value(str(value))]:
            yield Cause(place, f'{place}: Invalid value: "{key}={value}": {problem}')


def _node(it: subject.Subject) -> Iterator[Cause]:
    node = tree.section(it.spec, "affinity", "nodeAffinity")
    field = it.at("affinity", "nodeAffinity")
    terms = [
        (term, tree.path(field, _REQUIRED, "nodeSelectorTerms", index))
        for index, term in enumerate(tree.entries(node, _REQUIRED, "nodeSelectorTerms"))
    ]
    if tree.has(node, _REQUIRED) and not terms:
        place = tree.path(field, _REQUIRED, "nodeSelectorTerms")
        yield Cause(place, f"{place}: Required value: must have at least one node selector term", REQUIRED)
    for index, entry in enumerate(tree.entries(node, _PREFERRED)):
        place = tree.path(field, _PREFERRED, index)
        yield from _weight(entry, place)
        terms.append((tree.section(entry, "preference"), tree.path(place, "preference")))
    for term, place in terms:
        for kind in ("matchExpressions", "matchFields"):
            for index, entry in enumerate(tree.entries(term, kind)):
                yield from _expression(entry, tree.path(place, kind, index), _NODE_OPERATORS)


def _weight(entry: Mapping[str, Any], field: str) -> Iterator[Cause]:
    if not 1 <= tree.count(entry, "weight") <= 100:
        place = tree.path(field, "weight")
        yield Cause(place, f"{place}: Invalid value: {tree.count(entry, 'weight')}: must be in the range 1-100")


def _pod_term(term: Mapping[str, Any], field: str) -> Iterator[Cause]:
    if not tree.text(term, "topologyKey"):
        place = tree.path(field, "topologyKey")
        yield Cause(place, f"{place}: Required value: can not be empty", REQUIRED)
    for kind in ("labelSelector", "namespaceSelector"):
        yield from selector(tree.section(term, kind), tree.path(field, kind))


def _pods(it: subject.Subject) -> Iterator[Cause]:
    for kind in ("podAffinity", "podAntiAffinity"):
        affinity, field = tree.section(it.spec, "affinity", kind), it.at("affinity", kind)
        for index, term in enumerate(tree.entries(affinity, _REQUIRED)):
            yield from _pod_term(term, tree.path(field, _REQUIRED, index))
        for index, entry in enumerate(tree.entries(affinity, _PREFERRED)):
            place = tree.path(field, _PREFERRED, index)
            yield from _weight(entry, place)
            yield from _pod_term(tree.section(entry, "podAffinityTerm"), tree.path(place, "podAffinityTerm"))


def _spread(it: subject.Subject) -> Iterator[Cause]:
    for index, constraint in enumerate(tree.entries(it.spec, "topologySpreadConstraints")):
        field = it.at("topologySpreadConstraints", index)
        if tree.count(constraint, "maxSkew") <= 0:
            place = tree.path(field, "maxSkew")
            yield Cause(
                place, f"{place}: Invalid value: {tree.count(constraint, 'maxSkew')}: must be greater than zero"
            )
        if not tree.text(constraint, "topologyKey"):
            place = tree.path(field, "topologyKey")
            yield Cause(place, f"{place}: Required value: can not be empty", REQUIRED)
        action = tree.text(constraint, "whenUnsatisfiable")
        if action not in ("DoNotSchedule", "ScheduleAnyway"):
            place = tree.path(field, "whenUnsatisfiable")
            supported = 'supported values: "DoNotSchedule", "ScheduleAnyway"'
            yield Cause(place, f'{place}: Unsupported value: "{action}": {supported}', NOT_SUPPORTED)
        yield from selector(tree.section(constraint, "labelSelector"), tree.path(field, "labelSelector"))


RULES: tuple[subject.Rule, ...] = (_node, _pods, _spread)
