"""A fake of IAM beside the fake of Secrets Manager: keys on a virtual clock.

It has the methods that a rotation calls, and follows AWS's rules for them. Each rule is a test of
`test_cloud_contract.py`, which also runs on other clouds.
"""

from __future__ import annotations

import copy
import functools
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeVar, Unpack

import botocore.session
from botocore.exceptions import EndpointConnectionError

from rotation_conformance.account import ACCOUNT_ID, Account, Answer, FakeSecretsManager

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from botocore.model import ServiceModel
    from mypy_boto3_iam.type_defs import (
        CreateAccessKeyRequestTypeDef,
        CreateServiceSpecificCredentialRequestTypeDef,
        DeleteAccessKeyRequestTypeDef,
        DeleteServiceSpecificCredentialRequestTypeDef,
        GetAccessKeyLastUsedRequestTypeDef,
        ListAccessKeysRequestTypeDef,
        ListServiceSpecificCredentialsRequestTypeDef,
        UpdateAccessKeyRequestTypeDef,
    )

T = TypeVar("T")

KEYS_PER_USER = 2


class Maker(StrEnum):
    FUNCTION = "function"
    OPERATOR = "operator"
    ADOPTED = "adopted"


@dataclass(slots=True, kw_only=True)
class Key:
    key_id: str
    secret: str = field(repr=False)
    user: str
    created: datetime
    maker: Maker
    active: bool = True
    # When it was created and deleted. The list shows both late.
    born: datetime
    gone: datetime | None = None
    # When it expires.
    expires: datetime | None = None
    # A use changes nothing that rotations compare.
    uses: list[datetime] = field(default_factory=list, compare=False)


class Cloud(Account):
    """One account, with users."""

    def __init__(self) -> None:
        super().__init__()
        self.users: dict[str, list[Key]] = {}
        self.removed: list[Key] = []
        self.destroyed: list[Key] = []
        # Says whether a key is still rejected at this age in seconds.
        self.not_accepted_yet: Callable[[float], bool] = _never
        # In seconds: how old the list of keys is, how long a deleted key still counts for the
        # quota and is still accepted, and how far IAM's clock is ahead.
        self.end_lag = 0.0
        self.list_lag = 0.0
        self.quota_lag = 0.0
        self.iam_ahead = 0.0
        # After how many seconds IAM shows a use of a key, by the number of the use.
        self.use_lag: Callable[[int], float] = _at_once
        self._out = False

    def clients(self) -> FakeClients:
        return FakeClients(self)

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Give no response to any call but those of Secrets Manager."""
        self._out = True
        try:
            yield
        finally:
            self._out = False

    def request(self, name: str, effect: Callable[[], T]) -> T:
        if self._out and not hasattr(FakeSecretsManager, name):
            raise EndpointConnectionError(endpoint_url="https://service.example")
        return super().request(name, effect)

    def add_user(self, name: str) -> None:
        self.users[name] = []

    def add_key(self, user: str, maker: Maker = Maker.OPERATOR, *, prefix: str = "AKIA") -> Key:
        number = self._next()
        key = Key(
            key_id=f"{prefix}{number:016}",
            secret=f"secret-of-key-{number}",
            user=user,
            # IAM's times have whole seconds.
            created=(self.time.now + timedelta(seconds=self.iam_ahead)).replace(microsecond=0),
            maker=maker,
            born=self.time.now,
        )
        self.users[user].append(key)
        return key

    def remove_key(self, key: Key) -> None:
        self.users[key.user].remove(key)
        key.gone = self.time.now
        self.removed.append(key)

    def keys_seen(self, user: str) -> list[Key]:
        """Return the user's keys as a lagging list shows them."""
        then = self.time.now - timedelta(seconds=max(self.list_lag, self.read_lag))
        all_keys = [*self.users[user], *(key for key in self.removed if key.user == user)]
        seen = [key for key in all_keys if key.born <= then and (not key.gone or key.gone > then)]
        return sorted(seen, key=lambda key: key.key_id)

    def slots_taken(self, user: str) -> int:
        then = self.time.now - timedelta(seconds=self.quota_lag)
        late = [key for key in self.removed if key.user == user and key.gone and key.gone > then]
        return len(self.users[user]) + len(late)

    def key(self, key_id: str) -> Key | None:
        keys = (key for keys in self.users.values() for key in keys)
        return next((key for key in keys if key.key_id == key_id), None)

    def accepts(self, key_id: str, secret: str) -> bool:
        """Say whether a request that is signed with this key is accepted now."""
        key = self.known(key_id)
        if key is None or key.secret != secret or not key.active:
            return False
        if key.expires is not None and key.expires <= self.time.now:
            return False
        age = (self.time.now - key.created).total_seconds()
        return not self.not_accepted_yet(age)

    def known(self, key_id: str) -> Key | None:
        """Return a key that some servers of IAM know, which may be deleted."""
        then = self.time.now - timedelta(seconds=self.end_lag)
        late = [key for key in self.removed if key.gone and key.gone > then]
        return self.key(key_id) or next((key for key in late if key.key_id == key_id), None)

    def snapshot(self) -> object:
        """Copy all that must not change if a rotation is refused."""
        return copy.deepcopy((self.secrets, self.users))


def _never(_age: float) -> bool:
    return False


def _at_once(_number: int) -> float:
    return 0


# The two fields of a service-specific credential that log in.
CREDENTIAL_FIELDS: Final = {
    "bedrock.amazonaws.com": ("ServiceCredentialAlias", "ServiceCredentialSecret"),
    "cassandra.amazonaws.com": ("ServiceUserName", "ServicePassword"),
    "codecommit.amazonaws.com": ("ServiceUserName", "ServicePassword"),
}


def credentials_of(user: str, service: str) -> str:
    """Return the key for a user's credentials of one service, which has slots of its own."""
    return f"{user} for {service}"


def _described(key: Key, user: str, service: str) -> Answer:
    name, _ = CREDENTIAL_FIELDS[service]
    end = {"ExpirationDate": key.expires} if key.expires else {}
    return {
        "UserName": user,
        "ServiceName": service,
        "ServiceSpecificCredentialId": key.key_id,
        "Status": "Active" if key.active else "Inactive",
        "CreateDate": key.created,
        name: f"{user}-at-{ACCOUNT_ID}",
        **end,
    }


class FakeClients:
    """The clients of one process. It records which ones were made."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.made: list[str] = []

    def __call__(self, service: str, /, *, attempts: int = 3) -> Any:  # noqa: ANN401 -- the Protocol's
        self.made.append(service)
        if service == "secretsmanager":
            return FakeSecretsManager(self._cloud)
        assert service == "iam"
        return FakeIam(self._cloud, attempts=attempts)

    def of(self, service: str, /, *, key_id: str, secret: str) -> Any:  # noqa: ANN401 -- the Protocol's
        self.made.append(service)
        assert service == "sts"
        return FakeSts(self._cloud, key_id=key_id, secret=secret)


class SdkMeta:
    """A client describes itself by the model of its service in the installed SDK."""

    @functools.cached_property
    def service_model(self) -> ServiceModel:
        return botocore.session.get_session().get_service_model("iam")


class FakeIam:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_Operations.html."""

    meta = SdkMeta()

    def __init__(self, cloud: Cloud, *, attempts: int = 1) -> None:
        self._cloud = cloud
        self._attempts = attempts

    def list_access_keys(self, **request: Unpack[ListAccessKeysRequestTypeDef]) -> Answer:
        def effect() -> Answer:
            self._keys("ListAccessKeys", request["UserName"])
            return {
                "AccessKeyMetadata": [
                    {
                        "UserName": key.user,
                        "AccessKeyId": key.key_id,
                        "Status": "Active" if key.active else "Inactive",
                        "CreateDate": key.created,
                    }
                    for key in self._cloud.keys_seen(request["UserName"])
                ]
            }

        return self._cloud.request("list_access_keys", effect)

    def create_access_key(self, **request: Unpack[CreateAccessKeyRequestTypeDef]) -> Answer:
        assert self._attempts == 1, "the SDK would make a second key where an answer is lost"

        def effect() -> Answer:
            user = request["UserName"]
            # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
            self._keys("CreateAccessKey", user)
            if self._cloud.slots_taken(user) >= KEYS_PER_USER:
                self._cloud.refuse("CreateAccessKey", "LimitExceeded", status=409)
            key = self._cloud.add_key(user, Maker.FUNCTION)
            return {
                "AccessKey": {
                    "UserName": user,
                    "AccessKeyId": key.key_id,
                    "SecretAccessKey": key.secret,
                    "Status": "Active",
                    "CreateDate": key.created,
                }
            }

        return self._cloud.request("create_access_key", effect)

    def delete_access_key(self, **request: Unpack[DeleteAccessKeyRequestTypeDef]) -> Answer:
        def effect() -> Answer:
            keys = self._keys("DeleteAccessKey", request["UserName"])
            found = [key for key in keys if key.key_id == request["AccessKeyId"]]
            if not found:
                self._cloud.refuse("DeleteAccessKey", "NoSuchEntity", status=404)
            self._cloud.remove_key(found[0])
            self._cloud.destroyed.append(found[0])
            return {}

        return self._cloud.request("delete_access_key", effect)

    def update_access_key(self, **request: Unpack[UpdateAccessKeyRequestTypeDef]) -> Answer:
        def effect() -> Answer:
            keys = self._keys("UpdateAccessKey", request["UserName"])
            found = [key for key in keys if key.key_id == request["AccessKeyId"]]
            if not found:
                self._cloud.refuse("UpdateAccessKey", "NoSuchEntity", status=404)
            found[0].active = request["Status"] == "Active"
            return {}

        return self._cloud.request("update_access_key", effect)

    def get_access_key_last_used(
        self, **request: Unpack[GetAccessKeyLastUsedRequestTypeDef]
    ) -> Answer:
        def effect() -> Answer:
            key = self._cloud.key(request["AccessKeyId"])
            if key is None:
                self._cloud.refuse("GetAccessKeyLastUsed", "AccessDenied", status=403)
            shown = [
                use
                for number, use in enumerate(key.uses)
                if use + timedelta(seconds=self._cloud.use_lag(number)) <= self._cloud.time.now
            ]
            last: Answer = {"ServiceName": "N/A", "Region": "N/A"}
            if shown:
                last = {"LastUsedDate": max(shown), "ServiceName": "s3", "Region": "eu-west-1"}
            return {"UserName": key.user, "AccessKeyLastUsed": last}

        return self._cloud.request("get_access_key_last_used", effect)

    def list_service_specific_credentials(
        self, **request: Unpack[ListServiceSpecificCredentialsRequestTypeDef]
    ) -> Answer:
        def effect() -> Answer:
            user, service = request["UserName"], request["ServiceName"]
            self._keys("ListServiceSpecificCredentials", user)
            listed = self._cloud.keys_seen(credentials_of(user, service))
            return {
                "ServiceSpecificCredentials": [_described(key, user, service) for key in listed]
            }

        return self._cloud.request("list_service_specific_credentials", effect)

    def create_service_specific_credential(
        self, **request: Unpack[CreateServiceSpecificCredentialRequestTypeDef]
    ) -> Answer:
        assert self._attempts == 1, "the SDK would make a second one where an answer is lost"

        def effect() -> Answer:
            user, service = request["UserName"], request["ServiceName"]
            # https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateServiceSpecificCredential.html
            operation, holder = "CreateServiceSpecificCredential", credentials_of(user, service)
            self._keys(operation, user)
            if self._cloud.slots_taken(holder) >= KEYS_PER_USER:
                self._cloud.refuse(operation, "LimitExceeded", status=409)
            key = self._cloud.add_key(holder, Maker.FUNCTION, prefix="ACCA")
            days = request.get("CredentialAgeDays")
            if days is not None:
                key.expires = key.created + timedelta(days=int(days))
            _, secret = CREDENTIAL_FIELDS[service]
            return {
                "ServiceSpecificCredential": {**_described(key, user, service), secret: key.secret}
            }

        return self._cloud.request("create_service_specific_credential", effect)

    def delete_service_specific_credential(
        self, **request: Unpack[DeleteServiceSpecificCredentialRequestTypeDef]
    ) -> Answer:
        def effect() -> Answer:
            operation, user = "DeleteServiceSpecificCredential", request["UserName"]
            self._keys(operation, user)
            found = self._cloud.key(request["ServiceSpecificCredentialId"])
            if found is None or found.user.partition(" ")[0] != user:
                self._cloud.refuse(operation, "NoSuchEntity", status=404)
            self._cloud.remove_key(found)
            self._cloud.destroyed.append(found)
            return {}

        return self._cloud.request("delete_service_specific_credential", effect)

    def _keys(self, operation: str, user: str) -> list[Key]:
        if user not in self._cloud.users:
            self._cloud.refuse(operation, "NoSuchEntity", status=404)
        return self._cloud.users[user]


class FakeSts:
    """https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html."""

    def __init__(self, cloud: Cloud, *, key_id: str, secret: str) -> None:
        self._cloud = cloud
        self._key_id = key_id
        self._secret = secret

    def get_caller_identity(self) -> Answer:
        def effect() -> Answer:
            key = self._cloud.known(self._key_id)
            if key is None or not self._cloud.accepts(self._key_id, key.secret):
                self._cloud.refuse("GetCallerIdentity", "InvalidClientTokenId", status=403)
            if key.secret != self._secret:
                self._cloud.refuse("GetCallerIdentity", "SignatureDoesNotMatch", status=403)
            key.uses.append(self._cloud.time.now.replace(microsecond=0))
            return {"Account": ACCOUNT_ID, "Arn": f"arn:aws:iam::{ACCOUNT_ID}:user/apps/{key.user}"}

        return self._cloud.request("get_caller_identity", effect)
