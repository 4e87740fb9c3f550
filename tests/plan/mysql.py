"""The options of the strategy mysql: their rules, and what a change of each does."""

from collections.abc import Mapping
from typing import Final

from tests.plan import databases
from tests.strategies import Change, Effect, Rule

OPTIONS: Final = {**databases.OPTIONS, "engine": "mysql"}
GRANTED: Final = {**OPTIONS, **databases.KMS_KEY}
ROOT_REFUSALS: Final = databases.root_refusals("mysql")

RULES: Final = (
    *databases.rules("mysql"),
    Rule(
        id="engine",
        text='rotation.mysql.engine must be "mysql", also for Aurora MySQL, or "mariadb"',
        refused={"engine": "aurora-mysql"},
        found='"aurora-mysql".',
        accepted={"engine": "mariadb"},
    ),
    Rule(
        id="hash_password",
        text="rotation.mysql.hash_password must be true with MySQL",
        refused={"hash_password": False},
        found="false.",
        accepted={"engine": "mariadb", "hash_password": False},
    ),
    Rule(
        id="dbname",
        text="rotation.mysql.dbname must be the name of a database in 1 to 64 characters",
        refused={"dbname": "ü" * 65},
        found="65 characters.",
        accepted={"dbname": "ü" * 64},
    ),
    Rule(
        id="username",
        text="rotation.mysql.username must have 1 to 32 characters",
        refused={"username": "ü" * 27},
        found="27 characters.",
        accepted={"username": "ü" * 26},
    ),
    Rule(
        id="username-characters",
        text="rotation.mysql.username must not begin or end with a blank",
        refused={"username": "o'neil"},
        found='"o\'neil".',
        accepted={"username": 'a "b" `c` \\ @ %'},
    ),
    Rule(
        id="user_host",
        text="rotation.mysql.user_host must be the host of the user's account",
        refused={"user_host": "app@%"},
        found='"app@%".',
        accepted={"user_host": "10.0.0.0/255.255.255.0"},
    ),
)

CHANGES: Final[Mapping[str, Change]] = {
    **databases.CHANGES,
    "engine": Change(effect=Effect.REFUSED, after="mariadb"),
    "hash_password": Change(
        effect=Effect.ROTATES, before=True, after=False, more={"engine": "mariadb"}
    ),
    "user_host": Change(effect=Effect.ROTATES, after="10.0.0.%"),
}
