"""The options that the strategies for databases have in common: rules, and what a change does."""

from collections.abc import Mapping, Sequence
from typing import Final

from tests.strategies import NOT_SHOWN, PASTED, Change, Effect, Refusal, Rule

_ADMIN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-0e1f2a3b-a1B2c3"
_KMS_KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
ONE_USER: Final = {"admin_secret_arn": None, "mode": "single_user"}

OPTIONS: Final = {
    "admin_secret_arn": _ADMIN,
    "host": "app.a1b2c3d4e5f6.eu-west-1.rds.amazonaws.com",
    "mode": "alternating_users",
    "username": "app",
}
"""The smallest valid ones."""

KMS_KEY: Final = {"admin_kms_key_arn": _KMS_KEY}
"""With these, they have every grant but one.

Only a user without an administrator looks through versions.
"""


def rules(strategy: str) -> Sequence[Rule]:
    """Return the rules of a strategy that all databases have."""
    return (
        Rule(
            id="mode",
            text=f'rotation.{strategy}.mode must be "alternating_users"',
            refused={"mode": "multi_user"},
            found='"multi_user".',
            accepted=ONE_USER,
        ),
        Rule(
            id="admin_secret_arn-missing",
            text=f"rotation.{strategy}.admin_secret_arn must be set with alternating_users",
            refused={"admin_secret_arn": None},
            found="null.",
            accepted=ONE_USER,
        ),
        Rule(
            id="host",
            text=f"rotation.{strategy}.host must be the name or the IPv4 address of the server",
            refused={"host": "postgres://app:secret@db.internal:5432/reports?sslmode=require"},
            found='"…db.internal:5432/reports…".',
            accepted={"host": "DB-1.internal"},
        ),
        Rule(
            id="endpoint",
            text=f"rotation.{strategy}.endpoint must be the name or the IPv4 address to which",
            refused={"endpoint": "writer.internal:5432"},
            found='"writer.internal:5432".',
            accepted={"endpoint": "127.0.0.1"},
        ),
        Rule(
            id="port",
            text=f"rotation.{strategy}.port must be a whole number from 1 to 65535",
            refused={"port": 65_536},
            found="65536.",
            accepted={"port": 65_535},
        ),
        Rule(
            id="username-clone",
            text=f"rotation.{strategy}.username must be the original user, not the second one",
            refused={"username": "app_clone"},
            found='"app_clone".',
            accepted={"username": "clone"},
        ),
        Rule(
            id="admin_secret_arn",
            text=f"rotation.{strategy}.admin_secret_arn must be the full ARN of the",
            refused={"admin_secret_arn": PASTED},
            found=NOT_SHOWN,
            accepted={"admin_secret_arn": _ADMIN.replace("rds!db-0e1f2a3b", "app/admin")},
        ),
        Rule(
            id="admin_secret_arn-elsewhere",
            text=f"rotation.{strategy}.admin_secret_arn must be in the region of this module",
            refused={"admin_secret_arn": _ADMIN.replace("west-1", "west-2")},
            found=f'"{_ADMIN.replace("west-1", "west-2")}".',
            accepted={"admin_secret_arn": _ADMIN},
        ),
        Rule(
            id="admin_kms_key_arn",
            text=f"rotation.{strategy}.admin_kms_key_arn must be the ARN of the customer key of",
            refused={**ONE_USER, "admin_kms_key_arn": _KMS_KEY},
            found=f'"{_KMS_KEY}".',
            accepted={"admin_kms_key_arn": _KMS_KEY},
        ),
        Rule(
            id="admin_kms_key_arn-elsewhere",
            text=f"rotation.{strategy}.admin_kms_key_arn must be in the region of this module",
            refused={"admin_kms_key_arn": _KMS_KEY.replace("west-1", "west-2")},
            found=f'"{_KMS_KEY.replace("west-1", "west-2")}".',
            accepted={"admin_kms_key_arn": _KMS_KEY.replace("1234567890", "2109876543")},
        ),
        Rule(
            id="ca_certificates-long",
            text=f"rotation.{strategy}.ca_certificates must have at most",
            refused={"ca_certificates": _CERTIFICATE + "#" * (262_145 - len(_CERTIFICATE))},
            found="262145 characters.",
            accepted={"ca_certificates": _CERTIFICATE + "#" * (262_144 - len(_CERTIFICATE))},
        ),
        Rule(
            id="ca_certificates",
            text=f"rotation.{strategy}.ca_certificates must be PEM with at least one certificate",
            refused={"ca_certificates": PASTED},
            found=NOT_SHOWN,
            accepted={"ca_certificates": _CERTIFICATE * 2},
        ),
        Rule(
            id="password_length",
            text=f"rotation.{strategy}.password_length must be a whole number from 16 to 255",
            refused={"password_length": 256},
            found="256.",
            accepted={"password_length": 255},
        ),
        Rule(
            id="exclude_characters",
            text=f"rotation.{strategy}.exclude_characters must have only printable ASCII",
            refused={"exclude_characters": "ü"},
            found='"ü".',
            accepted={"exclude_characters": ""},
        ),
        Rule(
            id="bits",
            text=f"rotation.{strategy} must leave the password at least 64 bits of randomness",
            refused={
                "exclude_characters": "".join(map(chr, range(47, 127))),
                "password_length": 16,
            },
            found="16 of 14 characters.",
            accepted={
                "exclude_characters": "".join(map(chr, range(49, 127))),
                "password_length": 16,
            },
        ),
        Rule(
            id="constants",
            text=f"rotation.{strategy}.constants must not have a key that the value itself has",
            refused={"constants": {"password": "x"}},
            found='["password"].',
            accepted={"constants": {"dbInstanceIdentifier": "reports"}},
        ),
        Rule(
            id="constants-null",
            text=f"rotation.{strategy}.constants must not have a null",
            refused={"constants": {"a": None}},
            found='["a"].',
            accepted={"constants": {"a": ""}},
        ),
    )


CHANGES: Final[Mapping[str, Change]] = {
    "admin_kms_key_arn": Change(
        effect=Effect.ROTATES, after=_KMS_KEY.replace("1234abcd", "4321abcd"), before=_KMS_KEY
    ),
    "admin_secret_arn": Change(effect=Effect.ROTATES, after=_ADMIN.replace("a1B2c3", "d4E5f6")),
    "ca_certificates": Change(effect=Effect.ROTATES, after=_CERTIFICATE),
    "constants": Change(effect=Effect.CARRIED, after={"a": "b"}),
    "dbname": Change(effect=Effect.ROTATES, after="reports"),
    "endpoint": Change(effect=Effect.ROTATES, after="writer.internal"),
    "exclude_characters": Change(effect=Effect.CARRIED, after="abc"),
    "hash_password": Change(effect=Effect.ROTATES, after=False),
    "host": Change(effect=Effect.REFUSED, after="other.internal"),
    "mode": Change(effect=Effect.ROTATES, after="single_user"),
    "password_length": Change(effect=Effect.CARRIED, after=64),
    "port": Change(effect=Effect.ROTATES, after=6432),
    "username": Change(effect=Effect.REFUSED, after="invoices"),
}


def root_refusals(strategy: str) -> Sequence[Refusal]:
    """Return what the root module refuses of a strategy."""
    return (
        Refusal(
            id=f"an-overlap-that-the-schedule-of-{strategy}-ends",
            text="The shortest time between two rotations must be longer than",
            refused={"schedule_expression": "rate(1 hour)"},
        ),
    )
