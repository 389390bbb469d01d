"""Fixtures of the integration tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.playvirt.core.tests.integration import bare_api_server


@pytest.fixture(scope="module")
def api_server() -> Iterator[bare_api_server.BareAPIServer]:
    """A real API server of the module's own, with two more users: `first` and `second`."""
    try:
        bare_api_server.find_programs()
    except bare_api_server.APIServerError as error:
        pytest.skip(str(error))
    with bare_api_server.running(users=("first", "second")) as server:
        yield server
