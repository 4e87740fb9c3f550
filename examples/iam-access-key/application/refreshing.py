"""The refreshing way: a session that reads the secret again by itself, without a restart."""

import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import botocore.session
from botocore.credentials import CredentialProvider, RefreshableCredentials

# How a service says that it does not know the key, or not any more.
REFUSALS = {"InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException"}


class KeyInSecret(CredentialProvider):
    """Gives botocore the key that the secret holds, read anew before its time is up."""

    METHOD = "key-in-secret"

    def __init__(self, secret_id: str, maximum_age: timedelta) -> None:
        super().__init__()
        self._secret_id = secret_id
        self._maximum_age = maximum_age
        self._refused = threading.Event()
        # The program's own identity reads the secret, not the key that is in it.
        self._reader = boto3.client("secretsmanager")

    def load(self) -> RefreshableCredentials:
        """Read the first key; botocore comes back when half of its time is up."""
        first, seconds = self._read(), int(self._maximum_age.total_seconds())
        return RefreshableCredentials(
            first["access_key"],
            first["secret_key"],
            token="",  # Only temporary credentials have one.
            expiry_time=datetime.fromisoformat(first["expiry_time"]),
            refresh_using=self._read,
            method=self.METHOD,
            time_fetcher=self._now,
            advisory_timeout=seconds // 2,
            mandatory_timeout=seconds // 4,
        )

    def try_again_if_refused(
        self, response: tuple[object, dict[str, Any]] | None, attempts: int, **_: object
    ) -> int | None:
        """Have a refused request signed and sent once more, with what the secret holds by now."""
        code = response[1].get("Error", {}).get("Code") if response else None
        if attempts > 1 or code not in REFUSALS:
            return None
        self._refused.set()
        return 0

    def _read(self) -> dict[str, str]:
        self._refused.clear()
        answer = self._reader.get_secret_value(SecretId=self._secret_id)
        value = json.loads(answer["SecretString"])
        return {
            "access_key": value["AccessKeyId"],
            "secret_key": value["SecretAccessKey"],
            "token": "",
            "expiry_time": (datetime.now(UTC) + self._maximum_age).isoformat(),
        }

    def _now(self) -> datetime:
        # A refused key is overdue, but not expired: while one thread reads, another may be refused.
        overdue = self._maximum_age * 7 / 8 if self._refused.is_set() else timedelta()
        return datetime.now(UTC) + overdue


def session(secret_id: str, maximum_age: timedelta = timedelta(minutes=30)) -> boto3.Session:
    """Return a session for as long as the program runs.

    The maximum age has to be shorter than the minimum overlap.
    """
    key = KeyInSecret(secret_id, maximum_age)
    core = botocore.session.get_session()
    core.get_component("credential_provider").insert_before("env", key)
    core.register("needs-retry", key.try_again_if_refused)  # type: ignore[arg-type]
    return boto3.Session(botocore_session=core)
