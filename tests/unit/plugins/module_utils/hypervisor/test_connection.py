"""Opening and closing connections, against libvirt's test driver."""

from __future__ import annotations

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import connection, domain


def test_open_connection_refused_names_the_uri() -> None:
    uri = "qemu+unix:///session?socket=/nonexistent/libvirt-sock"
    with pytest.raises(errors.HypervisorError) as caught:
        connection.open_connection(uri)
    assert str(caught.value).startswith(f"connection to {uri}: ")
    assert caught.value.code != 0


def test_close_twice_is_harmless() -> None:
    conn = connection.open_connection("test:///default")
    connection.close(conn)
    connection.close(conn)
    with pytest.raises(errors.HypervisorError):
        domain.names(conn)


def test_start_event_loop_twice_is_one_loop() -> None:
    connection.start_event_loop()
    first = connection._loop_thread
    connection.start_event_loop()
    assert first is not None
    assert connection._loop_thread is first


def test_capabilities_are_xml(conn: connection.Connection) -> None:
    assert connection.capabilities(conn).startswith("<capabilities>")
