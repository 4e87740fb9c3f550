"""An IAM user's access key.

Secret: `{"Version": 1, "AccessKeyId": …, "SecretAccessKey": …, "UserName": …}` beside the
constants, which every SDK accepts from a `credential_process`
(https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html). With
`ses_smtp_region` also `{"SmtpUserName": …, "SmtpPassword": …}`, for SES's SMTP endpoint there.
Idempotency: issue makes a second key when repeated, so it is sent once; retire succeeds if the
key is gone.
Privileges: iam:CreateAccessKey, iam:DeleteAccessKey, iam:ListAccessKeys on the user; to retire its
previous key early, iam:UpdateAccessKey and iam:GetAccessKeyLastUsed. verify needs none:
sts:GetCallerIdentity cannot be denied
(https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html).
Promised by IAM: two keys per user, inactive ones included
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html); it takes seconds
until a new key is accepted everywhere
(https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, cast

from rotation.aws import ask
from rotation.errors import ConfigurationError, CredentialRejected
from rotation.services import iam
from rotation.strategy import Credential, Issued, Use, Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_iam import IAMClient
    from mypy_boto3_sts import STSClient

    from rotation.aws import Clients
    from rotation.response import Response
    from rotation.settings import OptionReader

_PRINCIPAL_ARN = r"arn:aws[a-z-]*:(?:iam|sts)::[0-9]{12}:[!-~]{1,640}"
_KEY_ID = r"[A-Z0-9]{16,128}"
# The id of a user's key; a session's begins with ASIA.
_ADOPTED = r"AKIA[A-Z0-9]{12,124}"
# IAM documents no alphabet; these characters can be used for signing.
_SIGNING_KEY = r"[!-~]{1,256}"
# Also the other fields of a `credential_process`, which must not outlive their key.
_FIELDS = frozenset(
    {
        *("AccessKeyId", "Expiration", "SecretAccessKey", "SessionToken"),
        *("SmtpPassword", "SmtpUserName", "UserName", "Version"),
    }
)
_REGION = r"[a-z]{2}(?:-[a-z]{2,12}){1,3}-[0-9]"


class IamAccessKey:
    """Issues and retires the access keys of one IAM user."""

    own_fields = _FIELDS
    slots = 2
    adopt_with = "rotation.iam_access_key.adopted_access_key_id"
    retires_demoted = False

    def __init__(
        self,
        clients: Clients,
        *,
        user: iam.User,
        adopted: str | None,
        settling_seconds: int,
        ses_smtp_region: str | None,
    ) -> None:
        """Take the user; no call is made."""
        self._clients = clients
        self._user = user
        self._callers: dict[str, STSClient] = {}
        self._ses_smtp_region = ses_smtp_region
        self.adopted = adopted
        self.settling_seconds = settling_seconds
        self.owner = iam.owner(self._user.name)
        self.shape = "a JSON object with the strings AccessKeyId, SecretAccessKey and UserName"

    def parse(self, value: Value) -> Credential | None:
        """Recognise the JSON of a `credential_process`, of any user."""
        if not isinstance(value, Mapping):
            return None
        identity, secret, user_name = (
            value.get(name) for name in ("AccessKeyId", "SecretAccessKey", "UserName")
        )
        if (
            not isinstance(identity, str)
            or not re.fullmatch(_KEY_ID, identity)
            or not (isinstance(secret, str) and re.fullmatch(_SIGNING_KEY, secret))
            or not (isinstance(user_name, str) and re.fullmatch(iam.USER_NAME, user_name))
        ):
            return None
        owner = iam.owner(self._user.name_now(user_name))
        return Credential(identity=identity, owner=owner, value=value)

    def inventory(self) -> Sequence[Issued]:
        """List the user's keys."""
        client: IAMClient = self._clients("iam")
        keys = iam.list_credentials(
            "iam:ListAccessKeys",
            self._user.arn,
            lambda: client.list_access_keys(UserName=self._user.name),
        ).parts("AccessKeyMetadata")
        return [
            Issued(
                identity=self._key_id(key),
                owner=self.owner,
                created=key.time("CreateDate"),
                active=key.text("Status") == "Active",
            )
            for key in keys
        ]

    def issue(self, mark: str) -> Credential:  # noqa: ARG002 -- a key has no name
        """Create a key."""
        client: IAMClient = self._clients("iam", attempts=1)
        key = iam.create_credential(
            "iam:CreateAccessKey",
            self._user.arn,
            lambda: client.create_access_key(UserName=self._user.name),
        ).part("AccessKey")
        key_id = self._key_id(key)
        secret = key.text(
            "SecretAccessKey", pattern=_SIGNING_KEY, allowed="a string of printable characters"
        )
        value: dict[str, object] = {
            "Version": 1,
            "AccessKeyId": key_id,
            "SecretAccessKey": secret,
            "UserName": self._user.name,
        }
        if self._ses_smtp_region:
            value["SmtpUserName"] = key_id
            value["SmtpPassword"] = smtp_password(secret, self._ses_smtp_region)
        return Credential(identity=key_id, owner=self.owner, value=value)

    def verify(self, credential: Credential) -> None:
        """Get the caller identity of the key.

        Raises:
            CredentialRejected: The key is unknown, inactive or too new.
            ConfigurationError: The key belongs to another user than the configured one.
        """
        sts = self._caller(credential)
        rejected = CredentialRejected(owner=self.owner, identity=credential.identity)
        found = ask(
            "sts:GetCallerIdentity",
            credential.identity,
            sts.get_caller_identity,
            known={"InvalidClientTokenId": rejected, "SignatureDoesNotMatch": rejected},
        ).text("Arn", pattern=_PRINCIPAL_ARN, allowed="the ARN of a principal")
        if found != self._user.arn:
            raise _other_user(credential.identity, found=found, expected=self._user.arn)

    def retire(self, issued: Issued, credential: Credential | None) -> None:  # noqa: ARG002 -- the Protocol's
        """Delete a key of the user."""
        client: IAMClient = self._clients("iam")
        iam.end(
            "iam:DeleteAccessKey",
            self._user.arn,
            lambda: client.delete_access_key(UserName=self._user.name, AccessKeyId=issued.identity),
        )

    def last_use(self, issued: Issued) -> Use | None:
        """Return when a request was last signed with a key of the user.

        https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKeyLastUsed.html
        """
        client: IAMClient = self._clients("iam")
        response = ask(
            "iam:GetAccessKeyLastUsed",
            self._user.arn,
            lambda: client.get_access_key_last_used(AccessKeyId=issued.identity),
        )
        iam.require_user(response, self._user.name)
        found = response.part("AccessKeyLastUsed")
        time = found.optional_time("LastUsedDate")
        if time is None:
            return None
        return Use(time=time, service=found.text("ServiceName"), region=found.text("Region"))

    def deactivate(self, issued: Issued) -> None:
        """Make a key of the user inactive."""
        self._update(issued, "Inactive")

    def reactivate(self, issued: Issued) -> None:
        """Make a key of the user active."""
        self._update(issued, "Active")

    def _update(self, issued: Issued, status: Literal["Active", "Inactive"]) -> None:
        client: IAMClient = self._clients("iam")
        iam.end(
            "iam:UpdateAccessKey",
            self._user.arn,
            lambda: client.update_access_key(
                UserName=self._user.name, AccessKeyId=issued.identity, Status=status
            ),
        )

    def _key_id(self, key: Response) -> str:
        iam.require_user(key, self._user.name)
        return key.text("AccessKeyId", pattern=_KEY_ID, allowed="the id of an access key")

    def _caller(self, credential: Credential) -> STSClient:
        # One client for all tries with a key: making a client costs more than a call.
        if credential.identity not in self._callers:
            fields = cast("Mapping[str, str]", credential.value)
            self._callers[credential.identity] = self._clients.of(
                "sts", key_id=fields["AccessKeyId"], secret=fields["SecretAccessKey"]
            )
        return self._callers[credential.identity]


def smtp_password(secret_access_key: str, region: str) -> str:
    """Derive the password for SES's SMTP endpoint of a region.

    https://docs.aws.amazon.com/ses/latest/dg/smtp-credentials.html#smtp-credentials-convert
    """
    key = f"AWS4{secret_access_key}".encode()
    for message in ("11111111", region, "ses", "aws4_request", "SendRawEmail"):
        key = hmac.digest(key, message.encode(), hashlib.sha256)
    return base64.b64encode(b"\x04" + key).decode()


def _other_user(key_id: str, *, found: str, expected: str) -> ConfigurationError:
    return ConfigurationError(
        f"Key {key_id} belongs to {found}, not to {expected}. Correct user_name or user_path in "
        "the variable rotation, then rotate again."
    )


def build(options: OptionReader, clients: Clients) -> IamAccessKey:
    """Read the options.

    Raises:
        ConfigurationError: An option is missing or wrong.
    """
    return IamAccessKey(
        clients,
        user=iam.user(options),
        adopted=options.optional_text(
            "adopted_access_key_id",
            pattern=_ADOPTED,
            allowed="the id of a user's access key, such as AKIAIOSFODNN7EXAMPLE, or null",
        ),
        settling_seconds=options.number("settling_seconds", least=0, most=60),
        ses_smtp_region=options.optional_text(
            "ses_smtp_region", pattern=_REGION, allowed="a region, such as eu-west-1, or null"
        ),
    )
