"""An authority, a good certificate of a local server, and four that a client must reject."""

from __future__ import annotations

import ipaddress
import shutil
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey


class Kind(StrEnum):
    """A certificate that a server can present."""

    GOOD = "good"
    EXPIRED = "expired"
    OTHER_HOST = "other-host"
    UNKNOWN_AUTHORITY = "unknown-authority"
    SELF_SIGNED = "self-signed"


def write_certificates(folder: Path) -> None:
    """Write `ca.pem`, and for each kind `<kind>.pem` and `<kind>.key`.

    The authority in `ca.pem` has signed the first three. Each but `other-host` is valid for
    `localhost` and 127.0.0.1.
    """
    # RSA, as RDS has by default.
    key, known, unknown = (rsa.generate_private_key(65537, 2048) for _ in range(3))
    # TLS finds an authority by its name, and a process may trust several of them.
    name = _name(f"Local authority {x509.random_serial_number()}")
    (folder / "ca.pem").write_bytes(_authority(name, known).public_bytes(Encoding.PEM))
    # MySQL reads the format of OpenSSL's RSA keys.
    private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    for kind in Kind:
        match kind:
            case Kind.UNKNOWN_AUTHORITY:
                signed = _leaf(kind, key, _name("Unknown authority"), unknown)
            case Kind.SELF_SIGNED:
                signed = _leaf(kind, key, _name(kind), key)
            case _:
                signed = _leaf(kind, key, name, known)
        (folder / f"{kind}.pem").write_bytes(signed.public_bytes(Encoding.PEM))
        (folder / f"{kind}.key").write_bytes(private)


def present(folder: Path, kind: Kind) -> None:
    """Copy a certificate and its key to `presented.pem` and `presented.key` for the server."""
    for suffix in ("pem", "key"):
        presented = folder / f"presented.{suffix}"
        shutil.copyfile(folder / f"{kind}.{suffix}", presented)
        presented.chmod(0o600)  # PostgreSQL rejects a key that others can read.


def _authority(name: x509.Name, key: RSAPrivateKey) -> x509.Certificate:
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    # Python 3.13 rejects an authority without these extensions.
    # https://docs.python.org/3/library/ssl.html#ssl.create_default_context
    return (
        _builder(name, name, key, timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _leaf(
    kind: Kind, key: RSAPrivateKey, issuer: x509.Name, issuer_key: RSAPrivateKey
) -> x509.Certificate:
    hosts: list[x509.GeneralName] = [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    ]
    if kind is Kind.OTHER_HOST:
        hosts = [x509.DNSName("database.example.com")]
    valid = -timedelta(hours=1) if kind is Kind.EXPIRED else timedelta(days=1)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return (
        _builder(_name(kind), issuer, key, valid)
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .add_extension(identifier, critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: RSAPrivateKey, valid: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(tz=UTC)
    serial = x509.random_serial_number()
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), serial)
    return builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + valid)
