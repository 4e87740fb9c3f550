"""Deploy keys at the local GitHub, over real HTTP; the engine's part uses fakes."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import traceback
from datetime import UTC, datetime
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
from rotation.settings import OptionReader
from rotation.strategies import github_deploy_key
from rotation.strategy import Issued
from rotation_conformance.account import Killed, Side, client_error, kill
from rotation_conformance.rotator import assert_converged, watched
from testing.local_github import LocalGitHub, Response, local_github
from tests.readme.blocks import block
from tests.strategies.github_deploy_key import github_deploy_key_by_token
from tests.unit.cloud import Cloud
from tests.unit.github import KEY_ARN, DeployKeys
from tests.unit.kms import Kms, private_key
from tests.unit.subjects import prepared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rotation.strategies.github_deploy_key import GithubDeployKey
    from rotation.strategy import Credential
    from testing.local_github.records import DeployKey, Installation, Repository

_MARK: Final = "0123456789abcdef-6d1c9e0a-5f0b-4f53-9c41-0a6a3e1f8a55"
_SECRET: Final = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:github/token-Ab12Cd"  # noqa: S105 -- an ARN
_GRANTED: Final = {"administration": "write", "contents": "read"}


class SecretsManager:
    """Secrets Manager with one secret, or with an error."""

    def __init__(self, text: str | None) -> None:
        self.text = text
        self.trouble: Exception | None = None
        self.reads = 0

    def __call__(self, service: str, /, *, attempts: int = 3) -> Any:  # noqa: ANN401 -- the Protocol's
        assert (service, attempts) == ("secretsmanager", 3)
        return self

    def of(self, _service: str, /, *, key_id: str, secret: str) -> Any:  # noqa: ANN401 -- the Protocol's
        raise AssertionError((key_id, secret))

    def get_secret_value(self, **request: object) -> dict[str, object]:
        assert request == {"SecretId": _SECRET}
        self.reads += 1
        if self.trouble is not None:
            raise self.trouble
        return {"ARN": _SECRET, **({} if self.text is None else {"SecretString": self.text})}


@dataclasses.dataclass(kw_only=True)
class Scene:
    github: LocalGitHub
    installation: Installation
    repository: Repository
    kms: Kms

    def strategy(self, **changed: object) -> GithubDeployKey:
        options = {
            "api_url": self.github.api_url,
            "client_id": self.installation.app.client_id,
            "installation_id": self.installation.id,
            "key_type": "ed25519",
            "kms_key_arn": KEY_ARN,
            "read_only": True,
            "repository": "octo-org/reports",
        }
        return _built({**options, **changed}, self.kms)

    def by_token(self, secret: SecretsManager) -> GithubDeployKey:
        options = {
            "api_url": self.github.api_url,
            "key_type": "ed25519",
            "read_only": True,
            "repository": "octo-org/reports",
            "token_secret_arn": _SECRET,
        }
        return _built(options, secret)

    def personal_token(self, **permissions: str) -> str:
        made = self.github.add_personal_token(
            "mona", permissions=permissions or _GRANTED, repositories=[self.repository]
        )
        return str(made.value)

    def keys(self) -> list[DeployKey]:
        return self.github.keys_of(self.repository)

    def refusal(
        self, error: type[RotationError], cure: str, act: Callable[[], object]
    ) -> RotationError:
        """Return the error of a request that fails. It must not show a secret."""
        with pytest.raises(error, match=cure) as caught:
            act()
        told = caught.value
        emitted = "".join([*traceback.format_exception(told), repr(told), repr(told.args)])
        assert told.__cause__ is told.__context__ is None
        for secret in [*self.kms.signatures, *(token.value for token in self.github.tokens)]:
            assert secret not in emitted
        assert "OPENSSH" not in emitted
        assert "ghp_" not in emitted
        return told


def _built(options: dict[str, object], clients: Any) -> GithubDeployKey:  # noqa: ANN401 -- one of the two
    fields = OptionReader(options, path="options")
    built = github_deploy_key.build(fields, clients)
    fields.end()
    return built


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    with local_github(tls=True) as github:
        monkeypatch.setenv("SSL_CERT_FILE", str(github.certificate))
        yield _scene(github)


def _scene(github: LocalGitHub) -> Scene:
    repository = github.add_repository("octo-org/reports")
    app = github.add_app(private_key("app").public_key())
    return Scene(
        github=github,
        installation=github.install(app, "octo-org", permissions=_GRANTED),
        repository=repository,
        kms=Kms(private_key("app")),
    )


def _value(credential: Credential) -> Any:  # noqa: ANN401 -- JSON
    return credential.value


def _issued(credential: Credential) -> Issued:
    return Issued(
        identity=credential.identity, owner=credential.owner, created=datetime.now(UTC), mark=_MARK
    )


@pytest.mark.parametrize("key_type", ["ed25519", "rsa"])
@pytest.mark.parametrize("read_only", [True, False])
def test_the_value_has_all_that_git_needs(scene: Scene, key_type: str, *, read_only: bool) -> None:
    strategy = scene.strategy(key_type=key_type, read_only=read_only)
    made = strategy.issue(_MARK)
    (key,) = scene.keys()
    value = _value(made)
    assert {**value, "private_key": None} == {
        "private_key": None,
        "public_key": key.key,
        "key_id": key.id,
        "read_only": read_only,
        "repository": "octo-org/reports",
        "ssh_url": "git@github.com:octo-org/reports.git",
        "api_url": scene.github.api_url,
    }
    assert value.keys() == json.loads(block("value", "github_deploy_key")).keys()
    assert key.key.startswith(f"ssh-{key_type} ")
    assert key.title == f"rotating-secret {_MARK}"
    assert key.read_only is read_only
    other = scene.github.add_repository("octo-org/other")
    assert scene.github.authenticates(value["private_key"], scene.repository)
    assert not scene.github.authenticates(value["private_key"], other)
    assert value["private_key"] not in repr(made)
    strategy.verify(made)
    assert strategy.parse(json.loads(json.dumps(value))) == made


@pytest.mark.parametrize("key_type", ["ed25519", "rsa"])
def test_openssh_accepts_the_private_key(scene: Scene, key_type: str, tmp_path: Path) -> None:
    value = _value(scene.strategy(key_type=key_type).issue(_MARK))
    file = tmp_path / "key"
    file.touch(mode=0o600)
    file.write_text(value["private_key"])
    told = subprocess.run(
        ["ssh-keygen", "-y", "-f", str(file)], check=True, capture_output=True, text=True
    ).stdout
    assert told.split()[:2] == value["public_key"].split()


def test_requests_to_an_enterprise_server_use_its_own_url(monkeypatch: pytest.MonkeyPatch) -> None:
    with local_github(enterprise=True, tls=True) as github:
        monkeypatch.setenv("SSL_CERT_FILE", str(github.certificate))
        strategy = _scene(github).strategy(repository="Octo-Org/Reports")
        made = strategy.issue(_MARK)
        strategy.verify(made)
        assert [one.identity for one in strategy.inventory()] == [made.identity]
        assert made.owner == f"repository octo-org/reports at {github.api_url}"


def test_the_token_of_the_app_has_only_the_needed_permission(scene: Scene) -> None:
    strategy = scene.strategy()
    strategy.verify(strategy.issue(_MARK))
    (token,) = scene.github.tokens
    assert token.permissions == {"administration": "write", "metadata": "read"}
    assert token.repositories == [scene.repository]


def test_only_keys_with_a_mark_are_listed(scene: Scene) -> None:
    strategy = scene.strategy()
    for title in ("laptop", "rotating-secret", f"rotating-secret {_MARK} of mine", _MARK):
        scene.github.add_deploy_key(scene.repository, f"ssh-ed25519 {title}", title=title)
    made = strategy.issue(_MARK)
    (listed,) = strategy.inventory()
    assert (listed.identity, listed.owner, listed.mark) == (made.identity, made.owner, _MARK)
    assert abs((listed.created - datetime.now(UTC)).total_seconds()) < 60


def test_all_keys_are_listed_over_several_pages(scene: Scene) -> None:
    for number in range(201):
        title = f"rotating-secret {'0' * 16}-{number:036}"
        scene.github.add_deploy_key(scene.repository, f"ssh-ed25519 {number}", title=title)
    assert len(scene.strategy().inventory()) == 201


def test_a_deleted_key_is_rejected(scene: Scene) -> None:
    strategy = scene.strategy()
    made = strategy.issue(_MARK)
    scene.github.deploy_keys.clear()
    scene.refusal(CredentialRejected, "deploy key .* of repository", lambda: strategy.verify(made))


def test_an_inaccessible_repository_has_another_error_than_a_deleted_key(scene: Scene) -> None:
    strategy = scene.strategy()
    made = strategy.issue(_MARK)
    scene.github.tokens[0].repositories = []
    scene.refusal(ConfigurationError, "has no access to it. Correct", lambda: strategy.verify(made))


def test_deploy_keys_that_were_disabled_later_have_their_own_error(scene: Scene) -> None:
    strategy = scene.strategy()
    made = strategy.issue(_MARK)
    scene.repository.deploy_keys_allowed = False
    forbidden = "does not accept deploy keys. Have an owner of the organization allow them"
    scene.refusal(ConfigurationError, forbidden, lambda: strategy.verify(made))
    refused = scene.refusal(ConfigurationError, forbidden, lambda: strategy.issue(_MARK))
    assert not refused.answer_lost
    assert len(scene.keys()) == 1


@pytest.mark.parametrize(
    ("field", "shown", "error", "told"),
    [
        pytest.param(
            "key", "ssh-ed25519 AAAA", ProtocolError, "an unexpected string for key", id="key"
        ),
        pytest.param("read_only", False, ProtocolError, "true, as requested", id="rights"),
        pytest.param("verified", False, CredentialRejected, "may|rejected", id="unverified"),
    ],
)
def test_a_key_that_differs_from_the_request_is_not_used(
    scene: Scene, field: str, shown: object, error: type[RotationError], told: str
) -> None:
    strategy = scene.strategy()
    made = strategy.issue(_MARK)

    def amend(answer: Response) -> Response:
        body: Any = answer.body
        asked = body and "verified" in body
        return dataclasses.replace(answer, body={**body, field: shown}) if asked else answer

    scene.github.amend = amend
    scene.refusal(error, told, lambda: strategy.verify(made))
    # A new key like that is deleted at once.
    scene.refusal(error, told, lambda: strategy.issue(_MARK))
    assert len(scene.keys()) == 1


_FIELDS: Final = "returned {} for {}; expected .* Rotate again"


@pytest.mark.parametrize(
    ("request_line", "field", "shown", "found"),
    [
        pytest.param("POST", "id", None, "nothing", id="made-no-id"),
        pytest.param("POST", "id", 0, "a number", id="made-id-zero"),
        pytest.param("POST", "key", 7, "a number", id="made-key"),
        pytest.param("POST", "read_only", None, "nothing", id="made-rights"),
        pytest.param("LIST", "id", "1", "an unexpected string", id="listed-id"),
        pytest.param("LIST", "title", None, "nothing", id="listed-title"),
        pytest.param("LIST", "created_at", "today", "an unexpected string", id="listed-time"),
        pytest.param("GET", "verified", None, "nothing", id="shown-verified"),
        pytest.param("GET", "enabled", "no", "an unexpected string", id="shown-enabled"),
        pytest.param(
            "REPOSITORY", "ssh_url", "-oProxyCommand=x", "an unexpected string", id="ssh-url"
        ),
        pytest.param("REPOSITORY", "ssh_url", None, "nothing", id="no-ssh-url"),
    ],
)
def test_a_response_with_a_wrong_field_is_rejected(
    request_line: str, field: str, shown: object, found: str
) -> None:
    """On the fake, because the local GitHub never responds like that."""
    rotation = prepared("github_deploy_key", "steady")
    name = {"POST": "create_key", "LIST": "list_keys", "GET": "get_key"}
    service = rotation.service
    assert isinstance(service, DeployKeys)

    def wrong(called: str, reply: Any) -> Any:  # noqa: ANN401 -- a reply
        if called != name.get(request_line, "get_repository"):
            return reply
        body = json.loads(reply.body)
        corrupted = {**(body[0] if isinstance(body, list) else body), field: shown}
        content = [corrupted] if isinstance(body, list) else corrupted
        return dataclasses.replace(reply, body=json.dumps(content).encode())

    service.wrong = wrong
    token = rotation.stage()
    with pytest.raises(ProtocolError, match=_FIELDS.format(found, field)):
        rotation.steps(token)
    service.wrong = None
    rotation.retry(token)
    assert_converged(rotation)


def test_an_endless_list_is_an_error() -> None:
    rotation = prepared("github_deploy_key", "steady")
    service = rotation.service
    assert isinstance(service, DeployKeys)

    def wrong(called: str, reply: Any) -> Any:  # noqa: ANN401 -- a reply
        body = json.loads(reply.body or b"null")
        return (
            dataclasses.replace(reply, body=json.dumps(body * 50).encode())
            if called == "list_keys"
            else reply
        )

    service.wrong = wrong
    with pytest.raises(ProtocolError, match="returned more than 100 pages"):
        rotation.steps(rotation.stage())


def test_a_retired_key_is_deleted_even_twice(scene: Scene) -> None:
    strategy = scene.strategy()
    made = strategy.issue(_MARK)
    for _ in range(2):
        strategy.retire(_issued(made), made)
        assert scene.keys() == []


def test_a_token_without_write_permission_has_its_own_error(scene: Scene) -> None:
    strategy = scene.strategy()
    made = strategy.issue(_MARK)
    scene.github.tokens[0].permissions = {"administration": "read", "metadata": "read"}
    needed = "Grant the App or the token administration=write and have an owner"
    for act in (lambda: strategy.retire(_issued(made), None), lambda: strategy.issue(_MARK)):
        scene.refusal(PermissionDenied, needed, act)

    def hidden(answer: Response) -> Response:
        body = {"message": "Not Found", "documentation_url": "https://docs.github.com"}
        not_found = Response(status=404, body={**body, "status": "404"})
        return not_found if answer.status == 403 else answer

    # GitHub's response to some tokens: a missing permission looks like a deleted key.
    scene.github.amend = hidden
    scene.refusal(PermissionDenied, needed, lambda: strategy.retire(_issued(made), None))


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "text"])
def test_a_token_in_another_secret_adds_and_deletes_keys(scene: Scene, *, as_json: bool) -> None:
    token = scene.personal_token()
    text = json.dumps({"token": token, "username": "mona"}) if as_json else f"{token}\n"
    secret = SecretsManager(text)
    strategy = scene.by_token(secret)
    made = strategy.issue(_MARK)
    strategy.verify(made)
    assert secret.reads == 1
    assert scene.keys()[0].added_by == "mona"
    assert token not in json.dumps(_value(made))
    strategy.retire(_issued(made), made)
    assert scene.keys() == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(None, id="binary"),
        pytest.param("", id="empty"),
        pytest.param("two words", id="two-words"),
        pytest.param("ghp_a\r\nX-Injected: x", id="header"),
        pytest.param('{"password": "x"}', id="other-json"),
        pytest.param('{"token": 7}', id="number"),
        pytest.param('["ghp_a"]', id="list"),
        pytest.param("[" * 60_000, id="brackets"),
    ],
)
def test_a_secret_without_a_token_is_refused(scene: Scene, text: str | None) -> None:
    strategy = scene.by_token(SecretsManager(text))
    scene.refusal(ConfigurationError, "must have a token, .* token_secret_arn", strategy.inventory)
    assert scene.github.requests == []


@pytest.mark.parametrize(
    ("code", "error", "cure"),
    [
        pytest.param(
            "ResourceNotFoundException", ConfigurationError, "must have a token", id="none"
        ),
        pytest.param(
            "AccessDeniedException", PermissionDenied, "secretsmanager:GetSecretValue", id="denied"
        ),
        pytest.param("DecryptionFailure", PermissionDenied, "a key policy", id="key"),
        pytest.param("ThrottlingException", ServiceUnavailable, "GetSecretValue", id="throttled"),
    ],
)
def test_a_token_that_cannot_be_read_has_its_own_error(
    scene: Scene, code: str, error: type[RotationError], cure: str
) -> None:
    secret = SecretsManager("ghp_a")
    secret.trouble = client_error("GetSecretValue", code, text="ghp_a")
    scene.refusal(error, cure, scene.by_token(secret).inventory)


def test_an_expired_token_has_its_own_error(scene: Scene) -> None:
    strategy = scene.by_token(SecretsManager("ghp_of_yesterday"))
    cure = "rejected the token in .*github/token.*Put a valid token"
    scene.refusal(ConfigurationError, cure, strategy.inventory)


def test_a_token_of_an_app_that_is_too_new_has_its_own_error(scene: Scene) -> None:
    strategy = scene.strategy()
    strategy.inventory()
    scene.github.move_clock(3601)
    scene.refusal(CredentialRejected, "the token of installation", strategy.inventory)


@pytest.mark.parametrize(
    ("break_it", "cure"),
    [
        pytest.param(
            lambda scene: scene.installation.permissions.update(administration="read"),
            "does not have administration: write. Add",
            id="permission",
        ),
        pytest.param(
            lambda scene: setattr(scene.installation, "repositories", []),
            "does not have one of the repositories",
            id="repository",
        ),
        pytest.param(
            lambda scene: scene.github.suspend(scene.installation), "is suspended", id="suspended"
        ),
        pytest.param(
            lambda scene: scene.github.uninstall(scene.installation),
            "was uninstalled, or",
            id="uninstalled",
        ),
    ],
)
def test_a_missing_app_permission_is_named_in_the_error(
    scene: Scene, break_it: Callable[[Scene], object], cure: str
) -> None:
    break_it(scene)
    scene.refusal(ConfigurationError, cure, scene.strategy().inventory)


def test_a_repository_of_another_account_is_not_used(scene: Scene) -> None:
    scene.github.add_repository("mona/reports")
    strategy = scene.strategy(repository="mona/reports")
    scene.refusal(ConfigurationError, "mona/reports .* has no access to it", strategy.inventory)


def test_a_renamed_repository_is_not_followed(scene: Scene) -> None:
    strategy = scene.strategy()
    strategy.inventory()
    scene.github.rename(scene.repository, "octo-org/figures")
    for act in (strategy.inventory, lambda: strategy.issue(_MARK)):
        scene.refusal(ConfigurationError, "has moved to another name or address", act)


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize(
    ("switches", "pause"),
    [
        pytest.param({"secondary_limit": True, "secondary_retry_after": 7}, 7, id="retry-after"),
        pytest.param({"primary_remaining": 0, "primary_reset_seconds": 90}, 90, id="primary"),
    ],
)
def test_a_rate_limit_shows_when_it_is_over(
    scene: Scene, status: int, switches: dict[str, Any], pause: int
) -> None:
    strategy = scene.strategy()
    strategy.inventory()
    with scene.github.switched(limit_status=status, **switches):
        error = scene.refusal(
            ServiceUnavailable, "exceeds a rate limit of the service until 20", strategy.inventory
        )
    assert isinstance(error, ServiceUnavailable)
    assert error.pause is not None
    assert pause - 3 <= error.pause <= pause + 3


def test_a_key_whose_response_was_lost_is_found_by_its_mark(scene: Scene) -> None:
    strategy = scene.strategy()
    scene.github.lose_response("POST /repos/{owner}/{repo}/keys", carried_out=True)
    error = scene.refusal(
        ServiceUnavailable, "got no usable response", lambda: strategy.issue(_MARK)
    )
    assert error.answer_lost
    assert [one.mark for one in strategy.inventory()] == [_MARK]


@pytest.mark.parametrize(
    "absent",
    [
        "cryptography",
        # A layer for another architecture or version of Python does not have this.
        "cryptography.hazmat.bindings._rust",
    ],
)
def test_a_missing_library_has_its_own_error(
    scene: Scene, absent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("cryptography")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, absent, None)
    cure = "Make a layer with it .* Add the layer's ARN to function.layers"
    scene.refusal(ConfigurationError, cure, scene.strategy)
    assert scene.github.requests == []


# On the fakes


def test_only_the_previous_version_is_read_and_no_attempt_recorded() -> None:
    rotation = prepared("github_deploy_key", "steady")
    rotation.steps(rotation.stage())
    assert rotation.secret.tags == {}
    assert "list_secret_version_ids" not in rotation.cloud.fuse.calls


def test_a_rotation_within_the_overlap_leaves_the_previous_key_for_the_next() -> None:
    rotation = prepared("github_deploy_key", "one_current")
    service = rotation.service
    for expected in (2, 3):
        rotation.steps(rotation.stage())
        assert len(service.ours()) == expected
    rotation.rotate()
    assert_converged(rotation)
    assert len(service.ours()) == 2


def test_two_secrets_rotate_keys_of_one_repository() -> None:
    first = prepared("github_deploy_key", "steady")
    other = dataclasses.replace(first, secret=first.cloud.add_secret("reports/second"))
    other.rotate()
    for _ in range(3):
        for rotation in (other, first):
            rotation.rotate()
        # Neither has taken a key of the other for an orphan.
        for rotation in (first, other):
            for label in ("AWSCURRENT", "AWSPREVIOUS"):
                assert rotation.service.works(rotation.secret.value(label))
    assert len(first.service.ours()) == 4
    assert "list_secret_version_ids" not in first.cloud.fuse.calls


def test_an_orphan_of_another_secret_is_not_deleted() -> None:
    rotation = prepared("github_deploy_key", "steady")
    service = rotation.service
    assert isinstance(service, DeployKeys)
    mark = "f" * 16 + "-" + "0" * 36
    service.add("ssh-ed25519 AAAA", title=f"rotating-secret {mark}")
    rotation.rotate()
    assert len(service.ours()) == 3


@pytest.mark.parametrize("side", Side)
def test_with_a_token_in_another_secret_each_crash_converges(side: Side) -> None:
    rehearsal = github_deploy_key_by_token(Cloud())
    rehearsal.rotate()
    assert "get_secret_value" in rehearsal.cloud.fuse.calls
    assert "sign" not in rehearsal.cloud.fuse.calls
    rehearsal.cloud.fuse.arm()
    rehearsal.rotate()
    for number in range(1, len(rehearsal.cloud.fuse.calls) + 1):
        rotation = github_deploy_key_by_token(Cloud())
        rotation.rotate()
        rotation.wait_out_the_overlap()
        rotation.cloud.fuse.arm(watched(rotation), kill(number, side))
        token = rotation.stage()
        with pytest.raises(Killed):
            rotation.steps(token)
        rotation.retry(token)
        assert_converged(rotation)
