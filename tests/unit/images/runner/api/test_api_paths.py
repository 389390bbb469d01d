"""Paths of the API: what each is about."""

from __future__ import annotations

import pytest
from ansible_collections.playvirt.core.images.runner.api import api_paths

Target = api_paths.Target


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/api", None),
        ("/api/v1", None),
        ("/apis/apps/v1", None),
        ("/version", None),
        ("/api/v1/nodes", Target(api_version="v1", plural="nodes")),
        ("/api/v1/namespaces", Target(api_version="v1", plural="namespaces")),
        ("/api/v1/namespaces/a", Target(api_version="v1", plural="namespaces", name="a")),
        (
            "/api/v1/namespaces/a/finalize",
            Target(api_version="v1", plural="namespaces", name="a", subresource="finalize"),
        ),
        ("/api/v1/namespaces/a/pods", Target(api_version="v1", plural="pods", namespace="a")),
        ("/api/v1/namespaces/a/pods/b", Target(api_version="v1", plural="pods", namespace="a", name="b")),
        (
            "/api/v1/namespaces/a/services/b/proxy/x/y",
            Target(api_version="v1", plural="services", namespace="a", name="b", subresource="proxy/x/y"),
        ),
        ("/apis/apps/v1/deployments", Target(api_version="apps/v1", plural="deployments")),
        (
            "/apis/apps/v1/namespaces/a/deployments/b/status",
            Target(api_version="apps/v1", plural="deployments", namespace="a", name="b", subresource="status"),
        ),
    ],
)
def test_parse(path: str, target: api_paths.Target | None) -> None:
    assert api_paths.parse(path) == target
