"""A boto3 session that reads the secret again before its key expires, without a restart."""

import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import botocore.session
from botocore.credentials import CredentialProvider, RefreshableCredentials

# Error codes of a service that no longer accepts the key.
REFUSALS = {"InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException"}


class KeyInSecret(CredentialProvider):
    """Gives botocore the current key, and reads it again before the maximum age."""

    METHOD = "key-in-secret"

    def __init__(self, secret_id: str, maximum_age: timedelta) -> None:
        super().__init__()
        self._secret_id = secret_id
        self._maximum_age = maximum_age
        self._refused = threading.Event()
        # The program's own identity reads the secret, not the key in the secret.
        self._reader = boto3.client("secretsmanager")

    def load(self) -> RefreshableCredentials:
        """Read the first key. botocore refreshes it after half of the maximum age."""
        first, seconds = self._read(), int(self._maximum_age.total_seconds())
        return RefreshableCredentials(
            first["access_key"],
            first["secret_key"],
            first["token"],
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
        """Read the secret again, then sign and send a refused request once more."""
        code = response[1].get("Error", {}).get("Code") if response else None
        if attempts > 1 or code not in REFUSALS:
            return None
        self._refused.set()
        return 0

    def _read(self) -> dict[str, Any]:
        self._refused.clear()
        answer = self._reader.get_secret_value(SecretId=self._secret_id)
        value = json.loads(answer["SecretString"])
        return {
            "access_key": value["AccessKeyId"],
            "secret_key": value["SecretAccessKey"],
            # Only temporary credentials have a token. botocore would write an empty one into
            # presigned URLs and forms.
            "token": None,
            "expiry_time": (datetime.now(UTC) + self._maximum_age).isoformat(),
        }

    def _now(self) -> datetime:
        # After a refusal the key is overdue but not expired, so other threads can still use it.
        overdue = self._maximum_age * 7 / 8 if self._refused.is_set() else timedelta()
        return datetime.now(UTC) + overdue


def session(secret_id: str, maximum_age: timedelta = timedelta(minutes=30)) -> boto3.Session:
    """Return a session that works for as long as the program runs.

    The maximum age must be shorter than the minimum overlap.
    """
    key = KeyInSecret(secret_id, maximum_age)
    core = botocore.session.get_session()
    core.get_component("credential_provider").insert_before("env", key)
    core.register("needs-retry", key.try_again_if_refused)  # type: ignore[arg-type]
    return boto3.Session(botocore_session=core)
