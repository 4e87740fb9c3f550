"""The options and values that all strategies for databases refuse, and names of the fakes."""

import json
from collections.abc import Sequence
from typing import Final

from tests.unit.bad_input import ABSENT, ARN, BadInput, Row

HOST: Final = "reports.internal"
ADMIN_PASSWORD: Final = "password-of-the-administrator"  # noqa: S105 -- of a fake
FIRST_PASSWORD: Final = "the-first-password"  # noqa: S105 -- of a fake
PRINTABLE: Final = frozenset({"dbname", "engine", "host", "masterarn", "port", "username"})

_FOREIGN: Final = ARN.replace("reports/uploader", "database/foreign")
# Fields of a value, in which the next one has what the options name.
REPLACED: Final[Sequence[tuple[str, str, object]]] = [
    ("host", "upper-case", HOST.upper()),
    ("port", "absent", ABSENT),
    ("port", "null", None),
    ("port", "other", 1),
    ("dbname", "absent", ABSENT),
    ("dbname", "number", 7),
    ("dbname", "other", "other"),
    ("masterarn", "absent", ABSENT),
    ("masterarn", "foreign", _FOREIGN),
    ("masterarn", "list", [_FOREIGN]),
]

_A_HOST: Final = "a host name or an address, without a port"
_A_NAME: Final = "the name of a user"
_NO_VALUE: Final = "must be a JSON object with the strings engine"
_GUESSABLE: Final = "long enough for 64 bits of randomness with 88 characters"
_A_LENGTH: Final = "a whole number from 8 to 255"


def first_value(engine: str, user: str) -> str:
    """Return the value that an operator puts, so that a user can change its own password."""
    value = {"engine": engine, "host": HOST, "username": user, "password": FIRST_PASSWORD}
    return json.dumps(value)


def bad_input(*, engine: str, other: str, longest_user: int, options: Sequence[Row]) -> BadInput:
    """Return the rows of a database.

    Args:
        engine: its name in a value.
        other: the name of another one.
        longest_user: the most characters of a user's name.
        options: more rows for its options.
    """
    return BadInput(
        options=[
            *options,
            ("mode", "absent", ABSENT, "alternating_users or single_user"),
            ("mode", "other", "multi_user", "alternating_users or single_user"),
            ("host", "absent", ABSENT, _A_HOST),
            ("host", "port", f"{HOST}:5432", _A_HOST),
            ("host", "address", f"postgres://{HOST}", _A_HOST),
            ("host", "line-end", f"{HOST}\n", _A_HOST),
            ("endpoint", "port", f"{HOST}:5432", f"{_A_HOST}, or null"),
            ("port", "absent", ABSENT, "a whole number from 1 to 65535"),
            ("port", "text", "5432", "a whole number from 1 to 65535"),
            ("port", "large", 65536, "a whole number from 1 to 65535"),
            ("username", "empty", "", _A_NAME),
            ("username", "long", "u" * (longest_user + 1), _A_NAME),
            ("admin_secret_arn", "absent", ABSENT, "the ARN of a secret, with alternating_users"),
            ("admin_secret_arn", "name", "administrator", "the ARN of a secret, or null"),
            ("password_length", "short", 7, _A_LENGTH),
            ("password_length", "half", 16.5, _A_LENGTH),
            ("password_length", "guessable", 8, _GUESSABLE),
            ("exclude_characters", "number", 7, "a string or null"),
            ("hash_password", "text", "true", "true or false"),
        ],
        fields=[
            ("engine", "absent", ABSENT, _NO_VALUE),
            ("engine", "other", other, _NO_VALUE),
            ("engine", "list", [engine], _NO_VALUE),
            ("host", "absent", ABSENT, _NO_VALUE),
            ("host", "number", 7, _NO_VALUE),
            ("host", "other-host", "other.internal", "has a credential of another owner than"),
            ("username", "absent", ABSENT, _NO_VALUE),
            ("username", "other-user", "root", "has a credential of another owner than"),
            ("password", "absent", ABSENT, _NO_VALUE),
            ("password", "empty", "", _NO_VALUE),
            ("password", "number", 7, _NO_VALUE),
        ],
    )
