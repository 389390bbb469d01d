"""The command line: defaults from the environment, errors."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.playvirt.core.images.runner import options

ENVIRONMENT = {
    "POD_NAMESPACE": "playvirt",
    "POD_NAME": "virt-controller-1",
    "NODE_NAME": "node01",
    "WATCH_NAMESPACE": "a,b",
}


def test_parse_takes_defaults_from_the_environment() -> None:
    found = options.parse(["--watches-file", "virt-controller", "--leader-elect", "--lease-name", "l"], ENVIRONMENT)
    assert found.watches_file == options.WATCH_LISTS / "virt-controller.yaml"
    assert (found.lease.namespace, found.lease.identity, found.node_name) == ("playvirt", "virt-controller-1", "node01")
    assert (found.watch_namespaces, found.reconcile_period, found.drain) == (("a", "b"), 36000.0, 25.0)
    assert found.socket == Path("/run/playvirt/runner.sock")
    assert found.workers >= 2


def test_parse_reads_a_kubeconfig_only_outside_a_pod() -> None:
    arguments = ["--watches-file", "x.yaml"]
    assert options.parse(arguments, {"KUBECONFIG": "/k"}).kubeconfig == "/k"
    assert options.parse(arguments, {"KUBECONFIG": "/k", "KUBERNETES_SERVICE_HOST": "h"}).kubeconfig is None
    assert options.parse(arguments, {}).watches_file == Path("x.yaml")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "--watches-file"),
        (["--watches-file", "x", "--leader-elect"], "--leader-elect needs --lease-name"),
        (["--watches-file", "x", "--drain", "soon"], "--drain: 'soon' is not a duration"),
        (["--watches-file", "x", "--lease-duration", "5s"], "--lease-renew-deadline < --lease-duration is needed"),
    ],
)
def test_parse_refuses(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        options.parse(arguments, {})
    assert told in capsys.readouterr().err
