"""Module component_certificates against an API server: made once, renewed in time, never without trust, keys nowhere but in Secrets."""

from __future__ import annotations

import base64
import datetime
import json
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.modules import component_certificates
from ansible_collections.playvirt.core.tests.unit.fakes import kube_thread
from cryptography import x509

NOW = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
AUTHORITY, SERVING = "kubevirt-ca", "kubevirt-virt-api-certs"


def run(api: kube_thread.ThreadedKubeAPI, now: datetime.datetime = NOW, *, check_mode: bool = False) -> dict[str, Any]:
    owner = {"apiVersion": "kubevirt.io/v1", "kind": "KubeVirt", "name": "kubevirt", "uid": "u"}
    return component_certificates.run({"namespace": "ns", "owner": owner}, check_mode=check_mode, now=now)


def secret(api: kube_thread.ThreadedKubeAPI, name: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = api.call(api.api.get, "v1", "Secret", "ns", name)
    return found


def held(api: kube_thread.ThreadedKubeAPI, name: str, key: str = "tls.crt") -> list[x509.Certificate]:
    found = secret(api, name)
    assert found is not None
    return x509.load_pem_x509_certificates(base64.b64decode(found["data"][key]))


def is_trusted(api: kube_thread.ThreadedKubeAPI) -> bool:
    """Whether the serving certificate is of an authority in the bundle."""
    (serving,) = held(api, SERVING)
    for authority in held(api, AUTHORITY, "bundle.crt"):
        try:
            serving.verify_directly_issued_by(authority)
        except Exception:
            continue
        return True
    return False


def test_made_once(api: kube_thread.ThreadedKubeAPI) -> None:
    assert run(api, check_mode=True)["changed"] is True
    assert secret(api, AUTHORITY) is None
    first = run(api)
    assert (first["changed"], first["made"]) == (True, ["authority", "serving"])
    assert first["renew_after"] == "2030-03-02T00:00:00Z"
    (serving,) = held(api, SERVING)
    names = serving.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["virt-api", "virt-api.ns", "virt-api.ns.svc"]
    found = secret(api, SERVING)
    assert found is not None
    assert found["type"] == "kubernetes.io/tls"
    assert found["metadata"]["ownerReferences"][0]["uid"] == "u"
    assert found["metadata"]["annotations"] == {"playvirt.io/renew-after": "2030-03-02T00:00:00Z"}
    assert is_trusted(api)
    again = run(api)
    assert (again["changed"], again["made"]) == (False, [])
    assert "PRIVATE KEY" not in json.dumps([first, again])


def test_serving_is_renewed_by_the_same_authority(api: kube_thread.ThreadedKubeAPI) -> None:
    run(api)
    before = held(api, AUTHORITY, "bundle.crt")
    assert run(api, NOW + datetime.timedelta(days=61))["made"] == ["serving"]
    assert held(api, AUTHORITY, "bundle.crt") == before
    assert is_trusted(api)


def test_an_authority_is_followed_without_a_moment_of_distrust(api: kube_thread.ThreadedKubeAPI) -> None:
    run(api)
    bundles = [held(api, AUTHORITY, "bundle.crt")]
    moment, made = NOW, list[str]()
    while moment < NOW + datetime.timedelta(days=800):
        result = run(api, moment)
        made += result["made"]
        (serving,) = held(api, SERVING)
        bundles.append(held(api, AUTHORITY, "bundle.crt"))
        assert serving.not_valid_after_utc > moment
        # The API server may still have the bundle from before this change.
        assert any(_issued(serving, authority) for authority in bundles[-2])
        moment = datetime.datetime.fromisoformat(result["renew_after"])
    assert made.count("next authority") == made.count("promotion") == 1
    assert len(bundles[-1]) == 1


def _issued(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except Exception:
        return False
    return True


@pytest.mark.parametrize("damage", [{"tls.key": "eA=="}, {"tls.crt": "%%"}, {"tls.crt": None}])
def test_what_is_damaged_is_made_anew(api: kube_thread.ThreadedKubeAPI, damage: dict[str, Any]) -> None:
    run(api)
    for name in (AUTHORITY, SERVING):
        found = secret(api, name)
        assert found is not None
        data = {key: value for key, value in {**found["data"], **damage}.items() if value is not None}
        api.call(api.api.put, {**found, "data": data})
    assert run(api)["made"] == ["authority", "serving"]
    assert is_trusted(api)


def test_two_at_a_time_do_not_make_two(api: kube_thread.ThreadedKubeAPI) -> None:
    run(api)
    api.call(api.api.fail, "PATCH", "/api/v1/namespaces/ns/secrets", code=409, reason="Conflict")
    with pytest.raises(errors.Conflict):
        run(api, NOW + datetime.timedelta(days=61))
    assert is_trusted(api)
