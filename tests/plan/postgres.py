"""The options of the strategy postgres: their rules, and what a change of each does."""

from typing import Final

from tests.plan import databases
from tests.strategies import Rule

OPTIONS: Final = databases.OPTIONS
GRANTED: Final = {**OPTIONS, **databases.KMS_KEY}
CHANGES: Final = databases.CHANGES
ROOT_REFUSALS: Final = databases.root_refusals("postgres")

RULES: Final = (
    *databases.rules("postgres"),
    Rule(
        id="dbname",
        text="rotation.postgres.dbname must be the name of a database in 1 to 63 bytes",
        refused={"dbname": "ü" * 32},
        found="64 bytes.",
        accepted={"dbname": "ü" * 31},
    ),
    Rule(
        id="username",
        text="rotation.postgres.username must have 1 to 63 bytes",
        refused={"username": "ü" * 29},
        found="58 bytes.",
        accepted={"username": "ü" * 28},
    ),
    Rule(
        id="username-reserved",
        text="rotation.postgres.username must not be a name that PostgreSQL reserves",
        refused={"username": "pg_app"},
        found='"pg_app".',
        accepted={"username": "Public"},
    ),
)
