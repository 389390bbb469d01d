# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Certificate authorities, certificates and key pairs as PEM text.

In: what a certificate is for, and the time. Out: PEM bytes; nothing is read or written here. All keys are ECDSA P-256.
Called by: modules cluster_pki and component_certificates.
"""

from __future__ import annotations

import dataclasses
import datetime
import ipaddress

from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from cryptography import exceptions, x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import oid

_SKEW = datetime.timedelta(hours=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pair:
    """A certificate and its private key, PEM."""

    certificate: bytes
    key: bytes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """What a leaf certificate says: subject, and the DNS names and addresses it serves (none: a client's certificate only)."""

    common_name: str
    organizations: tuple[str, ...]
    names: tuple[str, ...]


def new_authority(common_name: str, *, now: datetime.datetime, days: int) -> Pair:
    """Return a self-signed certificate authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(oid.NameOID.COMMON_NAME, common_name)])
    builder = _builder(subject=name, issuer=name, now=now, days=days).public_key(key.public_key())
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(authority=True), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return Pair(
        certificate=builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM), key=_key_pem(key)
    )


def new_certificate(request: Request, authority: Pair, *, now: datetime.datetime, days: int) -> Pair:
    """Return a certificate for `request` signed by `authority`, for clients and, when it has names, for servers."""
    signer = _private_key(authority.key)
    issuer = x509.load_pem_x509_certificate(authority.certificate)
    key = ec.generate_private_key(ec.SECP256R1())
    usages = [oid.ExtendedKeyUsageOID.CLIENT_AUTH, *([oid.ExtendedKeyUsageOID.SERVER_AUTH] if request.names else [])]
    builder = _builder(subject=_subject(request), issuer=issuer.subject, now=now, days=days).public_key(
        key.public_key()
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(authority=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
    )
    if request.names:
        builder = builder.add_extension(x509.SubjectAlternativeName(_general_names(request)), critical=False)
    return Pair(
        certificate=builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM), key=_key_pem(key)
    )


def new_key_pair() -> tuple[bytes, bytes]:
    """Return a private key and its public key, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return _key_pem(key), public


def lasts(certificate: bytes, *, now: datetime.datetime, days: int) -> bool:
    """Return whether a PEM certificate is still good for that many days."""
    return x509.load_pem_x509_certificate(certificate).not_valid_after_utc - now > datetime.timedelta(days=days)


def find_dates(certificate: bytes) -> tuple[datetime.datetime, datetime.datetime] | None:
    """Return since when and until when a PEM certificate is good; None where it is no certificate."""
    try:
        found = x509.load_pem_x509_certificate(certificate)
    except ValueError:
        return None
    return found.not_valid_before_utc + _SKEW, found.not_valid_after_utc


def belong_together(certificate: bytes, key: bytes) -> bool:
    """Return whether a PEM private key is that of a PEM certificate."""
    try:
        public = serialization.load_pem_private_key(key, password=None).public_key()
        return public == x509.load_pem_x509_certificate(certificate).public_key()
    except (ValueError, TypeError, exceptions.UnsupportedAlgorithm):
        return False


def split(bundle: bytes) -> list[bytes]:
    """Return the PEM certificates that stand one after the other; none where one of them is none."""
    try:
        found = x509.load_pem_x509_certificates(bundle) if bundle.strip() else []
    except ValueError:
        return []
    return [certificate.public_bytes(serialization.Encoding.PEM) for certificate in found]


def says(certificate: bytes, request: Request, authority: Pair) -> bool:
    """Return whether a PEM certificate is what `new_certificate` would make for `request` and `authority`, but for its dates."""
    found = x509.load_pem_x509_certificate(certificate)
    try:
        found.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.certificate))
    except (ValueError, TypeError, exceptions.InvalidSignature):
        return False
    try:
        names = list(found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        names = []
    return found.subject == _subject(request) and names == _general_names(request)


def _builder(*, subject: x509.Name, issuer: x509.Name, now: datetime.datetime, days: int) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _subject(request: Request) -> x509.Name:
    organizations = [x509.NameAttribute(oid.NameOID.ORGANIZATION_NAME, name) for name in request.organizations]
    return x509.Name([*organizations, x509.NameAttribute(oid.NameOID.COMMON_NAME, request.common_name)])


def _general_names(request: Request) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = []
    for name in request.names:
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            names.append(x509.DNSName(name))
    return names


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=False,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def _private_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise errors.PermanentError(
            "the certificate authority's key is not an ECDSA key: remove the directory to have a new one made"
        )
    return key
