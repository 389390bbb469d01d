"""Probes of a VMI as probes of its launcher's container."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.pod import probes

TIMES = {"periodSeconds": 3, "successThreshold": 1, "failureThreshold": 2}


def _vmi(**spec: Any) -> dict[str, Any]:
    interface = {"name": "default", "masquerade": {}, "ports": [{"name": "web", "port": 8080}, {"port": 22}]}
    return {
        "metadata": {"name": "a", "namespace": "ns"},
        "spec": {"domain": {"devices": {"interfaces": [interface]}}, **spec},
    }


def test_without_probes_there_are_none() -> None:
    assert probes.render(_vmi()) == {}


def test_http_and_tcp_carry_over_with_their_times() -> None:
    page = {"httpGet": {"path": "/", "port": 80, "scheme": "HTTP"}, "initialDelaySeconds": 5, **TIMES}
    line = {"tcpSocket": {"port": "22"}, "timeoutSeconds": 7}
    assert probes.render(_vmi(readinessProbe=page, livenessProbe=line)) == {
        "readinessProbe": page,
        "livenessProbe": {"tcpSocket": {"port": 22}, "timeoutSeconds": 7},
    }


def test_a_port_may_be_named_by_an_interface() -> None:
    found = probes.render(_vmi(readinessProbe={"httpGet": {"port": "web"}}))
    assert found["readinessProbe"]["httpGet"]["port"] == 8080


def test_an_unknown_port_is_named() -> None:
    with pytest.raises(errors.InvalidObject, match="spec.livenessProbe.tcpSocket.port 'ssh' names no port") as caught:
        probes.render(_vmi(livenessProbe={"tcpSocket": {"port": "ssh"}}))
    assert caught.value.field == "spec.livenessProbe.tcpSocket.port"


def test_a_command_runs_through_the_guest_agent() -> None:
    probe = {"exec": {"command": ["cat", "/a file"]}, "timeoutSeconds": 4, **TIMES}
    assert probes.render(_vmi(readinessProbe=probe))["readinessProbe"] == {
        "exec": {
            "command": [
                "/usr/bin/virt-launcher",
                "probe",
                "--domain",
                "ns_a",
                "--timeout-seconds",
                "4",
                "exec",
                "--",
                "cat",
                "/a file",
            ]
        },
        "initialDelaySeconds": 10,
        "timeoutSeconds": 9,
        **TIMES,
    }


def test_a_ping_goes_to_the_guest_agent() -> None:
    found = probes.render(_vmi(livenessProbe={"guestAgentPing": {}, "initialDelaySeconds": 20}))["livenessProbe"]
    assert found["exec"]["command"][2:] == ["--domain", "ns_a", "--timeout-seconds", "1", "guest-agent-ping"]
    assert (found["initialDelaySeconds"], found["timeoutSeconds"]) == (30, 6)


def test_a_command_that_is_empty_is_refused() -> None:
    with pytest.raises(errors.InvalidObject, match="spec.readinessProbe.exec.command is empty"):
        probes.render(_vmi(readinessProbe={"exec": {}}))
