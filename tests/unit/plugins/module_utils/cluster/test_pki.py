"""Certificates: who signed them, what they say, when they end."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.cluster import pki
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509 import oid

NOW = datetime.datetime(2030, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
NODE = pki.Request(common_name="system:node:node01", organizations=("system:nodes",), names=("node01", "100.64.0.11"))
CLIENT = pki.Request(common_name="admin", organizations=(), names=())


@pytest.fixture(scope="module")
def authority() -> pki.Pair:
    return pki.new_authority("cluster", now=NOW, days=100)


def load(pair: pki.Pair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate)


def test_an_authority_signs_itself_and_may_sign_others(authority: pki.Pair) -> None:
    certificate = load(authority)
    certificate.verify_directly_issued_by(certificate)
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


def test_a_certificate_says_what_was_asked_for(authority: pki.Pair) -> None:
    pair = pki.new_certificate(NODE, authority, now=NOW, days=10)
    certificate = load(pair)
    certificate.verify_directly_issued_by(load(authority))
    assert certificate.subject.rfc4514_string() == "CN=system:node:node01,O=system:nodes"
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["node01"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["100.64.0.11"]
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert certificate.not_valid_before_utc < NOW < certificate.not_valid_after_utc
    key = serialization.load_pem_private_key(pair.key, password=None)
    assert key.public_key() == certificate.public_key()


def test_only_a_certificate_with_names_is_for_servers(authority: pki.Pair) -> None:
    def usages(request: pki.Request) -> set[x509.ObjectIdentifier]:
        certificate = load(pki.new_certificate(request, authority, now=NOW, days=10))
        return set(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)

    assert usages(CLIENT) == {oid.ExtendedKeyUsageOID.CLIENT_AUTH}
    assert usages(NODE) == {oid.ExtendedKeyUsageOID.CLIENT_AUTH, oid.ExtendedKeyUsageOID.SERVER_AUTH}


def test_says_notices_another_subject_other_names_and_another_authority(authority: pki.Pair) -> None:
    certificate = pki.new_certificate(NODE, authority, now=NOW, days=10).certificate
    assert pki.says(certificate, NODE, authority)
    assert not pki.says(certificate, CLIENT, authority)
    moved = pki.Request(common_name=NODE.common_name, organizations=NODE.organizations, names=("node01", "100.65.0.11"))
    assert not pki.says(certificate, moved, authority)
    assert not pki.says(certificate, NODE, pki.new_authority("cluster", now=NOW, days=100))


@pytest.mark.parametrize(("days", "good"), [(9, True), (10, False), (11, False)])
def test_lasts(authority: pki.Pair, days: int, good: bool) -> None:
    certificate = pki.new_certificate(CLIENT, authority, now=NOW, days=10).certificate
    assert pki.lasts(certificate, now=NOW, days=days) is good


def test_a_key_pair_belongs_together() -> None:
    private, public = pki.new_key_pair()
    key = serialization.load_pem_private_key(private, password=None)
    assert key.public_key() == serialization.load_pem_public_key(public)
