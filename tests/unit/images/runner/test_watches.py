"""Watch lists: what is read, what is refused and how it is said; the three lists that come with playvirt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.playvirt.core.images.runner import cache, watches
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import planners

ENVIRONMENT = {"POD_NAMESPACE": "playvirt", "NODE_NAME": "node01"}
DEFAULTS = watches.Defaults(reconcile_period=36000.0)
LISTS = sorted(Path(watches.__file__).parent.glob("watches/*.yaml"))
ENTRY: dict[str, Any] = {
    "group": "example.com",
    "version": "v1",
    "kind": "Widget",
    "role": "widget",
    "manageStatus": False,
    "snakeCaseParameters": False,
    "watchDependentResources": False,
}


def load(tmp_path: Path, *entries: Any, environment: dict[str, str] | None = None) -> tuple[watches.Watch, ...]:
    path = tmp_path / "watches.yaml"
    path.write_text(yaml.safe_dump(list(entries)), encoding="utf-8")
    return watches.load(path, environment=environment or ENVIRONMENT, defaults=DEFAULTS)


def test_load_gives_defaults_and_own_values(tmp_path: Path) -> None:
    plain, full = load(
        tmp_path,
        ENTRY,
        {
            **ENTRY,
            "kind": "Gadget",
            "vars": {"a": 1},
            "reconcilePeriod": "1m30s",
            "runTimeout": "20s",
            "priority": 7,
            "planner": "gadget",
            "selector": {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "c", "operator": "Exists"}]},
            "fieldSelector": "status.nodeName=${NODE_NAME}",
            "watchAnnotationsChanges": True,
            "markUnsafe": True,
        },
    )
    assert (plain.reconcile_period, plain.run_timeout, plain.priority, plain.planner) == (36000.0, 600.0, 0, None)
    assert (plain.group, plain.name) == ("example.com", "example.com/v1 Widget")
    assert (full.reconcile_period, full.run_timeout, full.priority, full.planner) == (90.0, 20.0, 7, "gadget")
    assert full.annotations_trigger
    selection = {"label_selector": "a=b,c", "field_selector": "status.nodeName=node01"}
    assert full.primary == (cache.Source(api_version="example.com/v1", kind="Gadget", **selection),)


def test_load_makes_one_source_per_namespace_and_each_once(tmp_path: Path) -> None:
    path = tmp_path / "watches.yaml"
    path.write_text(yaml.safe_dump([{**ENTRY, "reads": [{"version": "v1", "kind": "Node"}] * 2}]), encoding="utf-8")
    found = watches.load(
        path, environment={}, defaults=watches.Defaults(reconcile_period=0.0, namespaces=("one", "two"))
    )
    assert [(source.kind, source.namespace) for source in watches.sources(found)] == [
        ("Widget", "one"),
        ("Widget", "two"),
        ("Node", "one"),
        ("Node", "two"),
    ]


REFUSED = [
    ({"playbook": "a.yml"}, "'playbook' is not supported: this runner executes roles"),
    ({"finalizer": {}}, "'finalizer' is not supported"),
    ({"blacklist": []}, "'blacklist' is not supported"),
    ({"whatever": 1}, "'whatever' is not a key of a watch list"),
    ({"role": ""}, "'role' is missing"),
    ({"manageStatus": True}, "write 'manageStatus: false'"),
    ({"markUnsafe": False}, "write 'markUnsafe: true'"),
    ({"watchClusterScopedResources": True}, "write 'watchClusterScopedResources: false'"),
    ({"reconcilePeriod": "1 day"}, "'1 day' is not a duration"),
    ({"fieldSelector": "spec.a=${UNSET}"}, "the environment variable UNSET is not set"),
    ({"fieldSelector": "spec.a"}, "'spec.a' is not a term of a field selector"),
    ({"selector": {"matchExpressions": [{"key": "a", "operator": "Near"}]}}, "operator 'Near'"),
    ({"dependents": [{"kind": "Pod"}]}, "dependents[0]: 'version' and 'kind' are needed"),
    ({"dependents": [{"version": "v1", "kind": "Pod", "owner": False}]}, "use `reads`"),
    ({"dependents": [{"version": "v1", "kind": "Pod", "node": "a"}]}, "dependents[0]: 'node' is not a key of it"),
]


@pytest.mark.parametrize(
    ("change", "text"), REFUSED, ids=[next(iter(change)) + str(i) for i, (change, _) in enumerate(REFUSED)]
)
def test_load_refuses(tmp_path: Path, change: dict[str, Any], text: str) -> None:
    with pytest.raises(errors.InvalidObject) as caught:
        load(tmp_path, {**ENTRY, **change})
    assert text in str(caught.value)
    assert "entry 0" in str(caught.value)


@pytest.mark.parametrize("absent", ["manageStatus", "snakeCaseParameters", "watchDependentResources"])
def test_load_refuses_a_default_that_it_does_not_act_on(tmp_path: Path, absent: str) -> None:
    with pytest.raises(errors.InvalidObject, match=rf"'{absent}: true' \(the default\) is not supported"):
        load(tmp_path, {key: value for key, value in ENTRY.items() if key != absent})


def test_load_refuses_a_kind_twice_and_what_is_no_list(tmp_path: Path) -> None:
    with pytest.raises(errors.InvalidObject, match="Widget is listed twice"):
        load(tmp_path, ENTRY, ENTRY)
    with pytest.raises(errors.InvalidObject, match="at least one entry"):
        load(tmp_path)
    with pytest.raises(errors.InvalidObject, match="No such file"):
        watches.load(tmp_path / "absent", environment={}, defaults=DEFAULTS)


def test_expand_keeps_what_is_not_set() -> None:
    assert watches.expand("$A ${A} ${B} $B", {"A": "x"}) == "x x ${B} ${B}"


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_the_lists_of_playvirt_are_complete(path: Path) -> None:
    found = watches.load(path, environment=ENVIRONMENT, defaults=DEFAULTS)
    assert all(watch.planner in planners.PLANNERS for watch in found)
    for watch in found:
        role = watch.role.removeprefix("playvirt.core.")
        assert (Path(watches.__file__).parents[2] / "roles" / role / "tasks" / "main.yml").exists()


def test_virt_handler_reads_only_its_node() -> None:
    path = next(path for path in LISTS if path.stem == "virt-handler")
    (watch,) = watches.load(path, environment=ENVIRONMENT, defaults=DEFAULTS)
    assert [source.field_selector for source in watch.primary] == ["status.nodeName=node01"]
    assert [source.field_selector for source in watch.dependents] == ["spec.nodeName=node01"]
    with pytest.raises(errors.InvalidObject, match="NODE_NAME is not set"):
        watches.load(path, environment={}, defaults=DEFAULTS)
