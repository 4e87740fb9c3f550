"""GitHub's responses, valid and invalid, over real HTTP; the engine's part uses the fake."""

from __future__ import annotations

import dataclasses
import functools
import json
import traceback
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from rotation.errors import (
    ConfigurationError,
    CredentialRejected,
    PermissionDenied,
    ProtocolError,
    RotationError,
    ServiceUnavailable,
)
from rotation.event import Step
from rotation.settings import OptionReader
from rotation.strategies import github_app_token
from rotation.strategy import Issued
from rotation_conformance.account import Killed, Side, client_error, kill, refuse
from rotation_conformance.rotator import assert_converged, watched
from testing.local_github import LocalGitHub, Narrowing, Response, local_github
from tests.readme.blocks import block
from tests.unit.github import APP_TOKEN, KEY_ARN, GitHub, strategy
from tests.unit.kms import Kms, private_key
from tests.unit.subjects import prepared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rotation.services.https import Reply
    from rotation.strategies.github_app_token import GithubAppToken
    from rotation.strategy import Credential
    from testing.local_github.records import App, Installation
    from tests.unit.rotator import Rotation

_MARK: Final = "0" * 16 + "-" + "0" * 36
_GRANTED: Final = {"administration": "write", "contents": "write", "issues": "read"}


@dataclasses.dataclass(kw_only=True)
class Scene:
    github: LocalGitHub
    app: App
    installation: Installation
    kms: Kms

    def strategy(self, **changed: object) -> GithubAppToken:
        options = {
            "api_url": self.github.api_url,
            "client_id": self.app.client_id,
            "installation_id": self.installation.id,
            "kms_key_arn": KEY_ARN,
            "permissions": {"contents": "read"},
            "repositories": ["ledger", "reports"],
            "revoke_previous": False,
        }
        return github_app_token.build(
            OptionReader({**options, **changed}, path="options"), self.kms
        )

    def refusal(self, error: type[RotationError], cure: str, **changed: object) -> RotationError:
        """Request a token that is refused; return the error, which must not show a secret."""
        with pytest.raises(error, match=cure) as caught:
            self.strategy(**changed).issue(_MARK)
        self.require_clean(caught.value)
        return caught.value

    def require_clean(self, error: RotationError) -> None:
        emitted = "".join([*traceback.format_exception(error), repr(error), repr(error.args)])
        assert error.__cause__ is error.__context__ is None
        for secret in [*self.kms.signatures, *(token.value for token in self.github.tokens)]:
            assert secret not in emitted
        assert "eyJ" not in emitted


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    with local_github(tls=True) as github:
        monkeypatch.setenv("SSL_CERT_FILE", str(github.certificate))
        app = github.add_app(private_key("app").public_key())
        for name in ("ledger", "reports", "website"):
            github.add_repository(f"octo-org/{name}")
        installation = github.install(app, "octo-org", permissions=_GRANTED)
        yield Scene(github=github, app=app, installation=installation, kms=Kms(private_key("app")))


def _value(credential: Credential) -> Any:  # noqa: ANN401 -- JSON
    return credential.value


def test_the_value_has_all_that_git_and_the_rest_api_need(scene: Scene) -> None:
    strategy = scene.strategy()
    made = strategy.issue(_MARK)
    (token,) = scene.github.tokens
    assert made.value == {
        "token": token.value,
        "expires_at": f"{token.expires_at:%Y-%m-%dT%H:%M:%SZ}",
        "installation_id": scene.installation.id,
        "api_url": scene.github.api_url,
        "username": "x-access-token",
    }
    assert made.value.keys() == json.loads(block("value", "github_app_token")).keys()
    assert token.permissions == {"contents": "read", "metadata": "read"}
    assert [one.name for one in token.repositories or []] == ["ledger", "reports"]
    assert token.value not in repr(made)
    strategy.verify(made)
    assert strategy.parse(json.loads(json.dumps(made.value))) == made


def test_the_json_web_token_is_new_and_of_this_app(scene: Scene) -> None:
    scene.strategy().issue(_MARK)
    assert scene.github.requests == ["POST /app/installations/{installation_id}/access_tokens 201"]
    assert len(scene.kms.signatures) == 1


def test_requests_to_an_enterprise_server_use_its_own_url(monkeypatch: pytest.MonkeyPatch) -> None:
    with local_github(enterprise=True, tls=True) as github:
        monkeypatch.setenv("SSL_CERT_FILE", str(github.certificate))
        github.add_repository("octo-org/reports")
        app = github.add_app(private_key("app").public_key())
        there = github.install(app, "octo-org", permissions=_GRANTED)
        scene = Scene(github=github, app=app, installation=there, kms=Kms(private_key("app")))
        strategy = scene.strategy(repositories=["Reports"])
        strategy.verify(strategy.issue(_MARK))


def test_all_repositories_are_verified_over_several_pages(scene: Scene) -> None:
    names = [f"service-{number}" for number in range(201)]
    for name in names:
        scene.github.add_repository(f"octo-org/{name}")
    strategy = scene.strategy(repositories=names)
    strategy.verify(strategy.issue(_MARK))
    assert scene.github.requests.count("GET /installation/repositories 200") == 3


@pytest.mark.parametrize(
    ("narrowing", "told"),
    [
        pytest.param(
            Narrowing.WIDENED,
            "Extra: administration: write, contents: write, issues: read.*Missing",
            id="widened",
        ),
        pytest.param(
            Narrowing.SHORTENED,
            "Extra: nothing. Missing: contents: read, repository reports. No app",
            id="shortened",
        ),
    ],
)
def test_a_token_with_another_scope_is_revoked_at_once(
    scene: Scene, narrowing: Narrowing, told: str
) -> None:
    scene.github.set(narrowing=narrowing)
    if narrowing is Narrowing.WIDENED:
        scene.refusal(ProtocolError, "expected a list")
        scene.github.amend = _with_repositories(scene.github)
    scene.refusal(ProtocolError, told)
    assert scene.github.tokens == []


def _with_repositories(github: LocalGitHub) -> Callable[[Response], Response]:
    """Return the requested repositories, whatever the token has."""

    def amend(answer: Response) -> Response:
        body: Any = answer.body
        if answer.status == 201:
            with_them = github.tokens[0]
            assert with_them.repositories is None
            body = {**body, "repositories": []}
        return dataclasses.replace(answer, body=body)

    return amend


@pytest.mark.parametrize("lacking", ["permissions", "repositories"])
def test_a_response_without_the_scope_of_the_token_is_rejected(scene: Scene, lacking: str) -> None:
    def amend(answer: Response) -> Response:
        body = {k: v for k, v in dict(answer.body or {}).items() if k != lacking}  # type: ignore[call-overload]
        return dataclasses.replace(answer, body=body or None)

    scene.github.amend = amend
    scene.refusal(ProtocolError, f"returned nothing for {lacking}")
    assert scene.github.tokens == []


def test_a_token_with_more_repositories_than_reported_is_not_used(scene: Scene) -> None:
    strategy = scene.strategy()
    made = strategy.issue(_MARK)
    (token,) = scene.github.tokens
    token.repositories = None
    with pytest.raises(ProtocolError, match="Extra: more repositories"):
        strategy.verify(made)
    token.repositories = scene.github.repositories[:1]
    with pytest.raises(ProtocolError, match="Missing: reports"):
        strategy.verify(made)


def test_a_token_that_has_expired_is_rejected(scene: Scene) -> None:
    strategy = scene.strategy()
    made = strategy.issue(_MARK)
    scene.github.move_clock(3601)
    with pytest.raises(CredentialRejected, match=r"installation .* the retry waits for"):
        strategy.verify(made)


def test_a_retired_token_is_revoked_even_twice(scene: Scene) -> None:
    strategy = scene.strategy()
    made = strategy.issue(_MARK)
    issued = Issued(identity=made.identity, owner=made.owner, created=datetime.now(UTC))
    for _ in range(2):
        strategy.retire(issued, made)
        assert scene.github.tokens == []
    assert scene.github.requests[1:] == [f"DELETE /installation/token {s}" for s in (204, 401)]


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize(
    ("switches", "pause"),
    [
        pytest.param({"secondary_limit": True, "secondary_retry_after": 7}, 7, id="retry-after"),
        pytest.param({"secondary_limit": True, "secondary_retry_after": None}, 60, id="untold"),
        pytest.param({"primary_remaining": 0, "primary_reset_seconds": 90}, 90, id="primary"),
    ],
)
def test_a_rate_limit_shows_when_it_is_over(
    scene: Scene, status: int, switches: dict[str, Any], pause: int
) -> None:
    with scene.github.switched(limit_status=status, **switches):
        error = scene.refusal(ServiceUnavailable, "exceeds a rate limit of the service until 20")
    assert isinstance(error, ServiceUnavailable)
    assert error.pause is not None
    assert pause - 3 <= error.pause <= pause + 3
    assert not error.answer_lost


@pytest.mark.parametrize(
    ("seconds", "cure"),
    [
        pytest.param(3600, "ahead of", id="ahead"),
        pytest.param(-3600, "behind", id="behind"),
    ],
)
def test_a_wrong_clock_has_another_error_than_a_wrong_key(
    scene: Scene, seconds: int, cure: str
) -> None:
    scene.github.move_clock(seconds)
    scene.refusal(ConfigurationError, f"clock is .* s {cure} AWS time.* with NTP")


@pytest.mark.parametrize("seconds", [-40, 500])
def test_a_slightly_wrong_clock_does_no_harm(scene: Scene, seconds: int) -> None:
    scene.github.move_clock(seconds)
    scene.strategy().issue(_MARK)


def test_another_private_key_is_refused(scene: Scene) -> None:
    scene.kms = Kms(private_key("other"))
    scene.refusal(ConfigurationError, f"rejected the token signed with {KEY_ARN}.* set kms_key_arn")


def test_an_unknown_app_is_refused(scene: Scene) -> None:
    scene.refusal(
        ConfigurationError, "App Iv23li0 has no .* correct client_id", client_id="Iv23li0"
    )


def test_an_installation_of_another_app_is_refused(scene: Scene) -> None:
    other = scene.github.add_app(private_key("other").public_key(), slug="other")
    scene.app, scene.kms = other, Kms(private_key("other"))
    scene.refusal(ConfigurationError, "set installation_id")


def test_an_uninstalled_app_has_its_own_error(scene: Scene) -> None:
    scene.github.uninstall(scene.installation)
    scene.refusal(ConfigurationError, "was uninstalled, or .* Install the App")


def test_a_suspended_app_has_its_own_error(scene: Scene) -> None:
    strategy = scene.strategy()
    made = strategy.issue(_MARK)
    scene.github.suspend(scene.installation)
    scene.refusal(ConfigurationError, "is suspended. Have an owner")
    with pytest.raises(ConfigurationError, match="is suspended"):
        strategy.verify(made)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        pytest.param(
            {"permissions": {"contents": "write", "issues": "write", "pages": "read"}},
            "does not have issues: write, pages: read. Add",
            id="permissions",
        ),
        pytest.param({"repositories": ["elsewhere"]}, "one of the repositories", id="repositories"),
    ],
)
def test_a_missing_permission_or_repository_is_named(
    scene: Scene, changed: dict[str, Any], told: str
) -> None:
    scene.refusal(ConfigurationError, told, **changed)


def test_another_denial_names_the_permission(scene: Scene) -> None:
    def amend(answer: Response) -> Response:
        refused = {
            "message": "eyJ no",
            "documentation_url": "https://docs.github.com",
            "status": "403",
        }
        headers = {"X-Accepted-GitHub-Permissions": "contents=read"}
        return (
            Response(status=403, body=refused, headers=headers) if answer.status == 201 else answer
        )

    scene.github.amend = amend
    scene.refusal(PermissionDenied, "Grant the App or the token contents=read and have an owner")


@pytest.mark.parametrize("status", [301, 307])
def test_a_redirect_is_not_followed(scene: Scene, status: int) -> None:
    refused = {"message": "Moved", "documentation_url": "https://docs.github.com", "status": "301"}
    there = {"Location": f"{scene.github.api_url}/installation/repositories"}
    scene.github.amend = lambda _: Response(status=status, body=refused, headers=there)
    scene.refusal(ConfigurationError, "has moved to another name or address")
    assert len(scene.github.requests) == 1


def test_an_unknown_error_is_named_by_its_status(scene: Scene) -> None:
    strategy = scene.strategy()
    made = strategy.issue(_MARK)
    scene.github.amend = lambda _: Response(status=304)
    with pytest.raises(ProtocolError, match="returned the error HTTP_304"):
        strategy.verify(made)


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_server_error_may_have_taken_effect(scene: Scene, status: int) -> None:
    with scene.github.switched(outage=status):
        error = scene.refusal(ServiceUnavailable, "got no usable response")
    assert error.answer_lost


def test_an_html_page_is_rejected(scene: Scene) -> None:
    with scene.github.switched(outage=200):
        error = scene.refusal(ProtocolError, "a proxy or a VPC endpoint")
    assert error.answer_lost


@pytest.mark.parametrize("carried_out", [True, False])
def test_a_request_with_a_lost_response_may_have_taken_effect(
    scene: Scene, *, carried_out: bool
) -> None:
    request = "POST /app/installations/{installation_id}/access_tokens"
    scene.github.lose_response(request, carried_out=carried_out)
    error = scene.refusal(ServiceUnavailable, "got no usable response")
    assert error.answer_lost


def test_a_closed_port_received_no_request(scene: Scene) -> None:
    error = scene.refusal(ServiceUnavailable, "network", api_url="https://127.0.0.1:9")
    assert not error.answer_lost


def test_an_untrusted_server_receives_no_request(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    scene.refusal(ServiceUnavailable, "network")
    assert scene.github.requests == []


@pytest.mark.parametrize(
    ("code", "error", "cure"),
    [
        pytest.param("DisabledException", ConfigurationError, "Enable it, import", id="disabled"),
        pytest.param("NotFoundException", ConfigurationError, "correct kms_key_arn", id="absent"),
        pytest.param("InvalidKeyUsageException", ConfigurationError, "cannot sign", id="usage"),
        pytest.param("KMSInvalidStateException", ConfigurationError, "import_github", id="empty"),
        pytest.param(
            "AccessDeniedException", PermissionDenied, "kms:Sign on .* key pol", id="denied"
        ),
        pytest.param("ThrottlingException", ServiceUnavailable, "kms:Sign", id="throttled"),
    ],
)
def test_a_key_that_cannot_sign_has_its_own_error(
    scene: Scene, code: str, error: type[RotationError], cure: str
) -> None:
    scene.kms.trouble = client_error("Sign", code, text="eyJ")
    scene.refusal(error, cure)


A_FIELD: Final = "returned .* for {}; expected .* Rotate again"


@pytest.mark.parametrize(
    ("operation", "field", "value", "cure"),
    [
        ("create_token", "token", None, A_FIELD),
        ("create_token", "token", "", A_FIELD),
        ("create_token", "token", "ghs_a\r\nX: y", A_FIELD),
        ("create_token", "token", 7, A_FIELD),
        ("create_token", "expires_at", None, A_FIELD),
        ("create_token", "expires_at", "2030-13-01T00:00:00Z", A_FIELD),
        ("create_token", "expires_at", "2030-01-01T00:00:00", A_FIELD),
        ("create_token", "expires_at", 1893456000, A_FIELD),
        ("create_token", "permissions", None, A_FIELD),
        ("create_token", "permissions", ["contents"], A_FIELD),
        ("create_token", "permissions", {"contents": 7}, A_FIELD),
        ("create_token", "permissions", {"contents": "write"}, "Extra: contents: write"),
        ("create_token", "permissions", {"a\x1b": "b\n"}, "Extra: an invalid name"),
        ("create_token", "repositories", None, A_FIELD),
        ("create_token", "repositories", {"name": "reports"}, A_FIELD),
        ("create_token", "repositories", ["reports"], A_FIELD),
        ("create_token", "repositories", [], "Missing: repository ledger, repository reports"),
        ("list_repositories", "total_count", None, A_FIELD),
        ("list_repositories", "total_count", "2", A_FIELD),
        ("list_repositories", "total_count", True, A_FIELD),
        ("list_repositories", "total_count", 3, "Extra: more repositories"),
        ("list_repositories", "repositories", None, A_FIELD),
        ("list_repositories", "repositories", [{"name": None}], "for repositories.name; expected"),
        ("list_repositories", "repositories", [{"name": "ledger"}], "Missing: reports"),
    ],
)
def test_a_wrong_field_of_a_response_is_named(
    operation: str, field: str, value: object, cure: str
) -> None:
    def changed(name: str, reply: Reply) -> Reply:
        fields = {**json.loads(reply.body or b"{}"), field: value}
        body = json.dumps(fields).encode()
        return dataclasses.replace(reply, body=body) if name == operation else reply

    rotation = prepared("github_app_token", "steady")
    _github(rotation).wrong = changed
    current = rotation.secret.labels["AWSCURRENT"]
    token = rotation.stage()
    with pytest.raises(ProtocolError, match=cure.format(field)) as caught:
        rotation.steps(token)
    assert caught.value.__context__ is None
    assert not any(held in str(caught.value) for held in _github(rotation).tokens)
    assert rotation.secret.labels["AWSCURRENT"] == current
    _github(rotation).wrong = None
    rotation.retry(token)
    assert_converged(rotation)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"<html/>", b"\xff", b'{"a":' * 50_000])
@pytest.mark.parametrize("operation", ["create_token", "list_repositories"])
def test_a_malformed_response_is_rejected(operation: str, body: bytes) -> None:
    rotation = prepared("github_app_token", "steady")
    _github(rotation).wrong = lambda name, reply: (
        dataclasses.replace(reply, body=body) if name == operation else reply
    )
    with pytest.raises(ProtocolError, match="as the response; expected an object"):
        rotation.steps(rotation.stage())


# The engine's part


def _github(rotation: Rotation) -> GitHub:
    assert isinstance(rotation.service, GitHub)
    return rotation.service


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"installation_id": 4712}, id="installation"),
        pytest.param({"api_url": "https://github.example/api/v3"}, id="server"),
    ],
)
def test_a_token_of_another_installation_has_another_owner(changed: dict[str, Any]) -> None:
    rotation = prepared("github_app_token", "steady")
    options = {**APP_TOKEN, **changed}
    other = rotation.changed(
        functools.partial(strategy, "github_app_token", options, _github(rotation))
    )
    before = rotation.cloud.snapshot()
    with pytest.raises(ConfigurationError, match="another owner than installation"):
        other.step(Step.CREATE, other.stage())
    rotation.give_up()
    assert str(rotation.cloud.snapshot()).count("ghs_") == str(before).count("ghs_")


def test_the_engine_waits_for_a_limit_that_is_over_in_time() -> None:
    rotation = prepared("github_app_token", "steady")
    rotation.cloud.fuse.arm(refuse(5, "ThrottlingException"), watched(rotation))
    before = rotation.cloud.time.now
    rotation.steps(rotation.stage())
    assert rotation.cloud.fuse.calls[4] == "create_token"
    assert rotation.cloud.time.now - before > timedelta(seconds=60)
    assert_converged(rotation)


def test_the_engine_does_not_wait_for_a_long_limit() -> None:
    rotation = dataclasses.replace(prepared("github_app_token", "steady"), timeout=90)
    rotation.cloud.fuse.arm(refuse("create_token", "ThrottlingException"))
    before = rotation.cloud.time.now
    with pytest.raises(ServiceUnavailable, match="a rate limit"):
        rotation.steps(rotation.stage())
    assert rotation.cloud.time.now - before < timedelta(seconds=2)


def test_the_proof_does_not_retry_before_a_limit_is_over() -> None:
    rotation = prepared("github_app_token", "steady")
    token = rotation.stage()
    rotation.step(Step.CREATE, token)
    rotation.cloud.fuse.arm(refuse("list_repositories", "ThrottlingException"))
    with pytest.raises(ServiceUnavailable, match="a rate limit"):
        rotation.step(Step.TEST, token)
    assert rotation.cloud.fuse.calls.count("list_repositories") <= 2


def test_a_rotation_whose_token_expired_is_cancelled() -> None:
    rotation = prepared("github_app_token", "steady")
    token = rotation.stage()
    rotation.step(Step.CREATE, token)
    rotation.cloud.time.advance(_github(rotation).life.total_seconds())
    with pytest.raises(ProtocolError, match=r"expired before it became current.*RotateSecret"):
        rotation.step(Step.CREATE, token)
    assert "AWSPENDING" not in rotation.secret.labels
    rotation.rotate()
    assert_converged(rotation)


def test_an_outage_cancels_no_rotation() -> None:
    rotation = prepared("github_app_token", "steady")
    token = rotation.stage()
    rotation.step(Step.CREATE, token)
    rotation.cloud.fuse.arm(refuse("list_repositories", "ServiceFailure", status=503))
    with pytest.raises(ServiceUnavailable):
        rotation.step(Step.CREATE, token)
    assert rotation.secret.labels["AWSPENDING"] == token


def _alive(rotation: Rotation, label: str) -> bool:
    return rotation.service.works(rotation.secret.value(label))


@pytest.mark.parametrize(
    ("subject", "alive"),
    [
        pytest.param("github_app_token", True, id="kept"),
        pytest.param("github_app_token_revoking", False, id="revoked"),
    ],
)
def test_the_previous_token_is_revoked_only_if_configured(subject: str, *, alive: bool) -> None:
    rotation = prepared(subject, "one_current")
    rotation.rotate()
    assert _alive(rotation, "AWSCURRENT")
    assert _alive(rotation, "AWSPREVIOUS") is alive


def test_a_crash_does_not_prevent_the_revocation() -> None:
    rehearsal = prepared("github_app_token_revoking", "steady")
    rehearsal.steps(rehearsal.stage())
    for number in range(1, len(rehearsal.cloud.fuse.calls) + 1):
        for side in Side:
            rotation = prepared("github_app_token_revoking", "steady")
            rotation.cloud.fuse.arm(kill(number, side))
            token = rotation.stage()
            with pytest.raises(Killed):
                rotation.steps(token)
            rotation.retry(token)
            assert_converged(rotation)
            assert not _alive(rotation, "AWSPREVIOUS")


def test_no_attempt_is_recorded_and_no_old_version_read() -> None:
    rotation = prepared("github_app_token", "steady")
    rotation.steps(rotation.stage())
    assert rotation.secret.tags == {}
    assert "list_secret_version_ids" not in rotation.cloud.fuse.calls


@pytest.mark.parametrize(
    "more", [pytest.param({}, id="same"), pytest.param({"note": "by hand"}, id="one-more-field")]
)
def test_a_token_in_two_versions_is_not_revoked_with_the_older_one(more: dict[str, str]) -> None:
    """Found by test_sequences: AWSPENDING was moved to a copy of the current value."""
    rotation = prepared("github_app_token_revoking", "steady")
    token = rotation.stage()
    rotation.secret.versions[token].text = json.dumps({**rotation.secret.value(), **more})
    rotation.steps(token)
    assert rotation.secret.labels["AWSCURRENT"] == token
    assert _alive(rotation, "AWSCURRENT")
