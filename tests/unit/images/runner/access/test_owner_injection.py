"""Owners: references where these can be, annotations elsewhere, and the way back."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.playvirt.core.images.runner.access import owner_injection

OWNER = owner_injection.owner_of(
    {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"namespace": "ns", "name": "w", "uid": "u"}}
)
CLUSTER_OWNER = owner_injection.owner_of({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n", "uid": "v"}})
REFERENCE = {"apiVersion": "example.com/v1", "kind": "Widget", "name": "w", "uid": "u"}


def made(**meta: Any) -> dict[str, Any]:
    return {"kind": "Pod", "metadata": {"name": "p", **meta}}


def test_an_object_of_the_owners_namespace_gets_a_reference() -> None:
    other = {"uid": "other"}
    found = owner_injection.inject(made(ownerReferences=[other]), OWNER, namespace="ns")
    assert found["metadata"]["ownerReferences"] == [other, REFERENCE]
    assert owner_injection.inject(found, OWNER, namespace="ns") == found, "not twice"
    assert owner_injection.belongs_to(found, OWNER)


@pytest.mark.parametrize("namespace", ["other", None])
def test_an_object_elsewhere_gets_annotations(namespace: str | None) -> None:
    found = owner_injection.inject(made(annotations={"mine": "1"}), OWNER, namespace=namespace)
    assert found["metadata"]["annotations"] == {
        "mine": "1",
        "operator-sdk/primary-resource": "ns/w",
        "operator-sdk/primary-resource-type": "Widget.example.com",
    }
    assert "ownerReferences" not in found["metadata"]
    assert owner_injection.annotated_owner(found, "example.com", "Widget") == ("ns", "w")
    assert owner_injection.annotated_owner(found, "example.com", "Gadget") is None
    assert owner_injection.belongs_to(found, OWNER)


@pytest.mark.parametrize("namespace", ["ns", None])
def test_a_cluster_scoped_owner_can_always_be_referred_to(namespace: str | None) -> None:
    found = owner_injection.inject({"kind": "Pod"}, CLUSTER_OWNER, namespace=namespace)
    assert found["metadata"]["ownerReferences"] == [{"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "v"}]
    assert CLUSTER_OWNER.annotations["operator-sdk/primary-resource-type"] == "Node"


def test_what_belongs_to_nobody_belongs_to_nobody() -> None:
    assert not owner_injection.belongs_to(made(), OWNER)
    assert not owner_injection.belongs_to(
        made(annotations={"operator-sdk/primary-resource-type": "Widget.example.com"}), OWNER
    )
