"""A report of evidence: each way to tamper with it is found, without AWS."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import assume, given
from hypothesis import strategies as st

from rotating_secret.errors import UsageError
from rotating_secret.evidence import Period, TamperedError, seal, verify

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Json: TypeAlias = dict[str, Any]
_HASHED: Final = utils.Prehashed(hashes.SHA256())


@dataclass(frozen=True, kw_only=True)
class EllipticKey:
    """Signs as KMS does with a key of the kind ECC_NIST_P256."""

    name: str = "arn:aws:kms:eu-west-1:123456789012:key/1"
    algorithm: str = "ECDSA_SHA_256"
    private: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def sign(self, digest: bytes) -> bytes:
        return self.private.sign(digest, ec.ECDSA(_HASHED))

    def public(self, encoding: Encoding = Encoding.PEM) -> bytes:
        return self.private.public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)


KEY: Final = EllipticKey()


def event(number: int) -> Json:
    return {
        "time": f"2026-07-{number:02}T00:00:00Z",
        "event": "GetSecretValue",
        "secrets": ["reports/uploader"],
        "principal": "arn:aws:iam::123456789012:role/application",
        "error": None,
        "id": str(number),
    }


def report(events: int = 6, *, key: EllipticKey = KEY, **header: object) -> bytes:
    found = [event(number) for number in range(1, events + 1)]
    return seal({"period": "2026Q3", "secrets": [], **header}, found, key)


REPORT: Final = report()


def test_a_report_is_verified_and_returned() -> None:
    header, events = verify(REPORT, KEY.public())
    assert header["period"] == "2026Q3"
    assert header["key"] == KEY.name
    assert [{**one, "chain": None} for one in events] == [
        {**event(number), "chain": None} for number in range(1, 7)
    ]
    verify(REPORT, KEY.public(Encoding.DER))


def test_a_report_without_events_is_verified_too() -> None:
    header, events = verify(report(0), KEY.public())
    assert (header["events"], events) == (0, [])


def test_an_rsa_key_signs_too() -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    class RsaKey:
        name, algorithm = "arn", "RSASSA_PSS_SHA_256"

        def sign(self, digest: bytes) -> bytes:
            # KMS's salt is as long as the digest.
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
            return private.sign(digest, pss, _HASHED)

    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    sealed = seal({"period": "2026Q3"}, [event(1)], RsaKey())
    verify(sealed, public)
    with pytest.raises(TamperedError, match="signature"):
        verify(sealed.replace(b"2026Q3", b"2026Q2"), public)


def rewritten(content: bytes, change: Callable[[Json], object]) -> bytes:
    """Change a report and keep its form, as an attacker who knows it."""
    parsed = json.loads(content)
    change(parsed)
    lines = ",\n".join(
        json.dumps(one, sort_keys=True, separators=(",", ":")) for one in parsed["events"]
    )
    header = json.dumps(parsed["header"], indent=1, sort_keys=True)
    return (
        f'{{"header":{header},\n"events":[\n{lines}\n],\n"signature":"{parsed["signature"]}"}}\n'
    ).encode()


def test_a_report_that_is_only_written_again_is_the_same() -> None:
    """So that each test below changes no more than it says."""
    assert rewritten(REPORT, lambda _: None) == REPORT


def _chain_again(parsed: Json) -> None:
    """Make the chain fit again."""
    events = [{k: v for k, v in one.items() if k != "chain"} for one in parsed["events"]]
    parsed["events"] = json.loads(seal({}, events, KEY))["events"]


def _count_again(parsed: Json) -> None:
    """Make the chain and the header fit again, so that only the signature is left."""
    _chain_again(parsed)
    forged = json.loads(seal({}, parsed["events"], KEY))["header"]
    last = parsed["events"][-1]["chain"] if parsed["events"] else forged["last"]
    parsed["header"] |= {"events": forged["events"], "last": last}


_OTHER: Final = json.loads(report(3, period="2026Q2"))


@pytest.mark.parametrize(
    ("repair", "message"),
    [
        pytest.param(lambda _: None, None, id="as-it-is"),
        pytest.param(_chain_again, "must have the 6 events", id="chained-again"),
        pytest.param(_count_again, "The signature must fit", id="counted-again"),
    ],
)
@pytest.mark.parametrize(
    ("change", "found"),
    [
        pytest.param(lambda r: r["events"].pop(2), "Event 3", id="remove"),
        pytest.param(lambda r: r["events"].pop(0), "Event 1", id="remove-first"),
        pytest.param(lambda r: r["events"].pop(), "5 events", id="truncate"),
        pytest.param(lambda r: r["events"].clear(), "0 events", id="remove-all"),
        pytest.param(lambda r: r["events"][3].update(error="AccessDenied"), "Event 4", id="change"),
        pytest.param(lambda r: r["events"][3].pop("principal"), "Event 4", id="remove-field"),
        pytest.param(lambda r: r["events"].insert(1, event(9)), "Event 2", id="add"),
        pytest.param(lambda r: r["events"].append(r["events"][0]), "Event 7", id="repeat"),
        pytest.param(lambda r: r["events"].reverse(), "Event 1", id="reverse"),
        pytest.param(lambda r: r["events"].insert(1, r["events"].pop(4)), "Event 2", id="reorder"),
        pytest.param(lambda r: r.update(events=_OTHER["events"]), "3 events", id="other-events"),
    ],
)
def test_a_change_of_events_is_found(
    change: Callable[[Json], object],
    found: str,
    repair: Callable[[Json], object],
    message: str | None,
) -> None:
    """Also if the attacker computes the chain again, and even the header."""

    def tamper(parsed: Json) -> None:
        change(parsed)
        repair(parsed)

    with pytest.raises(TamperedError, match=message or found):
        verify(rewritten(REPORT, tamper), KEY.public())


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda r: r["header"].update(period="2026Q2"), id="quarter"),
        pytest.param(lambda r: r["header"].update(algorithm="RSASSA_PSS_SHA_256"), id="algorithm"),
        pytest.param(lambda r: r["header"].update(extra=1), id="add"),
        pytest.param(lambda r: r["header"].pop("key"), id="remove"),
        pytest.param(
            lambda r: r.update(
                header={**_OTHER["header"], "events": 6, "last": r["header"]["last"]}
            ),
            id="of-another-report",
        ),
        pytest.param(lambda r: r.update(signature=_OTHER["signature"]), id="other-signature"),
        pytest.param(lambda r: r.update(signature=""), id="no-signature"),
    ],
)
def test_a_change_of_the_header_or_the_signature_is_found(change: Callable[[Json], object]) -> None:
    with pytest.raises(TamperedError, match="signature"):
        verify(rewritten(REPORT, change), KEY.public())


def test_the_header_and_signature_of_another_report_are_found() -> None:
    def swap(parsed: Json) -> None:
        parsed["header"], parsed["signature"] = _OTHER["header"], _OTHER["signature"]

    with pytest.raises(TamperedError, match="must have the 3 events"):
        verify(rewritten(REPORT, swap), KEY.public())


def test_a_report_that_another_key_signed_is_found() -> None:
    with pytest.raises(TamperedError, match="another key"):
        verify(
            report(key=EllipticKey(private=ec.generate_private_key(ec.SECP256R1()))), KEY.public()
        )


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"[]", id="a-list"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b'{"header":[],"events":{},"signature":""}', id="other-types"),
        pytest.param(b'{"header":{},"events":[1],"signature":""}', id="an-event-that-is-a-number"),
        pytest.param(REPORT.replace(b'"header":', b'"header":{},"header":', 1), id="two-headers"),
        pytest.param(REPORT + b"\n", id="a-line-more"),
        pytest.param(REPORT.replace(b"\n", b"\r\n"), id="other-line-endings"),
        pytest.param(REPORT.replace(b"null", b" null", 1), id="a-space"),
        pytest.param(REPORT.replace(b"reports", rb"r\u0065ports", 1), id="an-escape"),
        pytest.param(re.sub(rb'"signature":"', rb'"signature":"\\n', REPORT), id="base64"),
    ],
)
def test_another_form_is_refused(content: bytes) -> None:
    with pytest.raises(TamperedError, match="byte for byte"):
        verify(content, KEY.public())


_Edit: TypeAlias = tuple[str, int, int]
_EDITS: Final = st.lists(
    st.tuples(
        st.sampled_from(["remove", "swap", "repeat", "change", "truncate"]),
        st.integers(0, 50),
        st.integers(0, 50),
    ),
    min_size=1,
    max_size=4,
)


def _edit(events: list[Json], edits: Sequence[_Edit]) -> None:
    for kind, one, other in edits:
        if not events:
            return
        here, there = one % len(events), other % len(events)
        if kind == "remove":
            events.pop(here)
        elif kind == "swap":
            events[here], events[there] = events[there], events[here]
        elif kind == "repeat":
            events.insert(there, events[here])
        elif kind == "change":
            field_ = sorted(events[here])[other % len(events[here])]
            events[here] = {**events[here], field_: f"{events[here][field_]}x"}
        else:
            del events[here:]


@given(events=st.integers(1, 8), edits=_EDITS)
def test_drawn_changes_of_events_are_found(events: int, edits: Sequence[_Edit]) -> None:
    original = report(events)
    tampered = rewritten(original, lambda parsed: _edit(parsed["events"], edits))
    assume(tampered != original)
    with pytest.raises(TamperedError):
        verify(tampered, KEY.public())


# ECDSA accepts a second form of each signature, so its bytes aren't drawn here.
_SIGNED: Final = REPORT[: REPORT.index(b'"signature"')]


@given(place=st.integers(0, len(_SIGNED) - 1), byte=st.integers(0, 255))
def test_each_changed_byte_is_found(place: int, byte: int) -> None:
    assume(REPORT[place] != byte)
    tampered = REPORT[:place] + bytes([byte]) + REPORT[place + 1 :]
    with pytest.raises(TamperedError):
        verify(tampered, KEY.public())


@given(end=st.integers(0, len(REPORT) - 1))
def test_a_file_that_is_cut_is_found(end: int) -> None:
    with pytest.raises(TamperedError):
        verify(REPORT[:end], KEY.public())


def test_each_changed_byte_of_the_signature_is_found() -> None:
    start = REPORT.index(b'"signature":"') + len(b'"signature":"')
    signature = bytearray(base64.b64decode(REPORT[start:-3]))
    for place in range(len(signature)):
        changed = (
            bytes(signature[:place]) + bytes([signature[place] ^ 1]) + bytes(signature[place + 1 :])
        )
        with pytest.raises(TamperedError):
            verify(REPORT[:start] + base64.b64encode(changed) + REPORT[-3:], KEY.public())


@pytest.mark.parametrize(
    "public_key",
    [
        b"",
        b"no key",
        ec.generate_private_key(ec.SECP384R1())
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    ],
    ids=["empty", "text", "another-curve"],
)
def test_a_file_without_a_public_key_is_refused(public_key: bytes) -> None:
    with pytest.raises(UsageError, match="--public-key must be"):
        verify(REPORT, public_key)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026Q1", (2026, 1), (2026, 4)),
        ("2026Q4", (2026, 10), (2027, 1)),
        ("2026-02", (2026, 2), (2026, 3)),
        ("2026-12", (2026, 12), (2027, 1)),
    ],
)
def test_a_period_is_a_quarter_or_a_month(
    text: str, start: tuple[int, int], end: tuple[int, int]
) -> None:
    period = Period.parse(text)
    assert (period.start, period.end) == (
        datetime(*start, 1, tzinfo=UTC),
        datetime(*end, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize("text", ["2026", "2026Q5", "2026-13", "2026-00", "26Q1", "2026Q3 "])
def test_another_period_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=f"--period must be .* Found: {text}"):
        Period.parse(text)
