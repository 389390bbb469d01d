"""operator_manifests: what its options change."""

from __future__ import annotations

from typing import Any

from ansible_collections.playvirt.core.plugins.modules import operator_manifests


def _run(**more: Any) -> dict[str, Any]:
    defaults = {name: option.get("default") for name, option in operator_manifests.ARGUMENT_SPEC.items()}
    return operator_manifests.run({**defaults, "registry": "r", "tag": "t", **more}, check_mode=True)


def test_everything_is_in_the_namespace() -> None:
    result = _run(namespace="elsewhere")
    assert result["changed"] is False
    namespaces = {obj["metadata"]["namespace"] for obj in result["operator"] if "namespace" in obj["metadata"]}
    assert namespaces == {result["kubevirt"]["metadata"]["namespace"]} == {"elsewhere"}


def test_images_and_settings_reach_the_operator() -> None:
    result = _run(registry="reg", tag="v2", pull_policy="Always", kubelet_root="/data", use_emulation=True)
    (container,) = result["operator"][-1]["spec"]["template"]["spec"]["containers"]
    environment = {entry["name"]: entry.get("value") for entry in container["env"]}
    assert (container["image"], container["imagePullPolicy"]) == ("reg/playvirt:v2", "Always")
    assert (environment["PLAYVIRT_REGISTRY"], environment["PLAYVIRT_TAG"]) == ("reg", "v2")
    assert environment["PLAYVIRT_KUBELET_ROOT"] == "/data"
    assert result["kubevirt"]["spec"]["configuration"]["developerConfiguration"]["useEmulation"] is True


def test_what_is_outside_of_the_namespace_is_named_webhooks_first() -> None:
    kinds = [obj["kind"] for obj in _run()["cluster_wide"]]
    assert kinds[:2] == ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"]
    assert set(kinds[2:]) == {"ClusterRole", "ClusterRoleBinding"}
