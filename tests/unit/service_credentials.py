"""Fakes of Bedrock and CodeCommit in the cloud, which accept service-specific credentials.

`testing/local_logins/tests` test the local services in the same way.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final

from rotation.services.https import Reply
from rotation.settings import OptionReader
from rotation.strategies.iam_service_credential import build
from rotation_conformance.account import ACCOUNT_ID
from tests.unit.cloud import CREDENTIAL_FIELDS, credentials_of
from tests.unit.github import carried_out
from tests.unit.services import IamUser

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rotation.aws import Clients
    from rotation.strategy import Issuer
    from rotation_conformance.rotator import Content
    from tests.unit.cloud import Cloud, Key

BEDROCK: Final = "bedrock.amazonaws.com"
CODECOMMIT: Final = "codecommit.amazonaws.com"
KEYSPACES: Final = "cassandra.amazonaws.com"
# The requests beside the calls of AWS's SDK.
LOG_IN: Final = "log_in"
_URLS: Final = {
    BEDROCK: "https://bedrock.eu-west-1.amazonaws.com/foundation-models",
    CODECOMMIT: (
        "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/reports/info/refs"
        "?service=git-upload-pack"
    ),
}
_ADVERTISEMENT: Final = "application/x-git-upload-pack-advertisement"


class ServiceCredentials(IamUser):
    """The credentials of one user for one service, and the service."""

    issues = "create_service_specific_credential"
    prefix = "ACCA"

    def __init__(self, cloud: Cloud, user: str, service: str) -> None:
        super().__init__(cloud, credentials_of(user, service))
        self.cloud = cloud
        self.user = user
        self.service = service
        # Changes the reply to a log-in.
        self.wrong: Callable[[str, Reply], Reply] | None = None

    def works(self, value: Content) -> bool:
        name, secret = CREDENTIAL_FIELDS[self.service]
        return (
            self.cloud.accepts(value["ServiceSpecificCredentialId"], value[secret])
            and value["ServiceName"] == self.service
            and value["UserName"] == self.user
            and value[name] == f"{self.user}-at-{ACCOUNT_ID}"
        )

    def identity(self, value: Content) -> str:
        return str(value["ServiceSpecificCredentialId"])

    def _value(self, key: Key) -> Content:
        name, secret = CREDENTIAL_FIELDS[self.service]
        return {
            "ServiceSpecificCredentialId": key.key_id,
            "ServiceName": self.service,
            "UserName": self.user,
            name: f"{self.user}-at-{ACCOUNT_ID}",
            secret: key.secret,
        }

    def send(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None
    ) -> Reply:
        assert (method, url, body) == ("GET", _URLS[self.service], None)

        def effect() -> Reply:
            if not any(
                headers["Authorization"] == self._authorization(key.secret)
                and self.cloud.accepts(key.key_id, key.secret)
                for key in self.keys
            ):
                refusal = {"Message": "Authentication failed"}
                return Reply(status=403, headers={}, body=json.dumps(refusal).encode())
            if self.service == BEDROCK:
                return Reply(status=200, headers={}, body=b'{"modelSummaries": []}')
            kind = {"content-type": _ADVERTISEMENT}
            return Reply(status=200, headers=kind, body=b"001e# service=git-upload-pack\n0000")

        return carried_out(self.cloud, LOG_IN, effect, self.wrong)

    def _authorization(self, secret: str) -> str:
        if self.service == BEDROCK:
            return f"Bearer {secret}"
        pair = base64.b64encode(f"{self.user}-at-{ACCOUNT_ID}:{secret}".encode()).decode()
        return f"Basic {pair}"


def strategy(
    _name: str, options: Mapping[str, Any], service: ServiceCredentials, clients: Clients
) -> Issuer:
    """Build the strategy with the client of this service."""
    fields = OptionReader(options, path="options")
    built = build(fields, clients, service.send)
    fields.end()
    return built
