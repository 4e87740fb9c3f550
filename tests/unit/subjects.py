"""The kinds of rotation under test, and the states in which one may begin.

A strategy is put under test by one function: the secret, the strategy with its options, and the
service that stands behind it.
"""

from __future__ import annotations

import functools
import json
import pickle
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from rotation.event import Step
from rotation.settings import OptionReader
from rotation.strategies import CUSTOM_MODULE, REGISTRY, build
from rotation_conformance.account import ACCOUNT_ID, Killed, Side, kill
from tests.unit.cloud import Cloud, FakeClients, credentials_of
from tests.unit.github import (
    APP_TOKEN,
    DEPLOY_KEY,
    REPOSITORIES,
    DeployKeys,
    GitHub,
    HeldToken,
    deploy_key_by,
)
from tests.unit.github import strategy as github_strategy
from tests.unit.rotator import Rotation
from tests.unit.service_credentials import BEDROCK, CODECOMMIT, ServiceCredentials
from tests.unit.service_credentials import strategy as built_with
from tests.unit.services import (
    Database,
    DatabasePassword,
    IamUser,
    IssuedToken,
    NoService,
    Tokens,
)

if TYPE_CHECKING:
    from rotation.aws import Clients
    from rotation.strategy import Generator, Issuer
    from rotation_conformance.rotator import MakeStrategy

Make: TypeAlias = Callable[[Cloud], Rotation]
State: TypeAlias = Callable[[Rotation], Rotation]

USER: Final = "uploader"
CONSTANTS: Final = {"bucket": "reports"}


def user_arn(user: str) -> str:
    return f"arn:aws:iam::{ACCOUNT_ID}:user/apps/{user}"


def _build(name: str, options: Mapping[str, object], clients: Any) -> Generator | Issuer:  # noqa: ANN401 -- the fake ones
    return build(name, OptionReader(options, path="options"), clients)


def strategy(name: str, **options: object) -> MakeStrategy:
    """Name a strategy of the registry with its options, as the settings do."""
    return partial(_build, name, options)


def iam_strategy(
    user: str = USER,
    *,
    adopted: str | None = None,
    settling: int = 2,
    ses_smtp_region: str | None = None,
) -> MakeStrategy:
    return strategy(
        "iam_access_key",
        ses_smtp_region=ses_smtp_region,
        user_arn=user_arn(user),
        adopted_access_key_id=adopted,
        settling_seconds=settling,
    )


def random_strategy(**options: object) -> MakeStrategy:
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
        service=IamUser(cloud, USER),
        constants=CONSTANTS,
    )


_OF_SERVICE: Final[Mapping[str, Mapping[str, object]]] = {
    BEDROCK: {"endpoint": "bedrock.eu-west-1.amazonaws.com", "credential_age_days": 90},
    CODECOMMIT: {"endpoint": "git-codecommit.eu-west-1.amazonaws.com", "repository": "reports"},
}


def credential_strategy(service: ServiceCredentials, **changed: object) -> MakeStrategy:
    options = {
        "adopted_credential_id": None,
        "service_name": service.service,
        "settling_seconds": 2,
        "user_arn": user_arn(service.user),
        **_OF_SERVICE[service.service],
        **changed,
    }
    return partial(built_with, "iam_service_credential", options, service)


def iam_service_credential(cloud: Cloud, service_name: str = BEDROCK) -> Rotation:
    cloud.add_user(USER)
    cloud.add_user(credentials_of(USER, service_name))
    service = ServiceCredentials(cloud, USER, service_name)
    return Rotation(
        cloud=cloud,
        secret=cloud.add_secret("reports/api-key"),
        strategy=credential_strategy(service),
        service=service,
        constants=CONSTANTS,
    )


def random_value(cloud: Cloud) -> Rotation:
    return Rotation(
        cloud=cloud,
        secret=cloud.add_secret("reports/pepper"),
        strategy=random_strategy(),
        service=NoService("pepper", 32),
        constants=CONSTANTS,
    )


def custom(cloud: Cloud) -> Rotation:
    """Rotate by a file of the user's: here one for a database that is told its passwords."""
    database = Database(cloud)
    options = {"issuer": False, "slots": None, "options": {"user": "app"}}
    strategy = partial(_custom, "custom", options, database)
    strategy(FakeClients(cloud))
    return Rotation(
        cloud=cloud,
        secret=cloud.add_secret("reports/database"),
        strategy=strategy,
        service=database,
        constants=CONSTANTS,
    )


def _custom(
    name: str, options: Mapping[str, object], database: Database, clients: Clients
) -> Generator | Issuer:
    file = ModuleType(CUSTOM_MODULE)

    def build_it(options: OptionReader, clients: Clients) -> DatabasePassword:
        assert options.text("user") == "app"
        assert clients("secretsmanager")
        return DatabasePassword(database)

    vars(file)["build"] = build_it
    sys.modules[CUSTOM_MODULE] = file
    return _build(name, options, clients)


def issued_token(cloud: Cloud) -> Rotation:
    tokens = Tokens(cloud)
    return Rotation(
        cloud=cloud,
        secret=cloud.add_secret("reports/token"),
        strategy=partial(_without_clients, partial(IssuedToken, tokens)),
        service=tokens,
        constants=CONSTANTS,
    )


def github_app_token(cloud: Cloud, **changed: object) -> Rotation:
    github = GitHub(cloud)
    return Rotation(
        cloud=cloud,
        secret=cloud.add_secret("reports/token"),
        strategy=partial(github_strategy, "github_app_token", {**APP_TOKEN, **changed}, github),
        service=github,
        constants=CONSTANTS,
    )


def github_deploy_key(cloud: Cloud) -> Rotation:
    return _deploy_key(cloud, DeployKeys(cloud), DEPLOY_KEY)


def github_deploy_key_by_token(cloud: Cloud) -> Rotation:
    """Let a token in another secret be what adds and removes the keys."""
    github, token = DeployKeys(cloud), "github_pat_of_a_person"
    github.tokens[token] = HeldToken(
        expires=cloud.time.now + timedelta(days=366), repositories=REPOSITORIES
    )
    held = cloud.add_secret("github/token", json.dumps({"token": token}))
    return _deploy_key(cloud, github, deploy_key_by(held.arn))


def _deploy_key(cloud: Cloud, github: DeployKeys, options: Mapping[str, object]) -> Rotation:
    return Rotation(
        cloud=cloud,
        secret=cloud.add_secret("reports/deploy-key"),
        strategy=partial(github_strategy, "github_deploy_key", options, github),
        service=github,
        constants=CONSTANTS,
    )


def _without_clients(make: Callable[[], Generator | Issuer], _clients: object) -> Any:  # noqa: ANN401
    return make()


SUBJECTS: Final[Mapping[str, Make]] = {
    "custom": custom,
    "github_app_token": github_app_token,
    "github_deploy_key": github_deploy_key,
    "iam_access_key": iam_access_key,
    "iam_service_credential": iam_service_credential,
    "random_value": random_value,
    # What the engine serves beside the registry, see the services.
    "issued_token": issued_token,
    # Another of its options is the engine's affair.
    "github_app_token_revoking": partial(github_app_token, revoke_previous=True),
}
# A strategy without its subject would stay outside of every test here.
assert set(REGISTRY) < SUBJECTS.keys()


def _empty(rotation: Rotation) -> Rotation:
    return rotation


def _empty_without_first_label(rotation: Rotation) -> Rotation:
    # Whether AWS labels the first value AWSCURRENT by itself was never seen to be promised.
    rotation.cloud.first_value_becomes_current = False
    return rotation


def _one_current(rotation: Rotation) -> Rotation:
    rotation.rotate()
    return rotation


def _steady(rotation: Rotation) -> Rotation:
    rotation.rotate()
    rotation.rotate()
    return rotation


def _given_up_after_storing(rotation: Rotation) -> Rotation:
    rotation.rotate()
    rotation.wait_out_the_overlap()
    token = rotation.stage()
    rotation.step(Step.CREATE, token)
    rotation.step(Step.SET, token)
    rotation.give_up()
    return rotation


def _given_up_steady(rotation: Rotation) -> Rotation:
    rotation.rotate()
    return _given_up_after_storing(rotation)


def _given_up_before_storing(rotation: Rotation) -> Rotation:
    """Leave an orphan, where the strategy issues."""
    _steady(rotation)
    rotation.wait_out_the_overlap()
    rotation.cloud.fuse.arm(kill("put_secret_value", Side.BEFORE))
    try:
        rotation.steps(rotation.stage())
    except Killed:
        rotation.cloud.fuse.arm()
    rotation.give_up()
    return rotation


def _tested(rotation: Rotation) -> Rotation:
    rotation.test_only()
    return rotation


def _tested_steady(rotation: Rotation) -> Rotation:
    return _tested(_steady(rotation))


def _adopted(rotation: Rotation) -> Rotation:
    """Hand a key over that applications live on, before the first rotation."""
    assert isinstance(rotation.service, IamUser)
    return rotation.changed(iam_strategy(adopted=rotation.service.adopt()))


def _adopted_and_current(rotation: Rotation) -> Rotation:
    return _one_current(_adopted(rotation))


STATES: Final[Mapping[str, State]] = {
    "empty": _empty,
    "empty_unlabelled": _empty_without_first_label,
    "one_current": _one_current,
    "steady": _steady,
    "given_up": _given_up_after_storing,
    "given_up_steady": _given_up_steady,
    "given_up_unstored": _given_up_before_storing,
    "tested": _tested,
    "tested_steady": _tested_steady,
}
# What only some strategies know.
MORE_STATES: Final[Mapping[str, Mapping[str, State]]] = {
    "iam_access_key": {"adopted": _adopted, "adopted_and_current": _adopted_and_current},
}
BEGINNINGS: Final = [
    (subject, state) for subject in SUBJECTS for state in (*STATES, *MORE_STATES.get(subject, {}))
]


@functools.cache
def _kept(subject: str, state: str) -> bytes:
    states = {**STATES, **MORE_STATES.get(subject, {})}
    rotation = states[state](SUBJECTS[subject](Cloud()))
    rotation.wait_out_the_overlap()
    rotation.cloud.fuse.arm()
    return pickle.dumps(rotation)


def prepared(subject: str, state: str) -> Rotation:
    """Build a rotation in a state, where the next one may begin."""
    rotation: Rotation = pickle.loads(_kept(subject, state))  # noqa: S301 -- it was made here
    return rotation
