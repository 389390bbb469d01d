"""cluster_object against a stateful API server: each state, twice, in check mode, and refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.modules import cluster_object
from ansible_collections.playvirt.core.tests.unit.fakes import kube_thread


def _pod(**meta: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "ns", **meta}, "spec": {"x": 1}}


def _run(state: str, definition: dict[str, Any] | None = None, *, check: bool = False, **more: Any) -> dict[str, Any]:
    params = {
        "state": state,
        "definition": definition or _pod(),
        "patch": None,
        "finalizer": None,
        "finalizer_state": "present",
        **more,
    }
    return cluster_object.run(params, check_mode=check)


def _stored(api: kube_thread.ThreadedKubeAPI) -> dict[str, Any] | None:
    return api.call(api.api.get, "v1", "Pod", "ns", "a")


def test_present_creates_once(api: kube_thread.ThreadedKubeAPI) -> None:
    first, second = _run("present"), _run("present")
    assert (first["changed"], second["changed"]) == (True, False)
    assert second["object"]["metadata"]["uid"] == first["object"]["metadata"]["uid"] == _stored(api)["metadata"]["uid"]


def test_present_in_check_mode_creates_nothing(api: kube_thread.ThreadedKubeAPI) -> None:
    assert _run("present", check=True)["changed"] is True
    assert _stored(api) is None


def test_present_refuses_somebody_elses_object(api: kube_thread.ThreadedKubeAPI) -> None:
    owner = {"apiVersion": "v1", "kind": "X", "name": "x", "uid": "theirs", "controller": True}
    _run("present", _pod(ownerReferences=[owner]))
    with pytest.raises(errors.PermanentError, match="belongs to somebody else"):
        _run("present", owned_by="ours")
    assert _run("present", owned_by="theirs")["changed"] is False


def test_patched_says_only_what_is_new(api: kube_thread.ThreadedKubeAPI) -> None:
    _run("present")
    patch = {"metadata": {"labels": {"l": "1"}}}
    assert _run("patched", patch=patch)["changed"] is True
    assert _run("patched", patch=patch)["changed"] is False
    assert _stored(api)["metadata"]["labels"] == {"l": "1"}


def test_finalizers_come_and_go_one_by_one(api: kube_thread.ThreadedKubeAPI) -> None:
    _run("present", _pod(finalizers=["other/one"]))
    assert _run("patched", finalizer="our/one")["changed"] is True
    assert _run("patched", finalizer="our/one")["changed"] is False
    assert _stored(api)["metadata"]["finalizers"] == ["other/one", "our/one"]
    assert _run("patched", finalizer="our/one", finalizer_state="absent")["changed"] is True
    assert _stored(api)["metadata"]["finalizers"] == ["other/one"]


def test_patching_what_is_not_there(api: kube_thread.ThreadedKubeAPI) -> None:
    with pytest.raises(errors.NotReady, match="Pod 'ns/a' does not exist"):
        _run("patched", patch={"metadata": {"labels": {"l": "1"}}})
    assert _run("patched", finalizer="our/one", finalizer_state="absent")["changed"] is False


def test_absent_deletes_the_object_meant(api: kube_thread.ThreadedKubeAPI) -> None:
    _run("present")
    assert _run("absent", uid="another")["changed"] is False
    assert _run("absent", check=True)["changed"] is True
    assert _stored(api) is not None
    assert _run("absent", uid=_stored(api)["metadata"]["uid"])["changed"] is True
    assert _stored(api) is None
    assert _run("absent")["changed"] is False


def test_absent_waits_for_finalizers_without_asking_twice(api: kube_thread.ThreadedKubeAPI) -> None:
    _run("present", _pod(finalizers=["other/one"]))
    assert _run("absent")["changed"] is True
    assert _run("absent")["changed"] is False
    assert _stored(api)["metadata"]["deletionTimestamp"]


@pytest.mark.parametrize(
    ("definition", "field"),
    [
        ({"kind": "Pod", "metadata": {"name": "a"}}, "definition.apiVersion"),
        ({"apiVersion": "v1", "kind": "Pod", "metadata": {}}, "definition.metadata.name"),
        ({"apiVersion": "v9", "kind": "Nothing", "metadata": {"name": "a"}}, "kind"),
    ],
)
def test_a_manifest_that_names_nothing_is_refused(
    api: kube_thread.ThreadedKubeAPI, definition: dict[str, Any], field: str
) -> None:
    with pytest.raises(errors.InvalidObject) as refused:
        _run("present", definition)
    assert refused.value.field == field


def test_what_the_server_refuses_is_told_in_its_words(api: kube_thread.ThreadedKubeAPI) -> None:
    api.call(api.api.fail, "POST", "/api/v1/namespaces/ns/pods", code=403, reason="Forbidden")
    with pytest.raises(errors.Forbidden):
        _run("present")


def test_a_server_that_is_not_there(api: kube_thread.ThreadedKubeAPI) -> None:
    api.stop()
    with pytest.raises(errors.TransientError, match="does not answer"):
        _run("present")
