"""The bare API server: what the tests that use it rely on."""

from __future__ import annotations

import contextlib
import pathlib

import pytest
from ansible_collections.playvirt.core.tests.integration import bare_api_server

pytestmark = pytest.mark.integration
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


def config_map(name: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}


def test_it_serves_kubernetes_and_our_kinds(api_server: bare_api_server.BareAPIServer) -> None:
    api_server.load_crds("crds")
    assert api_server.kubectl("get", "vmi", "--all-namespaces", "--output=name") == ""
    assert "virtualmachines.kubevirt.io" in api_server.kubectl("get", "crd", "--output=name")


def test_what_was_stored_outlives_a_restart(api_server: bare_api_server.BareAPIServer) -> None:
    api_server.request("POST", CONFIG_MAPS, config_map("kept"))
    before = api_server.pid
    api_server.restart()
    assert api_server.pid != before
    assert api_server.request("GET", f"{CONFIG_MAPS}/kept")["metadata"]["name"] == "kept"


def test_a_stopped_server_refuses_and_a_frozen_one_is_silent(api_server: bare_api_server.BareAPIServer) -> None:
    api_server.stop()
    with pytest.raises(ConnectionRefusedError):
        _refused(api_server)
    api_server.start()
    api_server.freeze()
    try:
        with pytest.raises(TimeoutError):
            _refused(api_server)
    finally:
        api_server.thaw()
    api_server.wait_ready()


def _refused(api_server: bare_api_server.BareAPIServer) -> None:
    try:
        api_server.request("GET", "/readyz", timeout=1)
    except OSError as error:
        raise getattr(error, "reason", error) from error


def test_the_audit_log_names_the_client_of_every_write(api_server: bare_api_server.BareAPIServer) -> None:
    for user in ("first", "second"):
        api_server.request("POST", CONFIG_MAPS, config_map(f"of-{user}"), user=user)
    api_server.request("GET", CONFIG_MAPS, user="first")
    written = [
        (event["user"]["username"], event["verb"], event["requestObject"]["metadata"]["name"])
        for event in api_server.audit()
        if event["user"]["username"] != bare_api_server.ADMIN
    ]
    assert written == [("first", "create", "of-first"), ("second", "create", "of-second")]


def test_nothing_is_left_also_after_a_failure() -> None:
    pids: list[int] = []
    folder = pathlib.Path("/")
    with contextlib.suppress(ZeroDivisionError), bare_api_server.running() as server:
        pids, folder = list(server.pids), server.folder
        raise ZeroDivisionError
    assert len(pids) == 2
    assert not [pid for pid in pids if pathlib.Path(f"/proc/{pid}").exists()]
    assert not folder.exists()
