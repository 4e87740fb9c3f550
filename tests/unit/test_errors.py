"""The tree of errors, and the translation of every error of the SDK into one of them."""

from __future__ import annotations

import re
import string
from typing import NoReturn

import botocore.exceptions as sdk
import botocore.parsers
import pytest

from rotation import errors
from rotation.aws import call
from rotation.errors import (
    CredentialRejected,
    InternalError,
    PermissionDenied,
    ProtocolError,
    RotationError,
    ServiceUnavailable,
)
from rotation_conformance.account import client_error

_CANARY = "wJalrXUtnFEMI-canary"
_SDK_ERRORS = [
    error
    for _, error in sorted(vars(sdk).items())
    if isinstance(error, type) and issubclass(error, Exception)
    if error.__module__ == "botocore.exceptions"
]
_OF_CALLS = [
    error for error in _SDK_ERRORS if issubclass(error, sdk.BotoCoreError | sdk.ClientError)
]


def _made(error: type[Exception]) -> Exception:
    """Make an error of the SDK with a mark in each of its fields."""
    if issubclass(error, sdk.ClientError):
        return client_error("Operation", _CANARY, text=_CANARY)
    names = [name for _, name, _, _ in string.Formatter().parse(getattr(error, "fmt", "")) if name]
    fields = dict.fromkeys([*names, "error", "name", "reason"], _CANARY)
    if issubclass(error, sdk.WaiterError):
        return error(name=_CANARY, reason=_CANARY, last_response={})
    if not issubclass(error, sdk.BotoCoreError):
        return error(_CANARY)
    return error(**fields)


def _failing(error: Exception) -> RotationError:
    def effect() -> NoReturn:
        raise error

    with pytest.raises(RotationError) as caught:
        call("iam:CreateAccessKey", "the user", effect)
    return caught.value


def test_the_drawn_tree_is_the_tree() -> None:
    drawn = re.findall(r"[├└]── (\w+) {2,}\S", errors.__doc__ or "")
    classes = RotationError.__subclasses__()
    assert drawn == sorted(error.__name__ for error in classes)
    assert [error for direct in classes for error in direct.__subclasses__()] == []


def test_every_error_of_ours_is_in_the_tree() -> None:
    defined = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, Exception)
    }
    assert defined == {"RotationError", *(e.__name__ for e in RotationError.__subclasses__())}


@pytest.mark.parametrize("error", [pytest.param(error, id=error.__name__) for error in _OF_CALLS])
def test_every_error_of_the_sdk_becomes_ours_without_its_text(error: type[Exception]) -> None:
    ours = _failing(_made(error))
    assert "iam:CreateAccessKey" in str(ours)
    if error is not sdk.ClientError:
        assert _CANARY not in f"{ours} {ours!r}"
    assert ours.__cause__ is None
    assert ours.__context__ is None


def test_no_other_error_of_the_sdk_comes_from_a_call() -> None:
    """The others are about the SDK itself; the handler reports each of them as a bug."""
    assert {error.__name__ for error in _SDK_ERRORS} - {error.__name__ for error in _OF_CALLS} == {
        *("ImminentRemovalWarning", "UnsupportedTLSVersionWarning"),
        *("MissingServiceIdError", "UndefinedModelAttributeError"),
    }


def test_a_call_with_an_unreadable_response_may_have_succeeded() -> None:
    ours = _failing(botocore.parsers.ResponseParserError(_CANARY))
    assert isinstance(ours, ServiceUnavailable)
    assert ours.answer_lost
    assert _CANARY not in str(ours)


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        pytest.param(sdk.ReadTimeoutError(endpoint_url="e"), True, id="read"),
        pytest.param(sdk.ConnectionClosedError(endpoint_url="e"), True, id="closed"),
        pytest.param(sdk.SSLError(endpoint_url="e", error=OSError()), True, id="tls"),
        pytest.param(sdk.HTTPClientError(error="e"), True, id="any"),
        pytest.param(sdk.ConnectTimeoutError(endpoint_url="e"), False, id="connect"),
        pytest.param(sdk.EndpointConnectionError(endpoint_url="e"), False, id="end"),
        pytest.param(sdk.ProxyConnectionError(proxy_url="p", error="e"), False, id="proxy"),
        pytest.param(sdk.NoCredentialsError(), False, id="no-credentials"),
        pytest.param(client_error("O", "InternalFailure", status=500), True, id="500"),
        pytest.param(client_error("O", "ServiceUnavailable", status=503), True, id="503"),
        pytest.param(client_error("O", "Throttling", status=400), False, id="throttled"),
        pytest.param(client_error("O", "Throttling", status=503), False, id="throttled-503"),
    ],
)
def test_an_error_says_whether_the_call_may_have_taken_effect(
    error: Exception, *, lost: bool
) -> None:
    ours = _failing(error)
    assert isinstance(ours, ServiceUnavailable)
    assert ours.answer_lost == lost
    assert ours.retry_may_cure


@pytest.mark.parametrize(
    "code",
    ["AccessDenied", "AccessDeniedException", "DecryptionFailure", "EncryptionFailure"],
)
def test_a_denial_names_action_and_resource(code: str) -> None:
    ours = _failing(client_error("CreateAccessKey", code, text=_CANARY))
    assert isinstance(ours, PermissionDenied)
    assert str(ours).startswith("iam:CreateAccessKey on the user is denied. Grant it")
    assert _CANARY not in str(ours)


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        pytest.param("NoSuchThing", "the error NoSuchThing", id="code"),
        pytest.param("a secret with spaces", "HTTP status 400 without an error code", id="text"),
        pytest.param("x" * 65, "HTTP status 400 without an error code", id="long"),
        pytest.param("403", "HTTP status 400 without an error code", id="made-up-by-the-sdk"),
    ],
)
def test_an_error_code_is_shown_only_if_it_is_well_formed(code: str, shown: str) -> None:
    ours = _failing(client_error("O", code))
    assert isinstance(ours, ProtocolError)
    assert f"returned {shown}. " in str(ours)
    # If the response is not from the service, the call may have taken effect.
    assert ours.answer_lost == (code not in str(ours))


def test_a_parameter_that_the_sdk_rejects_is_a_bug() -> None:
    ours = _failing(sdk.ParamValidationError(report=_CANARY))
    assert isinstance(ours, InternalError)
    assert "report it" in str(ours)


def test_a_service_can_say_what_to_do() -> None:
    rejected = CredentialRejected(owner="app", identity="app", cure="Extend VALID UNTIL.")
    assert str(rejected) == "The service rejected credential app of app. Extend VALID UNTIL."
    full = ServiceUnavailable(
        action="log-in", resource="db", answer_lost=False, reason="is refused. Raise the limit."
    )
    assert str(full) == "log-in on db is refused. Raise the limit."
