"""An IAM user's service-specific credential, for Bedrock, CodeCommit or Keyspaces.

Secret: `{"ServiceSpecificCredentialId": …, "ServiceName": …, "UserName": …}`, for Bedrock with
`{"ServiceCredentialAlias": …, "ServiceCredentialSecret": …}`, else with `{"ServiceUserName": …,
"ServicePassword": …}`, and `"ExpirationDate": "2030-01-01T12:00:00Z"` if it expires, all with IAM's
names, beside the constants.
Idempotency: issue makes a second one when repeated, so it is sent once; retire succeeds if the
credential is gone. No credential is ever reset, because that ends the password in use immediately
(https://docs.aws.amazon.com/IAM/latest/APIReference/API_ResetServiceSpecificCredential.html).
Privileges: iam:CreateServiceSpecificCredential, iam:DeleteServiceSpecificCredential,
iam:ListServiceSpecificCredentials on the user. verify needs a permission of the user: _NEEDED.
Promised by IAM: two credentials per user and service, inactive ones included
(https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateServiceSpecificCredential.html).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from rotation.aws import require_fields
from rotation.errors import CredentialRejected, PermissionDenied
from rotation.response import TIME_FORMAT, parse_time
from rotation.services import iam, login
from rotation.services.https import Https
from rotation.services.login import bedrock, codecommit, keyspaces
from rotation.strategy import Credential, Issued, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy_boto3_iam import IAMClient

    from rotation.aws import Clients
    from rotation.response import Response
    from rotation.services.https import Send
    from rotation.settings import OptionReader

_BEDROCK: Final = "bedrock.amazonaws.com"
_CODECOMMIT: Final = "codecommit.amazonaws.com"
_KEYSPACES: Final = "cassandra.amazonaws.com"
# IAM's names of the two fields that log in.
_API_KEY: Final = ("ServiceCredentialAlias", "ServiceCredentialSecret")
_PASSWORD: Final = ("ServiceUserName", "ServicePassword")
_FIELDS: Final[Mapping[str, tuple[str, str]]] = {
    _BEDROCK: _API_KEY,
    _CODECOMMIT: _PASSWORD,
    _KEYSPACES: _PASSWORD,
}
# The permission that the user needs for verify to log in to the service.
# https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-permissions.html
# https://docs.aws.amazon.com/codecommit/latest/userguide/auth-and-access-control-permissions-reference.html
# https://docs.aws.amazon.com/keyspaces/latest/devguide/security_iam_id-based-policy-examples.html
_NEEDED: Final[Mapping[str, str]] = {
    _BEDROCK: "bedrock:CallWithBearerToken or bedrock:ListFoundationModels",
    _CODECOMMIT: "codecommit:GitPull",
    _KEYSPACES: "cassandra:Select",
}
_ID: Final = r"[A-Za-z0-9_]{20,128}"
_NAME: Final = r"[A-Za-z0-9_+=,.@-]{1,200}"
# IAM documents no alphabet; it is sent in a header, or between null characters.
_SECRET: Final = r"[!-~]{1,4096}"  # noqa: S105 -- the form of one
_LABEL: Final = r"[0-9A-Za-z-]{1,63}"
_ENDPOINT: Final = rf"{_LABEL}(?:\.{_LABEL})+(?::[0-9]{{1,5}})?"
_REPOSITORY: Final = r"(?!\.{1,2}$)[0-9A-Za-z._-]{1,100}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The service that the credentials are for."""

    name: str
    # After how many days a new credential expires; None: it does not expire.
    age_days: int | None
    # Logs in with a name and a secret.
    log_in: Callable[[str, str], None]


class IamServiceCredential:
    """Issues and retires the credentials of one IAM user for one service."""

    own_fields = frozenset(
        {
            *("ExpirationDate", "ServiceName", "ServiceSpecificCredentialId", "UserName"),
            *_API_KEY,
            *_PASSWORD,
        }
    )
    slots = 2
    adopt_with = "rotation.iam_service_credential.adopted_credential_id"
    retires_demoted = False

    def __init__(
        self,
        clients: Clients,
        service: Service,
        *,
        user: iam.User,
        adopted: str | None,
        settling_seconds: int,
    ) -> None:
        """Take the user and the service; no call is made."""
        self._clients = clients
        self._service = service
        self._user = user
        self.adopted = adopted
        self.settling_seconds = settling_seconds
        self.owner = _owner(self._user.name, service.name)
        self.shape = (
            "a JSON object with the strings ServiceSpecificCredentialId, ServiceName, UserName, "
            f"{' and '.join(_FIELDS[service.name])}"
        )

    def parse(self, value: Value) -> Credential | None:
        """Recognise a credential of any user, for any of the services."""
        if not isinstance(value, Mapping):
            return None
        identity, service_name, user_name, expiration = (
            value.get(name)
            for name in ("ServiceSpecificCredentialId", "ServiceName", "UserName", "ExpirationDate")
        )
        if (
            not (isinstance(identity, str) and re.fullmatch(_ID, identity))
            or not (isinstance(user_name, str) and re.fullmatch(iam.USER_NAME, user_name))
            or not (isinstance(service_name, str) and service_name in _FIELDS)
        ):
            return None
        name, secret = (value.get(field) for field in _FIELDS[service_name])
        expires = parse_time(expiration) if isinstance(expiration, str) else None
        if (
            not (isinstance(name, str) and re.fullmatch(_NAME, name))
            or not (isinstance(secret, str) and re.fullmatch(_SECRET, secret))
            or (expiration is not None and expires is None)
        ):
            return None
        return Credential(
            identity=identity,
            owner=_owner(self._user.name_now(user_name), service_name),
            value=value,
            expires=expires,
        )

    def inventory(self) -> Sequence[Issued]:
        """List the user's credentials for the service.

        Raises:
            ConfigurationError: The SDK would drop the secret of a new credential.
        """
        client: IAMClient = self._clients("iam")
        require_fields(client, "ServiceSpecificCredential", _FIELDS[self._service.name])
        if self._service.age_days is not None:
            request = "CreateServiceSpecificCredentialRequest"
            require_fields(client, request, ["CredentialAgeDays"])
        found = iam.list_credentials(
            "iam:ListServiceSpecificCredentials",
            self._user.arn,
            lambda: client.list_service_specific_credentials(
                UserName=self._user.name, ServiceName=self._service.name
            ),
        ).parts("ServiceSpecificCredentials")
        return [
            Issued(identity=self._id(one), owner=self.owner, created=one.time("CreateDate"))
            for one in found
        ]

    def issue(self, mark: str) -> Credential:  # noqa: ARG002 -- a credential has no name to choose
        """Create a credential."""
        client: IAMClient = self._clients("iam", attempts=1)
        days = self._service.age_days
        age = {} if days is None else {"CredentialAgeDays": days}
        created = iam.create_credential(
            "iam:CreateServiceSpecificCredential",
            self._user.arn,
            lambda: client.create_service_specific_credential(
                UserName=self._user.name, ServiceName=self._service.name, **age
            ),
        ).part("ServiceSpecificCredential")
        identity = self._id(created)
        name, secret = _FIELDS[self._service.name]
        value = {
            "ServiceSpecificCredentialId": identity,
            "ServiceName": self._service.name,
            "UserName": self._user.name,
            name: created.text(name, pattern=_NAME, allowed="a user name"),
            secret: created.text(
                secret, pattern=_SECRET, allowed="a string of printable characters"
            ),
        }
        read_time = created.optional_time if days is None else created.time
        expires = read_time("ExpirationDate")
        if expires is not None:
            value["ExpirationDate"] = expires.strftime(TIME_FORMAT)
        return Credential(identity=identity, owner=self.owner, value=value, expires=expires)

    def verify(self, credential: Credential) -> None:
        """Log in.

        Raises:
            CredentialRejected: The credential is unknown, inactive, reset or too new, or its user
                has no permission to log in.
        """
        fields = cast("Mapping[str, str]", credential.value)
        name, secret = _FIELDS[self._service.name]
        with suppress(login.RejectedError):
            self._service.log_in(fields[name], fields[secret])
            return
        raise CredentialRejected(
            owner=self.owner, identity=credential.identity, needed=_NEEDED[self._service.name]
        )

    def retire(self, issued: Issued, credential: Credential | None) -> None:  # noqa: ARG002 -- the Protocol's
        """Delete a credential of the user."""
        client: IAMClient = self._clients("iam")
        denial: PermissionDenied | None = None
        try:
            iam.end(
                "iam:DeleteServiceSpecificCredential",
                self._user.arn,
                lambda: client.delete_service_specific_credential(
                    UserName=self._user.name, ServiceSpecificCredentialId=issued.identity
                ),
            )
        except PermissionDenied as error:
            denial = error
        # The grant has a condition on the service, and IAM may not know the service of a credential
        # that is gone.
        if denial and any(one.identity == issued.identity for one in self.inventory()):
            raise denial

    def _id(self, response: Response) -> str:
        iam.require_user(response, self._user.name)
        response.text(
            "ServiceName",
            pattern=re.escape(self._service.name),
            allowed="the name of the requested service",
        )
        return response.text(
            "ServiceSpecificCredentialId", pattern=_ID, allowed="the id of a credential"
        )


def _owner(user_name: str, service_name: str) -> str:
    """Name the user and the service, because each service has slots of its own."""
    return f"{iam.owner(user_name)} for {service_name}"


def _login(service_name: str, options: OptionReader, send: Send) -> Callable[[str, str], None]:
    endpoint = options.text(
        "endpoint",
        pattern=_ENDPOINT,
        allowed="a host, such as bedrock.eu-west-1.amazonaws.com, with or without a port",
    )
    if service_name == _KEYSPACES:
        return lambda name, secret: keyspaces.log_in(endpoint, user_name=name, password=secret)
    if service_name == _BEDROCK:
        return lambda _, secret: bedrock.log_in(send, endpoint, api_key=secret)
    repository = options.text(
        "repository", pattern=_REPOSITORY, allowed="the name of a repository in CodeCommit"
    )
    return lambda name, secret: codecommit.log_in(
        send, endpoint, repository=repository, user_name=name, password=secret
    )


def build(
    options: OptionReader, clients: Clients, send: Send | None = None
) -> IamServiceCredential:
    """Read the options.

    Args:
        options: the strategy's settings; repository is only for CodeCommit.
        clients: makes the client of IAM.
        send: sends the requests to Bedrock and CodeCommit; None: Https does.

    Raises:
        ConfigurationError: An option is missing or wrong.
    """
    service_name = options.text(
        "service_name", pattern="|".join(map(re.escape, _FIELDS)), allowed=" or ".join(_FIELDS)
    )
    service = Service(
        name=service_name,
        age_days=options.optional_number("credential_age_days", least=1, most=36600),
        log_in=_login(service_name, options, send or Https()),
    )
    return IamServiceCredential(
        clients,
        service,
        user=iam.user(options),
        adopted=options.optional_text(
            "adopted_credential_id",
            pattern=_ID,
            allowed="the id of a credential, such as ACCA1EXAMPLE1EXAMPLE1, or null",
        ),
        settling_seconds=options.number("settling_seconds", least=0, most=60),
    )
