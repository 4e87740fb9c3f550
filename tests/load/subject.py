"""How a strategy's example is put under load."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from testing.harness.account import Aws, Secret

Json: TypeAlias = dict[str, Any]
Call: TypeAlias = tuple[str, str, Json]
"""A service, an operation of boto3's client, and its arguments."""


class NotWorkingError(Exception):
    """The value in the secret does not work."""


@dataclass(frozen=True, kw_only=True)
class Services:
    """The services that the functions use, as variables of the examples."""

    github: Mapping[str, object]
    layer: str
    logins: Mapping[str, object]
    mysql: Mapping[str, object]
    postgresql: Mapping[str, object]
    redis: Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A strategy under load."""

    word: str
    """A word in every name of the example; a copy has another word in its place."""
    variables: Mapping[str, str]
    """Variables of the example that shorten its times."""
    use: Callable[[Aws, Json, Mapping[str, str]], None]
    """Sends a request with the value of the secret, and raises an error if it is rejected.

    Its arguments are the account, the outputs of the example, and the value.
    """
    services: Callable[[Services], Mapping[str, object]] = lambda _: {}
    """Returns variables of the example that name its service."""
    further: Callable[[Aws], list[Call]] = lambda _: []
    """Returns the calls that make what the strategy needs besides the secret and its function."""
    require_bounded: Callable[[Aws, Secret], None] = lambda *_: None
    """Fails if the service has a credential that the secret does not name, or one that fails."""


def user_calls(name: str, aws: Aws) -> list[Call]:
    """Return the calls that make an IAM user like the one of this name."""
    iam = aws.client("iam")
    (policy,) = iam.list_user_policies(UserName=name)["PolicyNames"]
    found = iam.get_user_policy(UserName=name, PolicyName=policy)["PolicyDocument"]
    inline = {"UserName": name, "PolicyName": policy, "PolicyDocument": json.dumps(found)}
    return [
        ("iam", "create_user", {"UserName": name}),
        ("iam", "put_user_policy", inline),
    ]
