"""Prepares a password for SCRAM as PostgreSQL does, which is not quite as RFC 4013 says.

A password that RFC 4013 prohibits is used as it is. The checks come before the normalization.
https://github.com/postgres/postgres/blob/master/src/common/saslprep.c
"""

from __future__ import annotations

from rotation.services.postgresql import encode


def prepare(password: str) -> bytes:
    """Return the bytes of a password from which SCRAM derives its keys.

    Raises:
        UnusableTextError: It has the character NUL, or is not Unicode.
    """
    plain = encode(password)
    if password.isascii():
        return plain
    import unicodedata

    mapped = _map(password)
    if not mapped or _is_prohibited(mapped):
        return plain
    return unicodedata.normalize("NFKC", mapped).encode()


def _map(password: str) -> str:
    from stringprep import in_table_b1, in_table_c12

    spaced = (" " if in_table_c12(character) else character for character in password)
    return "".join(character for character in spaced if not in_table_b1(character))


def _is_prohibited(text: str) -> bool:
    """Check the tables of RFC 4013, sections 2.3 and 2.5, and the direction of the text."""
    import stringprep

    prohibited = (
        *(stringprep.in_table_a1, stringprep.in_table_c12, stringprep.in_table_c21_c22),
        *(stringprep.in_table_c3, stringprep.in_table_c4, stringprep.in_table_c5),
        *(stringprep.in_table_c6, stringprep.in_table_c7, stringprep.in_table_c8),
        stringprep.in_table_c9,
    )
    if any(is_in(character) for character in text for is_in in prohibited):
        return True
    # https://datatracker.ietf.org/doc/html/rfc3454#section-6
    from_right = [stringprep.in_table_d1(character) for character in text]
    from_left = any(map(stringprep.in_table_d2, text))
    return any(from_right) and (from_left or not (from_right[0] and from_right[-1]))
