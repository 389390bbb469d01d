"""Credentials from kubeconfig files and service accounts, used against a server; and what an unusable file is told."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import ssl
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.playvirt.core.images.runner.api import api_client, credentials
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.tests.unit.fakes import kube_api
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@pytest.fixture(scope="module")
def certificate() -> tuple[str, str]:
    """A self-signed certificate for 127.0.0.1 and its key, for server, client and authority at once."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return signed.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def write(path: Path, *, cluster: dict[str, Any], user: dict[str, Any]) -> Path:
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
    }
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


async def nodes(found: credentials.Credentials) -> list[dict[str, Any]]:
    async with api_client.APIClient(found) as client:
        return await client.list("v1", "Node")


async def test_client_certificates_in_a_kubeconfig_are_used(tmp_path: Path, certificate: tuple[str, str]) -> None:
    public, private = certificate
    (tmp_path / "both.pem").write_text(public + private, encoding="utf-8")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=public)
    tls.load_cert_chain(tmp_path / "both.pem")
    tls.verify_mode = ssl.CERT_REQUIRED
    async with kube_api.KubeAPI(tls=tls) as api:
        user = {"client-certificate-data": encoded(public), "client-key-data": encoded(private)}
        cluster = {"server": api.url, "certificate-authority-data": encoded(public)}
        assert await nodes(credentials.find(str(write(tmp_path / "config", cluster=cluster, user=user)))) == []
        without = credentials.find(str(write(tmp_path / "config", cluster=cluster, user={})))
        with pytest.raises(errors.TransientError):
            await nodes(without)


async def test_tokens_of_a_kubeconfig_and_of_a_service_account_are_sent(
    tmp_path: Path, certificate: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("first\n", encoding="utf-8")
    async with kube_api.KubeAPI() as api:
        api.token = "first"
        for user in ({"token": "first"}, {"tokenFile": "token"}):
            path = write(tmp_path / "config", cluster={"server": api.url}, user=user)
            assert await nodes(credentials.find(str(path))) == []
        api.token = "second"
        found = credentials.find(str(path))
        with pytest.raises(errors.Unauthorized):
            await nodes(found)
        (tmp_path / "token").write_text("second\n", encoding="utf-8")
        monkeypatch.setattr(credentials, "TOKEN_SECONDS", -1.0)
        assert await nodes(found) == [], "a rotated token is read again"


def test_a_service_account_gives_server_and_token(tmp_path: Path, certificate: tuple[str, str]) -> None:
    (tmp_path / "ca.crt").write_text(certificate[0], encoding="utf-8")
    (tmp_path / "token").write_text("secret\n", encoding="utf-8")
    environment = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}
    found = credentials.from_service_account(tmp_path, environment)
    assert (found.server, found.token()) == ("https://[fd00::1]:6443", "secret")
    assert found.tls is not None
    assert found.tls.verify_mode == ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{}", "no current-context"),
        ("a: [", "kubeconfig"),
        ("{current-context: x}", "contexts has no entry 'x'"),
    ],
)
def test_an_unusable_kubeconfig_is_explained(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "config").write_text(text, encoding="utf-8")
    with pytest.raises(errors.PermanentError, match=told):
        credentials.find(str(tmp_path / "config"))


def test_what_is_not_supported_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = {"server": "https://127.0.0.1:1"}
    with pytest.raises(errors.PermanentError, match="the user's 'exec' is not supported"):
        credentials.find(str(write(tmp_path / "config", cluster=cluster, user={"exec": {"command": "x"}})))
    bad = {**cluster, "certificate-authority": "absent.pem"}
    with pytest.raises(errors.PermanentError, match="certificates"):
        credentials.find(str(write(tmp_path / "config", cluster=bad, user={})))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(errors.PermanentError, match="no credentials"):
        credentials.find(None)
