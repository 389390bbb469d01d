"""Names in snake case: the facts that roles written for ansible-operator rely on."""

from __future__ import annotations

import pytest
from ansible_collections.playvirt.core.images.runner.turns import snake_case

NAMES = {
    "var": "var",
    "888": "888",
    "": "",
    "k8s_var": "k8s_var",
    "_k8s_var": "_k8s_var",
    "k8s var": "k8s_var",
    "some-name": "some_name",
    "already_snake": "already_snake",
    "ThisHasACapital": "_this_has_a_capital",
    "sizeK8sBuckets": "size_k8s_buckets",
    "a1b2": "a_1_b2",
    "_CanYou_Handle_mixedVars": "_can_you_handle_mixed_vars",
    "JSONData": "_json_data",
    "apiVersion": "api_version",
    "imagePullSecrets": "image_pull_secrets",
    "egressIPs": "egress_ips",
    "egressIPsEgress": "egress_ips_egress",
    "egressIPsegress": "egress_ips_egress",
    "IPsegress": "_ips_egress",
    "egressIP": "egress_ip",
    "egressIPEgress": "egress_ip_egress",
    "egressIPegress": "egress_ip_egress",
    "URLegressIPEgressHTTP": "url_egress_ip_egress_http",
    "URLsegressIPsEgressHTTPs": "_urls_egress_ips_egress_https",
    "SKIP_NOT_SK_IP": "_skip_not_sk_ip",
}


@pytest.mark.parametrize(("name", "expected"), NAMES.items())
def test_to_snake(name: str, expected: str) -> None:
    assert snake_case.to_snake(name) == expected


def test_convert_takes_keys_at_all_depths_and_leaves_values() -> None:
    found = snake_case.convert(
        {"podSpec": {"nodeName": "someNode", "items": [{"aKey": "aValue"}, "plainText", 3, None]}}
    )
    assert found == {"pod_spec": {"node_name": "someNode", "items": [{"a_key": "aValue"}, "plainText", 3, None]}}
