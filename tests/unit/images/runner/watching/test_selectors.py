"""Selectors, durations and role variables: small pure files."""

from __future__ import annotations

import pytest
from ansible_collections.playvirt.core.images.runner.settings import durations
from ansible_collections.playvirt.core.images.runner.turns import extra_vars
from ansible_collections.playvirt.core.images.runner.watching import selectors

LABELS = {"app": "web", "tier": "front", "empty": ""}


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ("", True),
        ("app=web", True),
        ("app==web,tier=front", True),
        ("app = db", False),
        ("app!=db", True),
        ("absent!=x", True),
        ("app", True),
        ("!app", False),
        ("!absent", True),
        ("empty=", True),
        ("tier in (front, back),app", True),
        ("tier notin (front,back)", False),
        ("absent notin (a)", True),
    ],
)
def test_label_selector(selector: str, matches: bool) -> None:
    matcher = selectors.Matcher(namespace=None, label_selector=selector, field_selector=None)
    assert matcher({"metadata": {"labels": LABELS}}) is matches


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ("spec.nodeName=node01", True),
        ("spec.nodeName!=node01", False),
        ("status.phase=", True),
        ("status.a.b!=", False),
    ],
)
def test_field_selector(selector: str, matches: bool) -> None:
    matcher = selectors.Matcher(namespace=None, label_selector=None, field_selector=selector)
    assert matcher({"metadata": {}, "spec": {"nodeName": "node01"}}) is matches


def test_matcher_wants_the_namespace() -> None:
    matcher = selectors.Matcher(namespace="a", label_selector=None, field_selector=None)
    assert matcher({"metadata": {"namespace": "a"}})
    assert not matcher({"metadata": {"namespace": "b"}})
    assert matcher({"metadata": {"name": "cluster-scoped"}})


@pytest.mark.parametrize("selector", ["a b", "a in b", "=x"])
def test_label_selector_refuses_what_it_does_not_know(selector: str) -> None:
    with pytest.raises(ValueError, match="is not a term of a label selector"):
        selectors.parse_labels(selector)


def test_format_label_selector_gives_what_parse_understands() -> None:
    text = selectors.format_label_selector(
        {
            "matchLabels": {"app": "web"},
            "matchExpressions": [
                {"key": "tier", "operator": "In", "values": ["front", "back"]},
                {"key": "env", "operator": "NotIn", "values": ["test"]},
                {"key": "app", "operator": "Exists"},
                {"key": "old", "operator": "DoesNotExist"},
            ],
        }
    )
    assert text == "app=web,tier in (front,back),env notin (test),app,!old"
    assert all(test(LABELS) for test in selectors.parse_labels(text))


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("10h", 36000), ("1h30m", 5400), ("1.5s", 1.5), ("250ms", 0.25), ("1m0s", 60)]
)
def test_parse_duration(text: str, seconds: float) -> None:
    assert durations.parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "10", "1d", "h", "1h 30m", "-5s"])
def test_parse_duration_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        durations.parse_duration(text)


def test_extra_vars_are_those_of_ansible_operator() -> None:
    vm = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"namespace": "ns", "name": "vm", "uid": "1"},
        "spec": {"runStrategy": "Always", "templateSpec": {"aB": 1}},
    }
    found = extra_vars.extra_vars(vm, group="kubevirt.io")
    assert found == {
        "runStrategy": "Always",
        "templateSpec": {"aB": 1},
        "ansible_operator_meta": {"name": "vm", "namespace": "ns"},
        "_kubevirt_io_virtualmachine": vm,
        "_kubevirt_io_virtualmachine_spec": vm["spec"],
    }


def test_extra_vars_of_an_object_without_spec() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": "ns", "name": "s"}}
    found = extra_vars.extra_vars(secret, group="")
    assert found == {"ansible_operator_meta": {"name": "s", "namespace": "ns"}, "__secret": secret, "__secret_spec": {}}
