"""A certificate authority for the servers of the tests, whose certificates can have faults."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

Algorithm: TypeAlias = hashes.SHA256 | hashes.SHA384 | hashes.SHA512

_DAY: Final = timedelta(days=1)
_LOOPBACK: Final = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))


class Authority:
    """An authority with a key of its own."""

    def __init__(self, *, with_key_usage: bool = True, critical: bool = True) -> None:
        """Make the key and the certificate of the authority."""
        self._key = ec.generate_private_key(ec.SECP256R1())
        # TLS finds an authority by its name.
        serial = x509.random_serial_number()
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"CA {serial}")])
        now = datetime.now(tz=UTC)
        builder = (
            x509.CertificateBuilder(self._name, self._name, self._key.public_key(), serial)
            .not_valid_before(now - 3 * _DAY)
            .not_valid_after(now + 3 * _DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=critical)
            .add_extension(self._identifier, critical=False)
        )
        if with_key_usage:
            names = "digital_signature content_commitment key_encipherment data_encipherment"
            names += " key_agreement crl_sign encipher_only decipher_only"
            usage = x509.KeyUsage(**dict.fromkeys(names.split(), False), key_cert_sign=True)
            builder = builder.add_extension(usage, critical=True)
        certificate = builder.sign(self._key, hashes.SHA256())
        self.pem = certificate.public_bytes(Encoding.PEM).decode()

    @property
    def _identifier(self) -> x509.SubjectKeyIdentifier:
        return x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())

    def issue(
        self,
        folder: Path,
        *,
        name: x509.GeneralName = _LOOPBACK,
        common_name: str = "127.0.0.1",
        valid_from: timedelta = -2 * _DAY,
        valid_for: timedelta = _DAY,
        with_identifier: bool = True,
    ) -> tuple[Path, Path]:
        """Write the certificate of a server and its key to the folder, and return their paths."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
        now = datetime.now(tz=UTC)
        builder = (
            x509.CertificateBuilder(
                self._name, subject, key.public_key(), x509.random_serial_number()
            )
            .not_valid_before(now + valid_from)
            .not_valid_after(now + valid_for)
            .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        )
        if with_identifier:
            identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
                self._identifier
            )
            builder = builder.add_extension(identifier, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        certificate_file, key_file = folder / "server.pem", folder / "server-key.pem"
        certificate_file.write_bytes(certificate.public_bytes(Encoding.PEM))
        key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return certificate_file, key_file


def self_signed(
    key: CertificateIssuerPrivateKeyTypes,
    algorithm: Algorithm | None = None,
    rsa_padding: padding.PSS | None = None,
) -> bytes:
    """Return a certificate as DER, whose signature is made in a given way."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a" * 60)])
    now = datetime.now(tz=UTC)
    serial = x509.random_serial_number()
    return (
        x509.CertificateBuilder(name, name, key.public_key(), serial, now, now + _DAY)
        .sign(key, algorithm, rsa_padding=rsa_padding)
        .public_bytes(Encoding.DER)
    )
