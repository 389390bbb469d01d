"""The command line: defaults from the environment, ansible-operator's spellings, errors."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.playvirt.core.images.runner.settings import ansible_arguments, operator_options, options

ENVIRONMENT = {
    "POD_NAMESPACE": "playvirt",
    "POD_NAME": "virt-controller-1",
    "NODE_NAME": "node01",
    "WATCH_NAMESPACE": "a, b,",
}


def test_parse_takes_defaults_from_the_environment() -> None:
    found = options.parse(["--watches-file", "virt-controller", "--leader-elect", "--lease-name", "l"], ENVIRONMENT)
    assert found.watches_file == options.WATCH_LISTS / "virt-controller.yaml"
    assert (found.lease.namespace, found.lease.identity, found.node_name) == ("playvirt", "virt-controller-1", "node01")
    assert (found.watch_namespaces, found.reconcile_period, found.drain) == (("a", "b"), 36000.0, 25.0)
    assert found.socket == Path("/run/playvirt/runner.sock")
    assert found.workers >= 1


def test_parse_reads_a_kubeconfig_only_outside_a_pod() -> None:
    arguments = ["--watches-file", "x.yaml"]
    assert options.parse(arguments, {"KUBECONFIG": "/k"}).kubeconfig == "/k"
    assert options.parse(arguments, {"KUBECONFIG": "/k", "KUBERNETES_SERVICE_HOST": "h"}).kubeconfig is None
    assert options.parse(arguments, {}).watches_file == Path("x.yaml")


def test_parse_knows_the_defaults_of_ansible_operator() -> None:
    found = options.parse([], {})
    assert found.watches_file == Path("watches.yaml")
    assert (found.health_address, found.reconcile_period, found.inject_owner) == (":6789", 36000.0, True)
    assert (found.leader_elect, found.lease.duration, found.lease.renew_deadline) == (False, 15.0, 10.0)


def test_parse_understands_the_command_line_of_an_ansible_operator() -> None:
    arguments = """run --watches-file=/opt/ansible/watches.yaml --leader-elect=true --leader-election-id=memcached
        --leader-election-namespace=operators --leader-elect-lease-duration=20s --leader-elect-renew-deadline 12s
        --graceful-shutdown-timeout 40s --health-probe-bind-address=:6790 --metrics-bind-address=:8443
        --max-concurrent-reconciles 3 --ansible-verbosity=1 --inject-owner-ref=false --proxy-port 8888
        --ansible-roles-path /r --ansible-collections-path /c --reconcile-period 1m --ansible-log-events=Everything
        --enable-http2=false --leader-elect-resource-lock leases"""
    found = options.parse([*arguments.split(), """--ansible-args=-vv -e 'a=1 b="x y"' --extra-vars='{"c":[1]}'"""], {})
    assert found.watches_file == Path("/opt/ansible/watches.yaml")
    assert (found.leader_elect, found.lease.name, found.lease.namespace) == (True, "memcached", "operators")
    assert (found.lease.duration, found.lease.renew_deadline, found.drain) == (20.0, 12.0, 40.0)
    assert (found.health_address, found.metrics_address) == (":6790", ":8443")
    assert (found.max_concurrent, found.verbosity, found.inject_owner, found.proxy_port) == (3, 3, False, 8888)
    assert found.engine_environment == {"ANSIBLE_ROLES_PATH": "/r", "ANSIBLE_COLLECTIONS_PATH": "/c"}
    assert found.variables == {"a": "1", "b": "x y", "c": [1]}
    assert found.reconcile_period == 60.0
    assert options.parse(["--artifacts-directory", "/a"], {}).artifacts == Path("/a")
    assert options.parse(["--ansible-args", "-v"], {}).verbosity == 1
    assert options.parse(["--enable-leader-election", "--lease-name", "l"], {}).leader_elect is True


def test_the_metrics_are_where_ansible_operator_has_them() -> None:
    bare = options.parse([], {})
    assert (bare.metrics_address, bare.metrics_secure, bare.metrics_guarded) == ("", False, False)
    assert options.parse(["--metrics-bind-address=0", "--metrics-secure"], {}).metrics_address == ""
    # As operator-sdk writes them into config/default/manager_metrics_patch.yaml.
    found = options.parse(["--metrics-bind-address=:8443", "--metrics-secure", "--metrics-require-rbac"], {})
    assert (found.metrics_address, found.metrics_secure, found.metrics_guarded) == (":8443", True, True)
    assert options.parse(["--metrics-require-rbac=true"], {}).metrics_address == ":8443"


def test_logs_are_as_loud_as_ansible_operator_was_told() -> None:
    assert options.parse([], {}).log_level == "info"
    assert options.parse(["--zap-log-level", "error"], {}).log_level == "error"
    assert options.parse(["--zap-log-level=2"], {}).log_level == "debug"
    assert options.parse(["--zap-devel", "--zap-encoder=json"], {}).log_level == "debug"
    assert options.parse(["--zap-devel", "--log-level=warning"], {}).log_level == "warning"
    assert options.parse([], {}).task_log == "tasks"
    assert options.parse(["--ansible-log-events=Nothing"], {}).task_log == "nothing"
    assert options.parse([], {"ANSIBLE_DEBUG_LOGS": "TRUE"}).verbosity == 1
    assert options.parse(["--ansible-verbosity=3"], {"ANSIBLE_DEBUG_LOGS": "true"}).verbosity == 3
    assert options.parse([], {"ANSIBLE_DEBUG_LOGS": "False"}).verbosity == 0


def test_an_unreadable_wish_for_ansibles_output_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        options.parse([], {"ANSIBLE_DEBUG_LOGS": "perhaps"})
    assert "ANSIBLE_DEBUG_LOGS: 'perhaps' is not true or false" in capsys.readouterr().err


def test_the_lease_needs_no_more_than_ansible_operator_was_given(tmp_path: Path) -> None:
    assert options.parse(["--leader-elect"], {"OPERATOR_NAME": "memcached"}).lease.name == "memcached"
    given = options.parse(["--leader-elect", "--leader-election-id=id"], {"OPERATOR_NAME": "memcached"})
    assert given.lease.name == "id"
    (tmp_path / "namespace").write_text("operators\n")
    assert operator_options.namespace({}, tmp_path / "namespace") == "operators"
    assert operator_options.namespace({"POD_NAMESPACE": "a"}, tmp_path / "namespace") == "a"
    assert operator_options.namespace({}, tmp_path / "absent") == "default"


def test_a_standby_is_ready_unless_told_otherwise() -> None:
    assert options.parse([], {}).standby_ready is True
    assert options.parse(["--standby-ready=false"], {}).standby_ready is False


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--leader-elect"], "--leader-elect needs --lease-name (or --leader-election-id)"),
        (["--drain", "soon"], "--drain: 'soon' is not a duration"),
        (["--lease-duration", "5s"], "--lease-renew-deadline < --lease-duration is needed"),
        (["--leader-elect=maybe"], "'maybe' is not true or false"),
        (["--ansible-verbosity", "8"], "--ansible-verbosity: '8' is not a number from 0 to 7"),
        (["--workers", "-1"], "--workers and --max-concurrent-reconciles must not be negative"),
        (["--zap-log-level", "loud"], "'loud' is not one of debug, info, error, panic or a number above 0"),
        (["--zap-encoder=console"], "invalid choice: 'console'"),
        (["--zap-time-encoding=epoch"], "--zap-time-encoding is not supported: logs are JSON lines"),
        (["--zap-stacktrace-level", "panic"], "--zap-stacktrace-level is not supported"),
        (["--ansible-log-events", "some"], "invalid choice: 'some'"),
        (["--ansible-args=--check"], "--ansible-args: '--check': only -e/--extra-vars"),
        (["--ansible-args", "-e @file"], "-e '@file': only -e/--extra-vars"),
        (["--ansible-args", "-e '{'"], "-e '{'"),
        (["--ansible-args", "'"], "--ansible-args: No closing quotation"),
        (["--unknown"], "unrecognized arguments: --unknown"),
    ],
)
def test_parse_refuses(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        options.parse(arguments, {})
    assert told in capsys.readouterr().err


def test_ansible_arguments_may_be_absent_or_short() -> None:
    assert ansible_arguments.parse("") == ansible_arguments.AnsibleArguments()
    assert ansible_arguments.parse("-ea=b -v") == ansible_arguments.AnsibleArguments(variables={"a": "b"}, verbosity=1)
