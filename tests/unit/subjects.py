"""The kinds of rotation under test, and the states in which one may begin.

Besides the strategies there is a database with passwords: the engine serves strategies that tell
a service which value it has to accept, and none of the registry is of that family yet.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from rotation.aws import call
from rotation.errors import CredentialRejected
from rotation.event import Step
from rotation.settings import Fields
from rotation.strategies import REGISTRY, Credential, Generator, Issuer, Setter, Value, build
from tests.unit.cloud import ACCOUNT, Cloud
from tests.unit.rotator import Rotation

Make: TypeAlias = Callable[[Cloud], Rotation]

USER: Final = "uploader"
CONSTANTS: Final = {"bucket": "reports"}


def user_arn(user: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:user/apps/{user}"


def strategy(name: str, **options: object) -> Callable[[Any], Generator | Issuer]:
    """Name a strategy of the registry with its options, as the settings do."""
    return lambda clients: build(name, Fields(options, path="options"), clients)


def iam_strategy(
    user: str = USER, *, adopted: str | None = None, settling: int = 2
) -> Callable[[Any], Generator | Issuer]:
    return strategy(
        "iam_access_key",
        user_arn=user_arn(user),
        adopted_access_key_id=adopted,
        settling_seconds=settling,
    )


def random_strategy(**options: object) -> Callable[[Any], Generator | Issuer]:
    defaults = {
        "length": 32,
        "exclude_characters": "",
        "character_classes": ["lowercase", "numbers"],
        "json_key": "pepper",
    }
    return strategy("random_value", **{**defaults, **options})


def iam_access_key(cloud: Cloud) -> Rotation:
    if USER not in cloud.users:
        cloud.add_user(USER)
    return Rotation(
        cloud=cloud,
        secret=cloud.add_secret("reports/uploader"),
        strategy=iam_strategy(),
        works=lambda value: (
            cloud.accepts(value["AccessKeyId"], value["SecretAccessKey"])
            and value["Version"] == 1
            and value["UserName"] == USER
            and value["bucket"] == "reports"
        ),
        constants=CONSTANTS,
    )


def random_value(cloud: Cloud) -> Rotation:
    return Rotation(
        cloud=cloud,
        secret=cloud.add_secret("reports/pepper"),
        strategy=random_strategy(),
        works=lambda value: len(value["pepper"]) == 32 and value["bucket"] == "reports",
        constants=CONSTANTS,
    )


class Database:
    """Accepts two passwords of its user at a time, as MySQL does since 8.0.14."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.accepted: list[str] = []


class DatabasePassword:
    """The strategy for it."""

    owner = "database user app"
    shape = "a JSON object with the text password"

    def __init__(self, database: Database) -> None:
        self._database = database

    def parse(self, value: Value) -> Credential | None:
        if isinstance(value, str) or not isinstance(value.get("password"), str):
            return None
        return Credential(identity="the password", owner=self.owner, value=value)

    def generate(self, current: Credential | None) -> Credential:  # noqa: ARG002 -- the Protocol's
        value = {"password": secrets.token_hex(8)}
        return Credential(identity="the password", owner=self.owner, value=value)

    def apply(self, pending: Credential, current: Credential | None) -> None:
        kept = [_password(current)] if current else []
        self._request("alter_user", [*kept, _password(pending)])

    def verify(self, credential: Credential) -> None:
        self._request("connect")
        if _password(credential) not in self._database.accepted:
            raise CredentialRejected(owner=self.owner, identity=credential.identity)

    def _request(self, name: str, accepted: list[str] | None = None) -> None:
        def effect() -> None:
            if accepted is not None:
                self._database.accepted = accepted

        call(name, self.owner, lambda: self._database.cloud.request(name, effect))


def _password(credential: Credential) -> str:
    assert isinstance(credential.value, Mapping)
    return str(credential.value["password"])


def database_password(cloud: Cloud) -> Rotation:
    database = Database(cloud)

    def make(_clients: object) -> Setter:
        return DatabasePassword(database)

    return Rotation(
        cloud=cloud,
        secret=cloud.add_secret("reports/database"),
        strategy=make,
        works=lambda value: value["password"] in database.accepted,
        constants=CONSTANTS,
    )


SUBJECTS: Final[Mapping[str, Make]] = {
    "iam_access_key": iam_access_key,
    "random_value": random_value,
    "database_password": database_password,
}
# A strategy without its subject would stay outside of every test here.
assert set(REGISTRY) < SUBJECTS.keys()


def _empty(_rotation: Rotation) -> None:
    pass


def _empty_without_first_label(rotation: Rotation) -> None:
    # Whether AWS labels the first value AWSCURRENT by itself was never seen to be promised.
    rotation.cloud.first_value_becomes_current = False


def _one_current(rotation: Rotation) -> None:
    rotation.rotate()


def _steady(rotation: Rotation) -> None:
    rotation.rotate()
    rotation.rotate()


def _given_up_after_storing(rotation: Rotation) -> None:
    rotation.rotate()
    rotation.wait_out_the_overlap()
    token = rotation.stage()
    rotation.step(Step.CREATE, token)
    rotation.step(Step.SET, token)
    rotation.give_up()


def _given_up_steady(rotation: Rotation) -> None:
    rotation.rotate()
    _given_up_after_storing(rotation)


STATES: Final[Mapping[str, Callable[[Rotation], None]]] = {
    "empty": _empty,
    "empty_unlabelled": _empty_without_first_label,
    "one_current": _one_current,
    "steady": _steady,
    "given_up": _given_up_after_storing,
    "given_up_steady": _given_up_steady,
}


def prepared(subject: str, state: str) -> Rotation:
    """Build a rotation in a state, where the next one may begin."""
    rotation = SUBJECTS[subject](Cloud())
    STATES[state](rotation)
    rotation.wait_out_the_overlap()
    rotation.cloud.fuse.arm()
    return rotation
