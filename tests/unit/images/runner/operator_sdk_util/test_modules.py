"""The modules that roles written for ansible-operator call, against a stateful API server, with the arguments such roles give."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any

import pytest
from ansible.module_utils.common import arg_spec
from ansible_collections.operator_sdk.util.plugins.modules import k8s_event, k8s_status, osdk_metric, requeue_after
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.k8s import gateway
from ansible_collections.playvirt.core.tests.unit.fakes import kube_thread

WIDGET = {"api_version": "example.com/v1", "kind": "Widget", "name": "a", "namespace": "ns"}
READY = {
    "type": "Ready",
    "status": "True",
    "reason": "AllUp",
    "message": "m",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}


def call(module: types.ModuleType, *, check: bool = False, **arguments: Any) -> dict[str, Any]:
    """Run a module with arguments that its argument spec has checked and completed."""
    checked = arg_spec.ArgumentSpecValidator(module.ARGUMENT_SPEC, **getattr(module, "CONSTRAINTS", {})).validate(
        arguments
    )
    assert not checked.error_messages, checked.error_messages
    result: dict[str, Any] = module.run(checked.validated_parameters, check_mode=check)
    return result


def refusal(module: types.ModuleType, **arguments: Any) -> str:
    """What the argument spec says against the arguments."""
    constraints = getattr(module, "CONSTRAINTS", {})
    return "; ".join(
        arg_spec.ArgumentSpecValidator(module.ARGUMENT_SPEC, **constraints).validate(arguments).error_messages
    )


@pytest.fixture
def widget(api: kube_thread.ThreadedKubeAPI) -> dict[str, Any]:
    made: dict[str, Any] = {
        "apiVersion": "example.com/v1",
        "kind": "Widget",
        "metadata": {"name": "a", "namespace": "ns"},
        "spec": {},
        "status": {"phase": "Up", "deep": {"one": 1, "two": 2}, "conditions": [READY]},
    }
    found: dict[str, Any] = api.call(api.api.put, made)
    return found


def status(api: kube_thread.ThreadedKubeAPI) -> dict[str, Any]:
    found: dict[str, Any] = api.call(api.api.get, "example.com/v1", "Widget", "ns", "a")["status"]
    return found


def test_status_and_conditions_are_merged(api: kube_thread.ThreadedKubeAPI, widget: dict[str, Any]) -> None:
    given = [{"type": "Busy", "status": False}, {**READY, "status": "True", "reason": "StillUp"}]
    del given[1]["lastTransitionTime"]
    result = call(k8s_status, **WIDGET, status={"deep": {"two": 3}, "phase": None, "new": [1]}, conditions=given)
    assert result["changed"] is True
    stored = status(api)
    assert result["result"]["status"] == stored
    assert (stored["deep"], stored["new"], "phase" in stored) == ({"one": 1, "two": 3}, [1], False)
    ready, busy = stored["conditions"]
    assert (ready["reason"], ready["lastTransitionTime"]) == ("StillUp", READY["lastTransitionTime"])
    assert (busy["type"], busy["status"]) == ("Busy", "False")
    assert busy["lastTransitionTime"].endswith("Z")
    again = call(k8s_status, **WIDGET, status={"deep": {"two": 3}}, conditions=given)
    assert again["changed"] is False


def test_a_given_time_of_transition_is_taken(api: kube_thread.ThreadedKubeAPI, widget: dict[str, Any]) -> None:
    call(k8s_status, **WIDGET, conditions=[{**READY, "lastTransitionTime": "2026-02-02T00:00:00+01:00"}])
    assert status(api)["conditions"][0]["lastTransitionTime"] == "2026-02-02T00:00:00+01:00"


def test_a_time_as_date_writes_it_is_taken(api: kube_thread.ThreadedKubeAPI, widget: dict[str, Any]) -> None:
    """`date --rfc-3339 seconds`, as the documentation of operator_sdk.util shows it."""
    given = {"type": "Up", "status": "True", "lastTransitionTime": "2026-01-01 00:00:00+00:00"}
    told = call(k8s_status, **WIDGET, conditions=[given])["result"]["status"]["conditions"]
    assert [one["lastTransitionTime"] for one in told if one["type"] == "Up"] == ["2026-01-01T00:00:00+00:00"]


@pytest.mark.parametrize("option", ["replace", "force"])
def test_replace_replaces_and_check_mode_only_tells(
    api: kube_thread.ThreadedKubeAPI, widget: dict[str, Any], option: str
) -> None:
    told = call(k8s_status, check=True, **WIDGET, status={"only": 1}, **{option: True})
    assert (told["changed"], told["result"]["status"]) == (True, {"only": 1})
    assert status(api)["phase"] == "Up"
    call(k8s_status, **WIDGET, status={"only": 1}, **{option: True})
    assert status(api) == {"only": 1}


def test_a_status_that_meets_another_writer_is_tried_again(
    api: kube_thread.ThreadedKubeAPI, widget: dict[str, Any]
) -> None:
    path = "/apis/example.com/v1/namespaces/ns/widgets/a/status"
    api.api.fail("PUT", path, code=409, reason="Conflict", times=2)
    assert call(k8s_status, **WIDGET, status={"phase": "Down"})["changed"] is True
    api.api.fail("PUT", path, code=409, reason="Conflict", times=99)
    with pytest.raises(errors.Conflict, match="Widget 'a' changed 6 times"):
        call(k8s_status, **WIDGET, status={"phase": "Up"})


def test_what_k8s_status_refuses(api: kube_thread.ThreadedKubeAPI, widget: dict[str, Any]) -> None:
    with pytest.raises(errors.NotFound):
        call(k8s_status, **{**WIDGET, "name": "absent"}, status={"a": 1})
    with pytest.raises(errors.NotFound, match="does not serve example.com/v1 Gadget"):
        call(k8s_status, **{**WIDGET, "kind": "Gadget"}, status={"a": 1})
    with pytest.raises(errors.InvalidObject, match="reason 'two words' must be one CamelCase word"):
        call(k8s_status, **WIDGET, conditions=[{"type": "A", "status": "True", "reason": "two words"}])
    with pytest.raises(errors.InvalidObject, match="lastTransitionTime 'today' must be an RFC 3339 time"):
        call(k8s_status, **WIDGET, conditions=[{"type": "A", "status": "True", "lastTransitionTime": "today"}])
    with pytest.raises(errors.InvalidObject, match="given twice"):
        call(k8s_status, **WIDGET, status={"conditions": [READY]}, conditions=[READY])
    assert "status" in refusal(k8s_status, **WIDGET)
    assert "Maybe" in refusal(k8s_status, **WIDGET, conditions=[{"type": "A", "status": "Maybe"}])
    assert "extra" in refusal(k8s_status, **WIDGET, conditions=[{"type": "A", "status": "True", "extra": 1}])


@pytest.mark.parametrize("time", ["24h", "30m", "5s", "1h30m5s", "500ms"])
def test_requeue_after_hands_the_time_on(time: str) -> None:
    assert call(requeue_after, time=time) == {"changed": False, "period": time}


@pytest.mark.parametrize("time", ["", "soon", "5", "s5", "1d"])
def test_requeue_after_refuses_what_is_no_time(time: str) -> None:
    with pytest.raises(errors.InvalidObject, match="is not a time"):
        call(requeue_after, time=time)


def test_an_event_is_created_counted_and_removed(api: kube_thread.ThreadedKubeAPI, widget: dict[str, Any]) -> None:
    involved = {"apiVersion": "example.com/v1", "kind": "Widget", "name": "a", "namespace": "ns"}
    given: dict[str, Any] = {"name": "e", "namespace": "ns", "message": "m", "reason": "R", "involvedObject": involved}
    made = call(k8s_event, **given, type="Warning", source={"component": "c"}, reportingComponent="r")["result"]
    assert (made["count"], made["type"], made["source"]) == (1, "Warning", {"component": "c"})
    assert made["involvedObject"]["uid"] == widget["metadata"]["uid"]
    assert call(k8s_event, **given)["result"]["count"] == 2
    assert call(k8s_event, **{**given, "reason": "Other"})["result"]["count"] == 1
    call(k8s_event, **given, appendTimestamp=True)
    assert len(api.call(api.api.all, "v1", "Event")) == 2
    assert call(k8s_event, check=True, **given, state="absent")["changed"] is True
    assert call(k8s_event, **given, state="absent")["changed"] is True
    assert call(k8s_event, **given, state="absent")["changed"] is False


def test_an_event_about_what_is_not_there_is_written_all_the_same(api: kube_thread.ThreadedKubeAPI) -> None:
    involved = {"apiVersion": "v1", "kind": "Pod", "name": "absent", "namespace": "ns"}
    made = call(k8s_event, name="e", namespace="ns", message="m", reason="R", involvedObject=involved)["result"]
    assert "uid" not in made["involvedObject"]


def test_a_metric_goes_to_the_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def request(method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Any:
        asked.append((method, path, body))
        return (200, {}) if len(asked) == 1 else (422, {"message": "a counter cannot go down"})

    monkeypatch.setattr(gateway, "request", request)
    given: dict[str, Any] = {"name": "n", "description": "d", "counter": {"increment": True}}
    assert call(osdk_metric, check=True, **given)["changed"] is False
    assert asked == []
    call(osdk_metric, **given)
    assert asked == [("POST", "/metrics", given)]
    with pytest.raises(errors.InvalidObject, match="metric n: a counter cannot go down"):
        call(osdk_metric, **given)
    with pytest.raises(errors.InvalidObject, match="address: 'localhost' is not a URL"):
        call(osdk_metric, **given, address="localhost")
    with pytest.raises(errors.TransientError, match="refused"):
        call(osdk_metric, **given, address="http://127.0.0.1:1/metrics")
    assert "mutually exclusive" in refusal(osdk_metric, name="n", description="d", counter={}, gauge={})
