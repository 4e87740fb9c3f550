"""Service-specific credentials of IAM users: quota, changes, and logging in with one."""

from __future__ import annotations

import base64
import secrets
import string
from typing import TYPE_CHECKING, Final

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id
from ministack.services import iam

from testing.local_aws.iam.keys import PropagatingKeys
from testing.local_aws.patching import around

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from testing.local_aws.patching import Function, Handler, Json, Response

_QUOTA: Final = 2
_DAY_SECONDS: Final = 86_400
_AGES: Final = range(1, 36_601)
_ID_CHARACTERS: Final = string.ascii_uppercase + "234567"
# IAM's names for the user name and the secret of a credential of each service.
_FIELDS: Final = {
    "bedrock.amazonaws.com": ("ServiceCredentialAlias", "ServiceCredentialSecret"),
    "cassandra.amazonaws.com": ("ServiceUserName", "ServicePassword"),
    "codecommit.amazonaws.com": ("ServiceUserName", "ServicePassword"),
}
_RESPONSE_FIELDS: Final = (
    *("CreateDate", "ExpirationDate", "ServiceName", "ServiceUserName", "ServiceCredentialAlias"),
    *("ServiceSpecificCredentialId", "UserName", "Status"),
)

iam._service_credentials = PropagatingKeys("Secret")


def _value(parameters: Json, name: str) -> str:
    return str(iam._p(parameters, name))


def _credentials_of(user_name: str, service_name: str) -> list[Json]:
    return [
        record
        for record in iam._service_credentials.values()
        if record["UserName"] == user_name and service_name in {"", record["ServiceName"]}
    ]


def _as_xml(record: Json, *, with_secret: bool) -> str:
    _, secret = _FIELDS[record["ServiceName"]]
    fields: Json = {name: record[name] for name in _RESPONSE_FIELDS if name in record}
    if with_secret:
        fields[secret] = record["Secret"]
    return "".join(f"<{name}>{text}</{name}>" for name, text in fields.items())


def _success(action: str, content: str) -> Response:
    response: Response = iam._xml(
        200, f"{action}Response", f"<{action}Result>{content}</{action}Result>"
    )
    return response


def _error(status: int, code: str, message: str) -> Response:
    response: Response = iam._error(status, code, message)
    return response


def _unknown_user(user_name: str) -> Response:
    return _error(404, "NoSuchEntity", f"The user with name {user_name} cannot be found.")


def _unsupported_service(service_name: str) -> Response:
    message = f"No such service {service_name} is supported for Service Specific Credentials"
    return _error(404, "NotSupportedService", message)


def _new_secret(service_name: str, name: str) -> str:
    password = base64.b64encode(secrets.token_bytes(45)).decode()
    if service_name != "bedrock.amazonaws.com":
        return password
    return f"ABSK{base64.b64encode(f'{name}:{password}'.encode()).decode()}"


def create(parameters: Json) -> Response:
    """Create a credential; a user has at most two per service.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateServiceSpecificCredential.html
    """
    user_name = _value(parameters, "UserName")
    service_name = _value(parameters, "ServiceName").lower()
    age = _value(parameters, "CredentialAgeDays")
    if user_name not in iam._users:
        return _unknown_user(user_name)
    if service_name not in _FIELDS:
        return _unsupported_service(service_name)
    if age and int(age) not in _AGES:
        return _error(400, "ValidationError", "CredentialAgeDays must be from 1 to 36600.")
    existing = _credentials_of(user_name, service_name)
    if len(existing) >= _QUOTA:
        message = f"Cannot exceed quota for ContextSpecificCredentialsPerUserPerContext: {_QUOTA}"
        return _error(409, "LimitExceeded", message)
    field, _ = _FIELDS[service_name]
    names = [f"{user_name}{suffix}-at-{get_account_id()}" for suffix in ("", "+1")]
    name = next(name for name in names if name not in {record[field] for record in existing})
    identity = "ACCA" + "".join(secrets.choice(_ID_CHARACTERS) for _ in range(17))
    record: Json = {
        "CreateDate": iam._now(),
        "Secret": _new_secret(service_name, name),
        "ServiceName": service_name,
        "ServiceSpecificCredentialId": identity,
        "Status": "Active",
        "UserName": user_name,
        field: name,
    }
    if age:
        record["ExpirationDate"] = iam._future(int(age) * _DAY_SECONDS)
    iam._service_credentials[identity] = record
    content = _as_xml(record, with_secret=True)
    return _success(
        "CreateServiceSpecificCredential",
        f"<ServiceSpecificCredential>{content}</ServiceSpecificCredential>",
    )


def list_all(parameters: Json) -> Response:
    """List a user's credentials, for one service or for all services.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListServiceSpecificCredentials.html
    """
    user_name = _value(parameters, "UserName")
    service_name = _value(parameters, "ServiceName").lower()
    if user_name not in iam._users:
        return _unknown_user(user_name)
    if service_name and service_name not in _FIELDS:
        return _unsupported_service(service_name)
    listed = {identity for identity, _ in iam._service_credentials.items()}
    members = "".join(
        f"<member>{_as_xml(record, with_secret=False)}</member>"
        for record in _credentials_of(user_name, service_name)
        if record["ServiceSpecificCredentialId"] in listed
    )
    return _success(
        "ListServiceSpecificCredentials",
        f"<ServiceSpecificCredentials>{members}</ServiceSpecificCredentials>"
        "<IsTruncated>false</IsTruncated>",
    )


def _change(change: Callable[[Json, Json], Response]) -> Handler:
    """Return a handler that refuses an unknown ID and another user's credential."""

    def handler(parameters: Json) -> Response:
        user_name = _value(parameters, "UserName")
        identity = _value(parameters, "ServiceSpecificCredentialId")
        record = iam._service_credentials.get(identity)
        if record is None:
            return _error(404, "NoSuchEntity", f"No such credential {identity} exists")
        if user_name and record["UserName"] != user_name:
            message = f"User {user_name} does not have a service specific credential {identity}"
            return _error(400, "ValidationError", message)
        return change(record, parameters)

    return handler


def _delete(record: Json, _parameters: Json) -> Response:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteServiceSpecificCredential.html."""
    del iam._service_credentials[record["ServiceSpecificCredentialId"]]
    return _success("DeleteServiceSpecificCredential", "")


def _update(record: Json, parameters: Json) -> Response:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateServiceSpecificCredential.html."""
    record["Status"] = _value(parameters, "Status")
    return _success("UpdateServiceSpecificCredential", "")


def _reset(record: Json, _parameters: Json) -> Response:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_ResetServiceSpecificCredential.html."""
    field, _ = _FIELDS[record["ServiceName"]]
    record["Secret"] = _new_secret(record["ServiceName"], record[field])
    iam._service_credentials.issued.append(record["Secret"])
    content = _as_xml(record, with_secret=True)
    return _success(
        "ResetServiceSpecificCredential",
        f"<ServiceSpecificCredential>{content}</ServiceSpecificCredential>",
    )


iam._IAM_HANDLERS["CreateServiceSpecificCredential"] = create
iam._IAM_HANDLERS["ListServiceSpecificCredentials"] = list_all
iam._IAM_HANDLERS["DeleteServiceSpecificCredential"] = _change(_delete)
iam._IAM_HANDLERS["UpdateServiceSpecificCredential"] = _change(_update)
iam._IAM_HANDLERS["ResetServiceSpecificCredential"] = _change(_reset)


@around(iam._IAM_HANDLERS, "DeleteUser")
def delete_user(original: Handler, parameters: Json) -> Response:
    """Refuse to delete a user who has credentials.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUser.html
    """
    if _credentials_of(_value(parameters, "UserName"), ""):
        message = "Cannot delete entity, must remove referenced objects first."
        return _error(409, "DeleteConflict", message)
    return original(parameters)


@around(iam_actions, "request_tag_context")
def request_context(
    original: Function, service: str, action: str, body: bytes, parameters: Json
) -> Json:
    """Add the service of a credential and the age of a new one to the context of the request.

    The context has no service for a deleted credential.
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
    """
    context: Json = dict(original(service, action, body, parameters))
    operation = action.partition(":")[2]
    if service != "iam" or not operation.endswith("ServiceSpecificCredential"):
        return context
    identity = _value(parameters, "ServiceSpecificCredentialId")
    record = iam._service_credentials.get(identity, {})
    if operation.startswith("Create"):
        record = {"ServiceName": _value(parameters, "ServiceName").lower()}
    keys = {
        "iam:ServiceSpecificCredentialAgeDays": _value(parameters, "CredentialAgeDays"),
        "iam:ServiceSpecificCredentialServiceName": record.get("ServiceName", ""),
    }
    return context | {key: value for key, value in keys.items() if value}


def log_in(service_name: str, secret: str, actions: Mapping[str, str]) -> str | None:
    """Return the user name of a credential, or None if the service rejects it.

    The credential must be active, and its user must be allowed each action on its resource.
    """
    for record in iam._service_credentials.known():
        if (record["ServiceName"], record["Secret"]) == (service_name, secret):
            field, _ = _FIELDS[service_name]
            is_accepted = (
                record["Status"] == "Active"
                and record.get("ExpirationDate", "9") > iam._now()
                and all(_user_may(record["UserName"], *one) for one in actions.items())
            )
            return str(record[field]) if is_accepted else None
    return None


def _user_may(user_name: str, action: str, resource: str) -> bool:
    account = get_account_id()
    context = iam_evaluator.EvalContext(
        principal_arn=iam._users[user_name]["Arn"],
        principal_type="User",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region="eu-west-1",
        source_ip="127.0.0.1",
        secure_transport=True,
    )
    policies = iam_evaluator._gather_user_policies(user_name, account)
    return bool(iam_evaluator.evaluate(context, policies).decision == "Allow")


iam._log_in = log_in
