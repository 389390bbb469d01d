"""Watch lists: what is read, what is refused and how it is said; the three lists that come with playvirt."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.playvirt.core.images.runner.settings import options, watch_keys, watches
from ansible_collections.playvirt.core.images.runner.watching import cache
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import planners

ENVIRONMENT = {"POD_NAMESPACE": "playvirt", "NODE_NAME": "node01"}
DEFAULTS = watches.Defaults(reconcile_period=36000.0)
LISTS = sorted(options.WATCH_LISTS.glob("*.yaml"))
ENTRY: dict[str, Any] = {"group": "example.com", "version": "v1", "kind": "Widget", "role": "widget"}


def load(
    tmp_path: Path,
    *entries: Any,
    environment: dict[str, str] | None = None,
    defaults: watches.Defaults = DEFAULTS,
) -> tuple[watches.Watch, ...]:
    path = tmp_path / "watches.yaml"
    path.write_text(yaml.safe_dump(list(entries)), encoding="utf-8")
    return watches.load(path, environment={**ENVIRONMENT, **(environment or {})}, defaults=defaults)


def test_the_defaults_are_those_of_ansible_operator(tmp_path: Path) -> None:
    (watch,) = load(tmp_path, ENTRY)
    assert (watch.group, watch.name) == ("example.com", "example.com/v1 Widget")
    assert (watch.manage_status, watch.dynamic_dependents, watch.snake_case) == (True, True, True)
    assert (watch.cluster_scoped_dependents, watch.annotations_trigger) == (False, False)
    assert (watch.max_artifacts, watch.reconcile_period) == (20, 36000.0)
    assert (watch.finalizer, watch.blacklist, watch.variables, watch.verbosity) == (None, frozenset(), {}, 0)
    assert (watch.run_timeout, watch.priority, watch.planner, watch.engine) == (600.0, 0, None, None)
    assert watch.primary == (cache.Source(api_version="example.com/v1", kind="Widget"),)


def test_every_key_of_ansible_operator_is_understood(tmp_path: Path) -> None:
    (tmp_path / "playbook.yml").write_text("[]")
    text = """
    - version: v1
      group: example.com
      kind: Gadget
      playbook: playbook.yml
      role: ignored.when.playbook
      vars: {a: 1}
      maxRunnerArtifacts: 3
      reconcilePeriod: 1m30s
      manageStatus: false
      watchDependentResources: false
      watchClusterScopedResources: true
      snakeCaseParameters: false
      watchAnnotationsChanges: true
      markUnsafe: true
      selector: {matchLabels: {a: b}, matchExpressions: [{key: c, operator: Exists}]}
      blacklist: [{group: apps, version: v1, kind: Deployment}, {version: v1, kind: Secret}]
      finalizer: {name: example.com/finalizer, role: /abs/role, vars: {state: absent}}
    """
    path = tmp_path / "watches.yaml"
    path.write_text(textwrap.dedent(text))
    defaults = watches.Defaults(reconcile_period=1.0, directory=tmp_path, variables={"given": "at the command line"})
    (watch,) = watches.load(path, environment={}, defaults=defaults)
    assert watch.content == watches.Content(playbook=str(tmp_path / "playbook.yml"))
    assert (watch.variables, watch.max_artifacts) == ({"a": 1, "given": "at the command line"}, 3)
    assert (watch.reconcile_period, watch.manage_status, watch.dynamic_dependents) == (90.0, False, False)
    assert (watch.cluster_scoped_dependents, watch.snake_case, watch.annotations_trigger) == (True, False, True)
    assert watch.blacklist == {("apps/v1", "Deployment"), ("v1", "Secret")}
    assert watch.primary[0].label_selector == "a=b,c"
    assert watch.finalizer == watches.Finalizer(
        name="example.com/finalizer",
        content=watches.Content(role="/abs/role"),
        variables={"state": "absent", "given": "at the command line"},
    )
    assert watches.roles((watch,)) == ("/abs/role",)
    assert watches.playbooks((watch,)) == (str(tmp_path / "playbook.yml"),)


def test_the_optional_keys_of_our_own(tmp_path: Path) -> None:
    (watch,) = load(
        tmp_path,
        {
            **ENTRY,
            "runTimeout": "20s",
            "priority": -7,
            "fieldSelector": "status.nodeName=${NODE_NAME}",
            "filter": "spec.size > `3`",
            "engine": "subprocess",
            "onDelete": "run",
            "cancelOnChange": True,
            "watchStatusChanges": True,
            "watchDependentsStatusChanges": True,
        },
    )
    assert (watch.run_timeout, watch.priority, watch.engine) == (20.0, -7, "subprocess")
    assert (watch.runs_on_delete, watch.cancel_on_change) == (True, True)
    assert (watch.status_trigger, watch.dependents_status_trigger) == (True, True)
    assert watch.primary[0].field_selector == "status.nodeName=node01"
    assert watch.filter is not None
    assert (watch.filter({"spec": {"size": 4}}), watch.filter({"spec": {"size": 3}})) == (True, False)


def test_a_filter_that_does_not_fit_an_object_says_so(tmp_path: Path) -> None:
    (watch,) = load(tmp_path, {**ENTRY, "filter": "starts_with(spec.size, 'a')"})
    assert watch.filter is not None
    with pytest.raises(ValueError, match="'filter: starts_with"):
        watch.filter({"spec": {"size": 3}})


def test_a_finalizer_without_content_executes_that_of_the_watch(tmp_path: Path) -> None:
    (watch,) = load(tmp_path, {**ENTRY, "finalizer": {"name": "f", "vars": {"state": "absent"}}})
    assert watch.finalizer is not None
    assert watch.finalizer.content == watch.content


def test_a_period_of_zero_is_that_of_the_command_line(tmp_path: Path) -> None:
    assert load(tmp_path, {**ENTRY, "reconcilePeriod": "0s"})[0].reconcile_period == 36000.0
    assert load(tmp_path, ENTRY, defaults=watches.Defaults(reconcile_period=0.0))[0].reconcile_period == 0.0


def test_the_environment_says_how_many_and_how_loud(tmp_path: Path) -> None:
    defaults = watches.Defaults(reconcile_period=0.0, max_concurrent=2, verbosity=1)
    other = {**ENTRY, "kind": "Gadget"}
    named = {"MAX_CONCURRENT_RECONCILES_WIDGET_EXAMPLE_COM": "5", "ANSIBLE_VERBOSITY_WIDGET_EXAMPLE_COM": "4"}
    widget, gadget = load(tmp_path, ENTRY, other, environment=named, defaults=defaults)
    assert (widget.max_concurrent, widget.verbosity) == (5, 4)
    assert (gadget.max_concurrent, gadget.verbosity) == (2, 1)
    older = {"WORKER_WIDGET_EXAMPLE_COM": "6", "ANSIBLE_VERBOSITY": "2"}
    widget, gadget = load(tmp_path, ENTRY, other, environment=older, defaults=defaults)
    assert (widget.max_concurrent, widget.verbosity, gadget.verbosity) == (6, 2, 2)


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        (
            {"MAX_CONCURRENT_RECONCILES_WIDGET_EXAMPLE_COM": "many"},
            "MAX_CONCURRENT_RECONCILES_WIDGET_EXAMPLE_COM: 'many'",
        ),
        ({"WORKER_WIDGET_EXAMPLE_COM": "0"}, "'0' must be at least 1"),
        ({"ANSIBLE_VERBOSITY_WIDGET_EXAMPLE_COM": "8"}, "'8' is not a number from 0 to 7"),
    ],
)
def test_an_environment_that_cannot_be_meant_is_refused(tmp_path: Path, environment: dict[str, str], told: str) -> None:
    with pytest.raises(errors.InvalidObject, match=told):
        load(tmp_path, ENTRY, environment=environment)


def test_facts_are_gathered_where_the_environment_or_the_watch_asks(tmp_path: Path) -> None:
    assert not load(tmp_path, ENTRY)[0].gather_facts
    assert load(tmp_path, ENTRY, environment={"ANSIBLE_GATHERING": "implicit"})[0].gather_facts
    assert not load(tmp_path, ENTRY, environment={"ANSIBLE_GATHERING": "explicit"})[0].gather_facts
    assert load(tmp_path, {**ENTRY, "gatherFacts": True})[0].gather_facts


def test_roles_are_found_by_the_rules_of_ansible_operator(tmp_path: Path) -> None:
    for place in ("one/first", "two/roles/second", "roles/third", "roles/first"):
        (tmp_path / place).mkdir(parents=True)
    environment = {"ANSIBLE_ROLES_PATH": f"{tmp_path / 'one'}:{tmp_path / 'two'}"}
    defaults = watches.Defaults(reconcile_period=0.0, directory=tmp_path)

    def found(role: str) -> str:
        return load(tmp_path, {**ENTRY, "role": role}, environment=environment, defaults=defaults)[0].role

    assert found("first") == str(tmp_path / "one/first")
    assert found("second") == str(tmp_path / "two/roles/second")
    assert found("third") == str(tmp_path / "roles/third")
    assert found("absent") == "absent", "ansible-core looks along its own path and says what it finds"
    assert found("a.b.c") == "a.b.c"
    assert found("/anywhere/role") == "/anywhere/role"


def test_load_makes_one_source_per_namespace_and_each_once(tmp_path: Path) -> None:
    defaults = watches.Defaults(reconcile_period=0.0, namespaces=("one", "two"))
    found = load(tmp_path, {**ENTRY, "reads": [{"version": "v1", "kind": "Node"}] * 2}, defaults=defaults)
    assert [(source.kind, source.namespace) for source in watches.sources(found)] == [
        ("Widget", "one"),
        ("Widget", "two"),
        ("Node", "one"),
        ("Node", "two"),
    ]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"whatever": 1}, "'whatever' is not a key of a watch list"),
    ({"role": ""}, "'role' is missing; name a role, or a playbook"),
    ({"version": ""}, "'version' is missing"),
    ({"playbook": "absent.yml"}, "'playbook: absent.yml': there is no file"),
    ({"manageStatus": "yes"}, "'manageStatus: yes' must be true or false"),
    ({"markUnsafe": False}, "'markUnsafe: false' is not supported: strings of an object are never templates"),
    ({"maxRunnerArtifacts": -1}, "'maxRunnerArtifacts: -1' must be a whole number of at least 0"),
    ({"priority": "high"}, "'priority: high' must be a whole number"),
    ({"vars": [1]}, "'vars' must be a mapping"),
    ({"runTimeout": "0s"}, "'runTimeout: 0' would end every run at once; write how long one may take"),
    ({"reconcilePeriod": "1 day"}, "'1 day' is not a duration"),
    ({"fieldSelector": "spec.a=${UNSET}"}, "the environment variable UNSET is not set"),
    ({"fieldSelector": "spec.a"}, "'spec.a' is not a term of a field selector"),
    ({"filter": "spec.size >"}, "'filter: spec.size >' is no JMESPath expression"),
    ({"engine": "fast"}, "'engine: fast' must be one of inline, fork, subprocess"),
    ({"onDelete": "keep"}, "'onDelete: keep' must be one of run"),
    ({"selector": {"matchExpressions": [{"key": "a", "operator": "Near"}]}}, "operator 'Near'"),
    ({"blacklist": [{"kind": "Pod"}]}, "blacklist[0]: 'version' and 'kind' are needed"),
    ({"finalizer": {"vars": {"a": 1}}}, "'finalizer.name' is missing"),
    ({"finalizer": {"name": "f"}}, "'finalizer' needs one of 'role', 'playbook' and 'vars'"),
    ({"finalizer": {"name": "f", "run": "x"}}, "'finalizer.run' is not a key of a finalizer"),
    ({"finalizer": {"name": "f", "vars": "x"}}, "'finalizer.vars' must be a mapping"),
    ({"finalizer": {"name": "f", "playbook": "x"}}, "'playbook: x': there is no file"),
    ({"dependents": [{"kind": "Pod"}]}, "dependents[0]: 'version' and 'kind' are needed"),
    ({"dependents": [{"version": "v1", "kind": "Pod", "owner": False}]}, "use `reads`"),
    (
        {"dependents": [{"version": "v1", "kind": "Pod", "sameNamespace": True}]},
        "dependents[0]: 'sameNamespace' is not a key of it",
    ),
    (
        {"reads": [{"version": "v1", "kind": "Pod", "sameNamespace": "yes"}]},
        "reads[0]: 'sameNamespace: yes' is neither true nor false",
    ),
    ({"dependents": [{"version": "v1", "kind": "Pod", "node": "a"}]}, "dependents[0]: 'node' is not a key of it"),
]


def test_with_a_planner_what_it_does_not_act_on_is_refused(tmp_path: Path) -> None:
    planned = {**ENTRY, "planner": "gadget", "manageStatus": False, "watchDependentResources": False}
    assert load(tmp_path, planned)[0].planner == "gadget"
    for change, told in (
        ({"filter": "a"}, "'filter' has no effect with 'planner'"),
        ({"finalizer": {"name": "f", "vars": {"a": 1}}}, "'finalizer' has no effect with 'planner'"),
        ({"onDelete": "run"}, "'onDelete' has no effect"),
        ({"manageStatus": True}, "'manageStatus: true' has no effect with 'planner'; write 'manageStatus: false'"),
    ):
        with pytest.raises(errors.InvalidObject, match=told):
            load(tmp_path, {**planned, **change})
    del planned["watchDependentResources"]
    with pytest.raises(errors.InvalidObject, match=r"'watchDependentResources: true' \(the default\)"):
        load(tmp_path, planned)


@pytest.mark.parametrize(
    ("change", "text"), REFUSED, ids=[next(iter(change)) + str(i) for i, (change, _) in enumerate(REFUSED)]
)
def test_load_refuses(tmp_path: Path, change: dict[str, Any], text: str) -> None:
    with pytest.raises(errors.InvalidObject) as caught:
        load(tmp_path, {**ENTRY, **change})
    assert text in str(caught.value)
    assert "entry 0" in str(caught.value)


def test_load_refuses_a_kind_twice_and_what_is_no_list(tmp_path: Path) -> None:
    with pytest.raises(errors.InvalidObject, match="Widget is listed twice"):
        load(tmp_path, ENTRY, ENTRY)
    with pytest.raises(errors.InvalidObject, match="at least one entry"):
        load(tmp_path)
    with pytest.raises(errors.InvalidObject, match="entry 0: it must be a mapping"):
        load(tmp_path, "text")
    with pytest.raises(errors.InvalidObject, match="No such file"):
        watches.load(tmp_path / "absent", environment={}, defaults=DEFAULTS)


def test_expand_keeps_what_is_not_set() -> None:
    assert watch_keys.expand("$A ${A} ${B} $B", {"A": "x"}) == "x x ${B} ${B}"


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_the_lists_of_playvirt_are_complete(path: Path) -> None:
    found = watches.load(path, environment=ENVIRONMENT, defaults=DEFAULTS)
    assert all(watch.planner in planners.PLANNERS for watch in found)
    for watch in found:
        role = watch.role.removeprefix("playvirt.core.")
        assert (options.WATCH_LISTS.parents[2] / "roles" / role / "tasks" / "main.yml").exists()
        assert not watch.manage_status, "their planners write the status"
        assert not watch.snake_case, "their roles take the names of the API"


def test_virt_handler_reads_only_its_node() -> None:
    path = next(path for path in LISTS if path.stem == "virt-handler")
    (watch,) = watches.load(path, environment=ENVIRONMENT, defaults=DEFAULTS)
    assert [source.field_selector for source in watch.primary] == ["status.nodeName=node01"]
    assert [source.field_selector for source in watch.dependents] == ["spec.nodeName=node01"]
    with pytest.raises(errors.InvalidObject, match="NODE_NAME is not set"):
        watches.load(path, environment={}, defaults=DEFAULTS)


def test_a_related_kind_is_cached_without_what_it_drops(tmp_path: Path) -> None:
    nodes = {"version": "v1", "kind": "Node", "drop": ["/status/images", "/metadata/annotations"]}
    (watch,) = load(tmp_path, {**ENTRY, "reads": [nodes]})
    assert watch.reads == (
        cache.Source(api_version="v1", kind="Node", drop=("/status/images", "/metadata/annotations")),
    )
    for drop, told in (
        ("status", "is not a list"),
        (["status"], "is not a JSON pointer"),
        (["/metadata/uid"], "is needed"),
    ):
        with pytest.raises(errors.InvalidObject, match=told):
            load(tmp_path, {**ENTRY, "reads": [{**nodes, "drop": drop}]})
