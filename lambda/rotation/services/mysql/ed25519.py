"""Signatures of MariaDB's plugin ed25519, which has the password in place of the private key.

The names are those of https://datatracker.ietf.org/doc/html/rfc8032#section-5.1. Nothing here
takes the same time for all passwords: it is called once in each log-in, whose time TLS hides.
"""

from __future__ import annotations

from hashlib import sha512
from typing import Final, TypeAlias

# Extended homogeneous coordinates.
_Point: TypeAlias = tuple[int, int, int, int]

_P: Final = 2**255 - 19
_D: Final = -121665 * pow(121666, -1, _P) % _P
_L: Final = 2**252 + 27742317777372353535851937790883648493
_X: Final = 15112221349535400772501151409588531511454012693041857206046113283949847762202
_Y: Final = 4 * pow(5, -1, _P) % _P
_B: Final = (_X, _Y, 1, _X * _Y % _P)
_NEUTRAL: Final = (0, 1, 1, 0)


def public_key(password: bytes) -> bytes:
    """Return the 32 bytes of the public key."""
    scalar, _ = _expand(password)
    return _encode(_multiply(scalar))


def sign(password: bytes, message: bytes) -> bytes:
    """Return the 64 bytes of the signature."""
    scalar, prefix = _expand(password)
    r = _number(prefix + message)
    point = _encode(_multiply(r))
    k = _number(point + _encode(_multiply(scalar)) + message)
    return point + ((r + k * scalar) % _L).to_bytes(32, "little")


def _expand(password: bytes) -> tuple[int, bytes]:
    """Return the scalar and the prefix. RFC 8032 has a private key of 32 bytes as the password."""
    digest = sha512(password).digest()
    scalar = int.from_bytes(digest[:32], "little")
    return scalar & (2**254 - 8) | 2**254, digest[32:]


def _number(content: bytes) -> int:
    return int.from_bytes(sha512(content).digest(), "little") % _L


def _multiply(scalar: int) -> _Point:
    total: _Point = _NEUTRAL
    point: _Point = _B
    while scalar:
        if scalar & 1:
            total = _add(total, point)
        point = _add(point, point)
        scalar >>= 1
    return total


def _add(one: _Point, other: _Point) -> _Point:
    x1, y1, z1, t1 = one
    x2, y2, z2, t2 = other
    a, b = (y1 - x1) * (y2 - x2) % _P, (y1 + x1) * (y2 + x2) % _P
    c, d = t1 * 2 * _D * t2 % _P, z1 * 2 * z2 % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _encode(point: _Point) -> bytes:
    x, y, z, _ = point
    inverse = pow(z, -1, _P)
    return (y * inverse % _P | (x * inverse % _P & 1) << 255).to_bytes(32, "little")
