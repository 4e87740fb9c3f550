"""An installation access token of a GitHub App."""

import contextlib
import json
import urllib.request
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final

from testing.harness.account import Aws, Secret
from tests.e2e.github import SIGN, app
from tests.e2e.scenarios import Grants, a_clean_rotation
from tests.e2e.walk import Walk
from tests.faults.proxy import Fault
from tests.leaks.failures import Leaks, denied, wrong_content
from tests.load.subject import Json, NotWorkingError, Subject
from tests.strategies import RotatorUnderTest, Rule
from tests.unit.cloud import Cloud
from tests.unit.github import APP_TOKEN, GitHub
from tests.unit.github import strategy as built_with
from tests.unit.rotator import Rotation
from tests.unit.subject import CONSTANTS, Kind, Unit, held_by_service

_KMS_KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def _list_repositories(_aws: Aws, _outputs: Json, value: Mapping[str, str]) -> None:
    request = urllib.request.Request(  # noqa: S310 -- the token's own GitHub
        f"{value['api_url']}/installation/repositories",
        headers={"Authorization": f"Bearer {value['token']}"},
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310 -- the same
        if [one["name"] for one in json.load(answer)["repositories"]] != ["reports"]:
            raise NotWorkingError


_READ: Final = {"contents": "read", "metadata": "read"}


class _Walk(Walk):
    """The value is a token of an App; each token works for an hour."""

    @contextlib.contextmanager
    def prepared(self, aws: Aws) -> Iterator[None]:
        with app(aws, self.github, "octo-org/reports") as variables:
            self.variables |= variables
            yield

    def require_promised(self, aws: Aws, secret: Secret) -> None:
        super().require_promised(aws, secret)
        tokens = [json.loads(text)["token"] for text in self.values]
        assert all(self.github.accepts(token) for token in tokens)
        # Failed attempts made more tokens, which expire, too.
        made = [
            token
            for token in self.github.tokens
            if token.installation and token.installation.id == self.variables["installation_id"]
        ]
        assert all(token.permissions == _READ for token in made)
        assert {repository.name for token in made for repository in token.repositories or []} == {
            "reports"
        }


_RULES = (
    Rule(
        id="api_url",
        text="rotation.github_app_token.api_url must start with https://",
        refused={"api_url": "http://api.github.com"},
        found='"http://api.github.com".',
        accepted={"api_url": "https://github.example:8443/api/v3"},
    ),
    Rule(
        id="client_id",
        text="rotation.github_app_token.client_id must be the client ID",
        refused={"client_id": "my app"},
        found='"my app".',
        accepted={"client_id": "Iv1.0123456789abcdef"},
    ),
    Rule(
        id="installation_id",
        text="rotation.github_app_token.installation_id must be the number at the end",
        refused={"installation_id": 0},
        found="0.",
        accepted={"installation_id": 1},
    ),
    Rule(
        id="kms_key_arn",
        text="rotation.github_app_token.kms_key_arn must be the ARN of the KMS key",
        refused={"kms_key_arn": "arn:aws:kms:eu-west-1:123456789012:alias/reports"},
        found='"arn:aws:kms:eu-west-1:123456789012:alias/reports".',
        accepted={"kms_key_arn": _KMS_KEY},
    ),
    Rule(
        id="permissions",
        text="rotation.github_app_token.permissions must have at least one permission",
        refused={"permissions": {"contents": "all"}},
        found='{"contents":"all"}.',
        accepted={"permissions": {"contents": "write", "pull_requests": "read"}},
    ),
    Rule(
        id="repositories",
        text="rotation.github_app_token.repositories must have 1 to 500 names",
        refused={"repositories": ["octo-org/reports"]},
        found='["octo-org/reports"].',
        accepted={"repositories": ["reports", ".github"]},
    ),
    Rule(
        id="constants",
        text="rotation.github_app_token.constants must not have a key that the token's value",
        refused={"constants": {"username": "git"}},
        found='["username"].',
        accepted={"constants": {"remote": "origin"}},
    ),
    Rule(
        id="constants-too-long",
        text="rotation.github_app_token.constants must have at most 2048 characters",
        refused={"constants": {"a": "b" * 2048}},
        found="2056.",
        accepted={"constants": {"a": "b" * 2040}},
    ),
)


def _secret(cloud: Cloud, **changed: object) -> Rotation:
    github = GitHub(cloud)
    return Rotation(
        cloud=cloud,
        secret=cloud.add_secret("reports/token"),
        strategy=partial(built_with, "github_app_token", {**APP_TOKEN, **changed}, github),
        service=github,
        constants=CONSTANTS,
    )


STRATEGY = RotatorUnderTest(
    name="github_app_token",
    rules=_RULES,
    options={
        "client_id": "Iv23liAbCdEfGhIjKlMn",
        "installation_id": 12345678,
        "kms_key_arn": _KMS_KEY,
        "permissions": {"contents": "read"},
        "repositories": ["reports"],
    },
    load=Subject(
        word="github",
        variables={"recovery_window_in_days": "0"},
        use=_list_repositories,
        services=lambda services: services.github,
    ),
    faults={"Sign": Fault.UNAVAILABLE, "GetSecretValue": Fault.SKEWED},
    github_requests=(
        "POST /app/installations/{installation_id}/access_tokens",
        "GET /installation/repositories",
    ),
    secret_fields=frozenset({"token"}),
    walks={"github-app-token": _Walk},
    grants=Grants(
        planned={
            "client_id": "Iv23liAbCdEfGhIjKlMn",
            "installation_id": 12345678,
            "kms_key_arn": _KMS_KEY,
            "permissions": {"contents": "read"},
            "repositories": ["reports"],
        },
        rotation={
            "api_url": "${var.api_url}",
            "client_id": "${var.client_id}",
            "installation_id": "${var.installation_id}",
            "kms_key_arn": "${var.kms_key_arn}",
            "permissions": {"contents": "read"},
            "repositories": ["reports"],
            # This needs permissions at GitHub, and none of the role.
            "revoke_previous": True,
        },
        scenarios={("SignForTheApp", "kms:Sign"): a_clean_rotation},
        arguments=SIGN,
        variables={"minimum_overlap_minutes": None},
    ),
    leaks=Leaks(
        rotation={
            "api_url": "${var.github.api_url}",
            "client_id": "${var.github.client_id}",
            "installation_id": "${var.github.installation_id}",
            "kms_key_arn": "${var.github.kms_key_arn}",
            "permissions": {"contents": "read"},
            "repositories": ["reports"],
        },
        failures={"wrong-content": wrong_content(lambda mark: json.dumps({"token": mark}))},
        slow_failures={
            "sign-denied": denied("kms:Sign"),
            "text": wrong_content(lambda mark: mark),
        },
        issued=lambda _, github: {token.value for token in github.tokens},
        variables={"minimum_overlap_minutes": None, "schedule_expression": "rate(30 minutes)"},
    ),
    unit=Unit(
        make=_secret,
        kind=Kind.UNLISTED,
        represents_kind=True,
        held=partial(held_by_service, "tokens"),
        printable=frozenset(
            {
                *("api_url", "expires_at", "installation_id", "permissions", "repositories"),
                "username",
            }
        ),
        variants={"github_app_token_revoking": partial(_secret, revoke_previous=True)},
    ),
)
