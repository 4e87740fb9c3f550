"""A report whose every byte is signed: the reads, changes and rotations of a period.

Each event has a hash over itself and the hash before it. The header has the last hash and the
number of events, and KMS signs the header.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from rotating_secret.errors import Exit, StoppedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Json: TypeAlias = dict[str, Any]

FORMAT: Final = "rotating-secret evidence 1"
_ELLIPTIC: Final = "ECDSA_SHA_256"
_RSA: Final = "RSASSA_PSS_SHA_256"
ALGORITHMS: Final = (_ELLIPTIC, _RSA)
_QUARTER: Final = re.compile(r"(\d{4})Q([1-4])")
_MONTH: Final = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


class TamperedError(StoppedError):
    """A report isn't what the key signed."""

    exit_code = Exit.UNHEALTHY


class Signer(Protocol):
    """A private key that this process can't see."""

    @property
    def name(self) -> str:
        """The ARN of the key."""

    @property
    def algorithm(self) -> str:
        """One of ALGORITHMS."""

    def sign(self, digest: bytes) -> bytes:
        """Sign a SHA-256 digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A quarter or a month, in UTC."""

    name: str
    start: datetime
    end: datetime

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read e.g. 2026Q3 or 2026-09.

        Raises:
            UsageError: The text is neither.
        """
        if quarter := _QUARTER.fullmatch(text):
            year, first, months = int(quarter[1]), 3 * int(quarter[2]) - 2, 3
        elif month := _MONTH.fullmatch(text):
            year, first, months = int(month[1]), int(month[2]), 1
        else:
            message = (
                f"--period must be a quarter or a month, e.g. 2026Q3 or 2026-09. Found: {text}."
            )
            raise UsageError(message)
        after = first - 1 + months
        return cls(
            name=text,
            start=datetime(year, first, 1, tzinfo=UTC),
            end=datetime(year + after // 12, after % 12 + 1, 1, tzinfo=UTC),
        )


def seal(header: Json, events: Sequence[Json], signer: Signer) -> bytes:
    """Return the file of a report."""
    chained = list(_chained(events))
    header = {
        **header,
        "format": FORMAT,
        "key": signer.name,
        "algorithm": signer.algorithm,
        "events": len(chained),
        "last": chained[-1]["chain"] if chained else _FIRST,
    }
    return _render(header, chained, signer.sign(_digest(header)))


def verify(content: bytes, public_key: bytes) -> tuple[Json, list[Json]]:
    """Return the header and the events of a report.

    Args:
        content: The file.
        public_key: The key's public half, as PEM or DER.

    Raises:
        TamperedError: The file isn't what the key signed.
        UsageError: The key can't be read, or is of another kind.
    """
    key = _load(public_key)
    header, events, signature = _parse(content)
    for number, (found, expected) in enumerate(
        zip(events, _chained(map(_without_chain, events)), strict=True), start=1
    ):
        if found != expected:
            message = (
                f"Event {number} must be as it was signed, after the same events. Found: it or one "
                "before it was changed, added, removed or moved."
            )
            raise TamperedError(message)
    last = events[-1]["chain"] if events else _FIRST
    if (header.get("events"), header.get("last")) != (len(events), last):
        message = (
            f"The file must have the {header.get('events')} events that its header counts. Found: "
            f"{len(events)} events, or another header."
        )
        raise TamperedError(message)
    if not _fits(key, signature, _digest(header)):
        message = (
            "The signature must fit the header and the public key. Found: one that doesn't. The "
            "header or the signature was changed, or the report was signed with another key than "
            "that of --public-key."
        )
        raise TamperedError(message)
    return header, events


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


_FIRST: Final = _hash(FORMAT.encode())


def _digest(header: Mapping[str, Any]) -> bytes:
    return hashlib.sha256(_canonical(header)).digest()


def _chained(events: Iterable[Json]) -> Iterator[Json]:
    chain = _FIRST
    for event in events:
        chain = _hash(chain.encode() + _canonical(event))
        yield {**event, "chain": chain}


def _without_chain(event: Json) -> Json:
    return {name: value for name, value in event.items() if name != "chain"}


def _render(header: Json, events: Sequence[Json], signature: bytes) -> bytes:
    """Return the file: a header for people, one line per event, and the signature."""
    lines = b",\n".join(_canonical(event) for event in events)
    return b'{"header":%s,\n"events":[\n%s\n],\n"signature":"%s"}\n' % (
        json.dumps(header, indent=1, sort_keys=True).encode(),
        lines,
        base64.b64encode(signature),
    )


def _parse(content: bytes) -> tuple[Json, list[Json], bytes]:
    """Read a report. Any byte that the command would not have written is refused."""
    try:
        report = json.loads(content)
        header, events = report["header"], report["events"]
        signature = base64.b64decode(report["signature"])
        rendered = _render({**header}, [{**event} for event in events], signature)
    except (KeyError, TypeError, ValueError, RecursionError):
        rendered = None
    if rendered != content:
        message = (
            "The file must be a report, byte for byte as the command evidence wrote it. Found: "
            "another form. Get the original file."
        )
        raise TamperedError(message)
    return header, events, signature


_PublicKey: TypeAlias = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


def _load(public_key: bytes) -> _PublicKey:
    pem = public_key.lstrip().startswith(b"-----")
    load = serialization.load_pem_public_key if pem else serialization.load_der_public_key
    try:
        key = load(public_key)
    except ValueError:
        key = None
    if isinstance(key, rsa.RSAPublicKey) or (
        isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
    ):
        return key
    message = (
        "--public-key must be a file with the public key of a KMS key of the kind ECC_NIST_P256 or "
        "RSA, as PEM or DER. Found: something else."
    )
    raise UsageError(message)


def _fits(key: _PublicKey, signature: bytes, digest: bytes) -> bool:
    hashed = utils.Prehashed(hashes.SHA256())
    try:
        if isinstance(key, rsa.RSAPublicKey):
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
            key.verify(signature, digest, pss, hashed)
        else:
            key.verify(signature, digest, ec.ECDSA(hashed))
    except InvalidSignature:
        return False
    return True
