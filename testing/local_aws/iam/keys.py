"""Access keys of IAM users: their quota, their last uses, and the delay of changes."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from ministack.core import iam_evaluator
from ministack.core.responses import AccountScopedDict, get_account_id
from ministack.services import iam

from testing.local_aws.patching import Function, Handler, Json, Response, around
from testing.local_aws.switches import Current

if TYPE_CHECKING:
    from collections.abc import Iterator

_QUOTA = 2
_ALTERNATION_SECONDS = 0.2


class PropagatingKeys(AccountScopedDict):  # type: ignore[misc]  # It has no types.
    """Access keys or credentials as IAM and, after a delay, other services see them.

    IAM reads this object as a dictionary; other services look up a key with get_scoped.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
    """

    def __init__(self, field: str = "SecretAccessKey") -> None:
        super().__init__()
        self.issued: list[str] = []
        """The secret part of every key or credential ever created, for leak searches."""
        self._field = field
        self._created: dict[str, float] = {}
        self._deleted: dict[str, tuple[float, Json]] = {}

    def __setitem__(self, key_id: str, record: Json) -> None:
        self._created[key_id] = time.monotonic()
        self.issued.append(record[self._field])
        super().__setitem__(key_id, record)

    def __delitem__(self, key_id: str) -> None:
        self._deleted[key_id] = (time.monotonic(), self[key_id])
        super().__delitem__(key_id)

    def items(self) -> Iterator[tuple[str, Json]]:
        """Return the keys that IAM lists now; the quota counts all keys."""
        latest = time.monotonic() - Current.switches.key_listing_seconds
        for key_id, record in super().items():
            if self._created.get(key_id, -math.inf) <= latest:
                yield key_id, record

    def get_scoped(self, account: str, region: str | None, key_id: str) -> Json | None:
        """Return the key as another service sees it now."""
        now = time.monotonic()
        record: Json | None = super().get_scoped(account, region, key_id)
        if record is None:
            deleted, record = self._deleted.get(key_id, (0.0, None))
            return record if now - deleted < Current.switches.deleted_key_seconds else None
        settling = (
            now - self._created.get(key_id, -math.inf) - Current.switches.key_propagation_seconds
        )
        if settling < 0:
            return None
        unsettled = settling < Current.switches.key_settling_seconds
        return None if unsettled and int(settling / _ALTERNATION_SECONDS) % 2 else record

    def known(self) -> Iterator[Json]:
        """Return all keys that another service accepts now."""
        for key_id in {*super().keys(), *self._deleted}:
            record = self.get_scoped(get_account_id(), None, key_id)
            if record is not None:
                yield record


iam._access_keys = PropagatingKeys()


def _value(parameters: Json, name: str) -> str:
    return str(iam._p(parameters, name))


@around(iam._IAM_HANDLERS, "CreateAccessKey")
def create_access_key(original: Handler, parameters: Json) -> Response:
    """Refuse a third key.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    """
    user_name = _value(parameters, "UserName")
    keys = [key for key in iam._access_keys.values() if key["UserName"] == user_name]
    if len(keys) >= _QUOTA:
        refused: Response = iam._error(
            409, "LimitExceeded", f"Cannot exceed quota for AccessKeysPerUser: {_QUOTA}"
        )
        return refused
    return original(parameters)


@around(iam._IAM_HANDLERS, "ListAccessKeys")
def list_access_keys(original: Handler, parameters: Json) -> Response:
    """Refuse a user who does not exist.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAccessKeys.html
    """
    user_name = _value(parameters, "UserName")
    if user_name and user_name not in iam._users:
        refused: Response = iam._error(
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
    """Record the last use of a key, also when the request is denied.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccessKeyLastUsed.html
    """
    denied = original(access_key_id, action, service, region, resource_arn, service_context)
    key = iam._access_keys.get(access_key_id)
    if key is not None and not isinstance(denied, iam_evaluator.AuthError):
        key.setdefault("Uses", []).append((time.monotonic(), iam._now(), region, service))
    return denied


@around(iam._IAM_HANDLERS, "GetAccessKeyLastUsed")
def get_access_key_last_used(original: Handler, parameters: Json) -> Response:
    """Return the last use, of those that IAM shows already.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccessKeyLastUsed.html
    """
    status, headers, body = original(parameters)
    key = iam._access_keys.get(_value(parameters, "AccessKeyId"), {})
    latest = time.monotonic() - Current.switches.key_use_lag_seconds
    shown = [use for use in key.get("Uses", []) if use[0] <= latest]
    if shown:
        _, date, region, service = shown[-1]
        body = body.replace(
            b"<Region>N/A</Region><ServiceName>N/A</ServiceName>",
            f"<LastUsedDate>{date}</LastUsedDate><Region>{region}</Region>"
            f"<ServiceName>{service}</ServiceName>".encode(),
        )
    return status, headers, body
