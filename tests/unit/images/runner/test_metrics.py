"""The runner's own counters: which resource a request was about."""

from __future__ import annotations

import pytest
from ansible_collections.playvirt.core.images.runner import metrics


@pytest.mark.parametrize(
    ("path", "resource"),
    [
        ("/api/v1/namespaces/ns/pods", "pods"),
        ("/api/v1/namespaces/ns/pods/a/status", "pods"),
        ("/api/v1/pods?watch=1", "pods"),
        ("/api/v1/namespaces/ns", "namespaces"),
        ("/apis/kubevirt.io/v1/namespaces/ns/virtualmachineinstances/a/status", "virtualmachineinstances"),
        ("/apis/kubevirt.io/v1/virtualmachineinstances", "virtualmachineinstances"),
        ("/version", "other"),
    ],
)
def test_resource_of(path: str, resource: str) -> None:
    assert metrics.resource_of(path) == resource


def test_requests_are_counted() -> None:
    own = metrics.Metrics()
    own.count_request("PUT", "/api/v1/namespaces/ns/pods/a/status", 409)
    assert b'rest_client_requests_total{code="409",method="PUT",resource="pods"} 1.0' in own.render()
