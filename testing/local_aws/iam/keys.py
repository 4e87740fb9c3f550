"""Access keys of IAM users: their number, their use, and when services know of them."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from ministack.core import iam_evaluator
from ministack.core.responses import AccountScopedDict, get_account_id
from ministack.services import iam

from testing.local_aws.patching import Answer, Function, Handler, Json, around
from testing.local_aws.switches import Current

if TYPE_CHECKING:
    from collections.abc import Iterator

_QUOTA = 2
_TURN_SECONDS = 0.2


class PropagatingKeys(AccountScopedDict):  # type: ignore[misc]  # It has no types.
    """IAM's keys or other credentials, and what other services know of them.

    IAM itself reads it as a dictionary. Services resolve a key by get_scoped.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
    """

    def __init__(self, field: str = "SecretAccessKey") -> None:
        super().__init__()
        self.issued: list[str] = []
        """The secret half of every one that there is or was, for who looks whether one leaked."""
        self._field = field
        self._made: dict[str, float] = {}
        self._deleted: dict[str, tuple[float, Json]] = {}

    def __setitem__(self, key_id: str, record: Json) -> None:
        self._made[key_id] = time.monotonic()
        self.issued.append(record[self._field])
        super().__setitem__(key_id, record)

    def __delitem__(self, key_id: str) -> None:
        self._deleted[key_id] = (time.monotonic(), self[key_id])
        super().__delitem__(key_id)

    def items(self) -> Iterator[tuple[str, Json]]:
        """Return the keys as IAM lists them now; the quota counts all."""
        least = time.monotonic() - Current.switches.key_listing_seconds
        for key_id, record in super().items():
            if self._made.get(key_id, -math.inf) <= least:
                yield key_id, record

    def get_scoped(self, account: str, region: str | None, key_id: str) -> Json | None:
        """Return the key as another service sees it now."""
        now = time.monotonic()
        record: Json | None = super().get_scoped(account, region, key_id)
        if record is None:
            deleted, record = self._deleted.get(key_id, (0.0, None))
            return record if now - deleted < Current.switches.deleted_key_seconds else None
        settling = (
            now - self._made.get(key_id, -math.inf) - Current.switches.key_propagation_seconds
        )
        if settling < 0:
            return None
        unsettled = settling < Current.switches.key_settling_seconds
        return None if unsettled and int(settling / _TURN_SECONDS) % 2 else record

    def known(self) -> Iterator[Json]:
        """Return the keys that another service sees now."""
        for key_id in {*super().keys(), *self._deleted}:
            record = self.get_scoped(get_account_id(), None, key_id)
            if record is not None:
                yield record


iam._access_keys = PropagatingKeys()


def _first(parameters: Json, name: str) -> str:
    return str(iam._p(parameters, name))


@around(iam._IAM_HANDLERS, "CreateAccessKey")
def create_access_key(original: Handler, parameters: Json) -> Answer:
    """Refuse a third key.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    """
    user_name = _first(parameters, "UserName")
    held = [key for key in iam._access_keys.values() if key["UserName"] == user_name]
    if len(held) >= _QUOTA:
        refused: Answer = iam._error(
            409, "LimitExceeded", f"Cannot exceed quota for AccessKeysPerUser: {_QUOTA}"
        )
        return refused
    return original(parameters)


@around(iam._IAM_HANDLERS, "ListAccessKeys")
def list_access_keys(original: Handler, parameters: Json) -> Answer:
    """Refuse a user who does not exist.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAccessKeys.html
    """
    user_name = _first(parameters, "UserName")
    if user_name and user_name not in iam._users:
        refused: Answer = iam._error(
            404, "NoSuchEntity", f"The user with name {user_name} cannot be found."
        )
        return refused
    return original(parameters)


@around(iam_evaluator, "enforce")
def enforce(  # noqa: PLR0913, PLR0917 - MiniStack's signature
    original: Function,
    access_key_id: str,
    action: str,
    service: str,
    region: str,
    resource_arn: str = "*",
    service_context: dict[str, Any] | None = None,
) -> object:
    """Note when a key was last used, whether or not it was allowed what it asked for.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccessKeyLastUsed.html
    """
    denied = original(access_key_id, action, service, region, resource_arn, service_context)
    key = iam._access_keys.get(access_key_id)
    if key is not None and not isinstance(denied, iam_evaluator.AuthError):
        key["LastUsed"] = (iam._now(), region, service)
    return denied


@around(iam._IAM_HANDLERS, "GetAccessKeyLastUsed")
def get_access_key_last_used(original: Handler, parameters: Json) -> Answer:
    """Answer with the last use that was noted.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccessKeyLastUsed.html
    """
    status, headers, body = original(parameters)
    key = iam._access_keys.get(_first(parameters, "AccessKeyId"), {})
    if "LastUsed" in key:
        date, region, service = key["LastUsed"]
        body = body.replace(
            b"<Region>N/A</Region><ServiceName>N/A</ServiceName>",
            f"<LastUsedDate>{date}</LastUsedDate><Region>{region}</Region>"
            f"<ServiceName>{service}</ServiceName>".encode(),
        )
    return status, headers, body
