"""An installation access token of a GitHub App."""

import contextlib
import json
import urllib.request
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final

from testing.harness.account import Aws, Secret
from tests.e2e.github import SIGN, app
from tests.e2e.scenarios import REVOKE, SEARCH, Grants, a_clean_rotation, a_revocation
from tests.e2e.walk import Walk
from tests.faults.proxy import Fault
from tests.leaks.failures import Leaks, denied, wrong_content
from tests.load.subject import Json, NotWorkingError, Subject
from tests.strategies import (
    NOT_SHOWN,
    PASTED,
    Change,
    Effect,
    RotatorUnderTest,
    Rule,
)
from tests.unit.bad_input import ABSENT, HEADER, UNKNOWN, BadInput
from tests.unit.cloud import Cloud
from tests.unit.github import APP_ROWS, APP_TOKEN, GitHub
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

    local_only = "Its function uses the local GitHub, which AWS cannot reach."
    # The tests of grants rotate it with the deployed function, too.
    guarded_by = "tests/e2e/test_grants.py"

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
        accepted={"api_url": "https://github.example:65535/api/v3"},
    ),
    Rule(
        id="client_id",
        text="rotation.github_app_token.client_id must be the client ID",
        refused={"client_id": PASTED},
        found=NOT_SHOWN,
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
        id="kms_key_arn-elsewhere",
        text="rotation.github_app_token.kms_key_arn must be in the region of this module",
        refused={"kms_key_arn": _KMS_KEY.replace("arn:aws:", "arn:aws-cn:")},
        found=f'"{_KMS_KEY.replace("arn:aws:", "arn:aws-cn:")}".',
        accepted={"kms_key_arn": _KMS_KEY.replace("123456789012", "210987654321")},
    ),
    Rule(
        id="api_url-of-the-pages",
        text="rotation.github_app_token.api_url must be the address of the API",
        refused={"api_url": "https://www.github.com"},
        found='"https://www.github.com".',
        accepted={"api_url": "https://github.company.com/api/v3"},
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
        id="constants-null",
        text="rotation.github_app_token.constants must not have a null",
        refused={"constants": {"a": None}},
        found='["a"].',
        accepted={"constants": {"a": ""}},
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


_LEVELS = "an object of permissions: read, write or admin"
_REPOSITORIES = "names of repositories, without the owner"
_NO_GITHUB_VALUE = (
    "must be a JSON object with the strings token, expires_at and api_url and the number"
)

_BAD_INPUT = BadInput(
    options=[
        *APP_ROWS,
        ("permissions", "absent", ABSENT, "an object of strings"),
        ("permissions", "list", ["contents"], "an object of strings"),
        ("permissions", "empty", {}, _LEVELS),
        ("permissions", "unknown", {"contents": "all"}, _LEVELS),
        ("permissions", "other-case", {"contents": "Read"}, _LEVELS),
        ("repositories", "absent", ABSENT, "a list of strings"),
        ("repositories", "text", "reports", "a list of strings"),
        ("repositories", "number-in-it", [7], "a list of strings"),
        ("repositories", "empty", [], _REPOSITORIES),
        ("repositories", "with-owner", ["octo-org/reports"], _REPOSITORIES),
        ("repositories", "wildcard", ["*"], _REPOSITORIES),
        ("revoke_previous", "absent", ABSENT, "true or false"),
        ("revoke_previous", "null", None, "true or false"),
        ("revoke_previous", "text", "true", "true or false"),
        ("revoke_previous", "number", 1, "true or false"),
        ("revoke_previuos", "misspelt", True, UNKNOWN),
    ],
    fields=[
        ("token", "absent", ABSENT, _NO_GITHUB_VALUE),
        ("token", "null", None, _NO_GITHUB_VALUE),
        ("token", "empty", "", _NO_GITHUB_VALUE),
        ("token", "number", 7, _NO_GITHUB_VALUE),
        ("token", "space", "ghs_a b", _NO_GITHUB_VALUE),
        ("token", "header", f"ghs_a{HEADER}", _NO_GITHUB_VALUE),
        ("token", "other-letters", "ghs_ä", _NO_GITHUB_VALUE),
        ("token", "long", "g" * 4097, _NO_GITHUB_VALUE),
        ("expires_at", "absent", ABSENT, _NO_GITHUB_VALUE),
        ("expires_at", "number", 1893456000, _NO_GITHUB_VALUE),
        ("expires_at", "no-zone", "2030-01-01T12:00:00", _NO_GITHUB_VALUE),
        ("expires_at", "month-13", "2030-13-01T12:00:00Z", _NO_GITHUB_VALUE),
        ("expires_at", "line-end", "2030-01-01T12:00:00Z\n", _NO_GITHUB_VALUE),
        ("expires_at", "other-digits", "٢٠٣٠-01-01T12:00:00Z", _NO_GITHUB_VALUE),
        ("api_url", "absent", ABSENT, _NO_GITHUB_VALUE),
        ("api_url", "plaintext", "http://api.github.com", _NO_GITHUB_VALUE),
        ("api_url", "header", f"https://api.github.com{HEADER}", _NO_GITHUB_VALUE),
        (
            "api_url",
            "other-server",
            "https://github.example",
            "has a credential of another owner than",
        ),
        ("installation_id", "absent", ABSENT, _NO_GITHUB_VALUE),
        ("installation_id", "text", "4711", _NO_GITHUB_VALUE),
        ("installation_id", "boolean", True, _NO_GITHUB_VALUE),
        ("installation_id", "half", 0.5, _NO_GITHUB_VALUE),
        ("installation_id", "other-installation", 4712, "has a credential of another owner than"),
    ],
)

STRATEGY = RotatorUnderTest(
    name="github_app_token",
    rules=_RULES,
    root_rules=(
        Rule(
            id="minimum_overlap_minutes-of-what-expires",
            text="minimum_overlap_minutes must not be set for",
            refused={"minimum_overlap_minutes": 0},
            found="0.",
            accepted={},
        ),
        Rule(
            id="schedule_expression-of-what-expires",
            text="schedule_expression must rotate at least every",
            refused={"schedule_expression": "rate(51 minutes)"},
            found='"rate(51 minutes)".',
            accepted={"schedule_expression": "cron(0/20 * * * ? *)"},
        ),
    ),
    changes={
        "api_url": Change(effect=Effect.REFUSED, after="https://github.example.com/api/v3"),
        "client_id": Change(effect=Effect.ROTATES, after="Iv23liBbCdEfGhIjKlMn"),
        "constants": Change(effect=Effect.CARRIED, after={"a": "b"}),
        "installation_id": Change(effect=Effect.REFUSED, after=1),
        "kms_key_arn": Change(
            effect=Effect.ROTATES, after=_KMS_KEY.replace("1234abcd", "4321abcd")
        ),
        "permissions": Change(effect=Effect.ROTATES, after={"contents": "write"}),
        "repositories": Change(effect=Effect.ROTATES, after=["invoices"]),
        "revoke_previous": Change(effect=Effect.CARRIED, after=True),
    },
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
        scenarios={
            **REVOKE,
            **dict.fromkeys(SEARCH, a_revocation),
            ("SignForTheApp", "kms:Sign"): a_clean_rotation,
        },
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
        bad_input=_BAD_INPUT,
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
