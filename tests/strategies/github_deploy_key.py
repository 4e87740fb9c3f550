"""A deploy key of a GitHub repository."""

import contextlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path

from rotation.services.github.ssh import fit, generate
from testing.harness.account import Aws, Secret
from tests.e2e.github import app, layer
from tests.e2e.scenarios import REVOKE, SEARCH, Grants, a_clean_rotation, a_customer_key
from tests.e2e.walk import Walk
from tests.faults.proxy import Fault
from tests.leaks.failures import Leaks, denied, wrong_content
from tests.load.subject import Json, NotWorkingError, Subject
from tests.strategies import (
    NOT_SHOWN,
    PASTED,
    Change,
    Effect,
    Refusal,
    RotatorUnderTest,
    Rule,
)
from tests.unit.bad_input import ABSENT, ARN, HEADER, UNKNOWN, BadInput
from tests.unit.cloud import Cloud
from tests.unit.github import (
    APP_ROWS,
    DEPLOY_KEY,
    REPOSITORIES,
    DeployKeys,
    HeldToken,
    deploy_key_by,
)
from tests.unit.github import strategy as built_with
from tests.unit.rotator import Rotation
from tests.unit.subject import CONSTANTS, Kind, Unit, held_by_service

_TOKEN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:github/token-a1B2c3"  # noqa: S105 -- an ARN
_KMS_KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def _compare(_aws: Aws, _outputs: Json, value: Mapping[str, str]) -> None:
    """No git server is here to log in to, so the two keys must be a pair."""
    if not fit(value["private_key"], value["public_key"]):
        raise NotWorkingError


class _Walk(Walk):
    """The value is a deploy key; GitHub has it until the rotation after the next."""

    local_only = "Its function uses the local GitHub, which AWS cannot reach."
    # These deploy and rotate it, too.
    guarded_by = "tests/e2e/test_grants.py"

    @contextlib.contextmanager
    def prepared(self, aws: Aws) -> Iterator[None]:
        with (
            app(aws, self.github, "octo-org/reports") as variables,
            tempfile.TemporaryDirectory() as folder,
        ):
            self.variables |= {**variables, "layer": layer(Path(folder))}
            yield

    def require_promised(self, aws: Aws, secret: Secret) -> None:
        super().require_promised(aws, secret)
        # The repositories of other tests are on the same GitHub.
        held = [
            key for key in self.github.deploy_keys if key.repository.full_name == "octo-org/reports"
        ]
        named = [json.loads(text) for text in self.values[-2:]]
        assert [(key.id, key.key) for key in held] == [
            (value["key_id"], value["public_key"]) for value in named
        ]
        for key, value in zip(held, named, strict=True):
            assert key.read_only
            assert self.github.authenticates(value["private_key"], key.repository)


_ALIAS = "arn:aws:kms:eu-west-1:123456789012:alias/reports"
_APP = {"client_id": "Iv23liAbCdEfGhIjKlMn", "installation_id": 12345678, "kms_key_arn": _KMS_KEY}

_RULES = (
    Rule(
        id="api_url",
        text="rotation.github_deploy_key.api_url must start with https://",
        refused={"api_url": "http://api.github.com"},
        found='"http://api.github.com".',
        accepted={"api_url": "https://github.example:65535/api/v3"},
    ),
    Rule(
        id="app",
        text="rotation.github_deploy_key must have exactly one of app and token_secret_arn",
        refused={"token_secret_arn": _TOKEN},
        found="both.",
        accepted={"app": None, "token_secret_arn": _TOKEN},
    ),
    Rule(
        id="app.client_id",
        text="rotation.github_deploy_key.app.client_id must be the client ID",
        refused={"app": _APP | {"client_id": PASTED}},
        found=NOT_SHOWN,
        accepted={"app": _APP | {"client_id": "Iv1.0123456789abcdef"}},
    ),
    Rule(
        id="app.installation_id",
        text="rotation.github_deploy_key.app.installation_id must be the number at the end",
        refused={"app": _APP | {"installation_id": 0}},
        found="0.",
        accepted={"app": _APP | {"installation_id": 1}},
    ),
    Rule(
        id="app.kms_key_arn",
        text="rotation.github_deploy_key.app.kms_key_arn must be the ARN of the KMS key",
        refused={"app": _APP | {"kms_key_arn": _ALIAS}},
        found=f'"{_ALIAS}".',
        accepted={"app": _APP | {"kms_key_arn": _KMS_KEY}},
    ),
    Rule(
        id="api_url-of-the-pages",
        text="rotation.github_deploy_key.api_url must be the address of the API",
        refused={"api_url": "https://github.com/octo-org"},
        found='"https://github.com/octo-org".',
        accepted={"api_url": "https://github.company.com/api/v3"},
    ),
    Rule(
        id="kms_key_arn-elsewhere",
        text="rotation.github_deploy_key.app.kms_key_arn and token_kms_key_arn must be in",
        refused={"app": _APP | {"kms_key_arn": _KMS_KEY.replace("west-1", "west-2")}},
        found=f'["{_KMS_KEY.replace("west-1", "west-2")}"].',
        accepted={"app": _APP | {"kms_key_arn": _KMS_KEY.replace("1234567890", "2109876543")}},
    ),
    Rule(
        id="token_secret_arn",
        text="rotation.github_deploy_key.token_secret_arn must be the full ARN of the secret",
        refused={"app": None, "token_secret_arn": PASTED},
        found=NOT_SHOWN,
        accepted={"app": None, "token_secret_arn": _TOKEN.replace("token", "other_token")},
    ),
    Rule(
        id="token_secret_arn-elsewhere",
        text="rotation.github_deploy_key.token_secret_arn must be in the region of this module",
        refused={"app": None, "token_secret_arn": _TOKEN.replace("west-1", "west-2")},
        found=f'"{_TOKEN.replace("west-1", "west-2")}".',
        accepted={"app": None, "token_secret_arn": _TOKEN},
    ),
    Rule(
        id="token_kms_key_arn",
        text="rotation.github_deploy_key.token_kms_key_arn must be the ARN of the customer key",
        refused={"app": None, "token_kms_key_arn": _ALIAS, "token_secret_arn": _TOKEN},
        found=f'"{_ALIAS}".',
        accepted={"app": None, "token_kms_key_arn": _KMS_KEY, "token_secret_arn": _TOKEN},
    ),
    Rule(
        id="key_type",
        text='rotation.github_deploy_key.key_type must be "ed25519" or "rsa"',
        refused={"key_type": "dsa"},
        found='"dsa".',
        accepted={"key_type": "rsa"},
    ),
    Rule(
        id="repository",
        text="rotation.github_deploy_key.repository must be a repository with its owner",
        refused={"repository": "reports"},
        found='"reports".',
        accepted={"repository": "octo_org/.github"},
    ),
    Rule(
        id="constants",
        text="rotation.github_deploy_key.constants must not have a key that the deploy key's",
        refused={"constants": {"private_key": "x"}},
        found='["private_key"].',
        accepted={"constants": {"branch": "main"}},
    ),
    Rule(
        id="constants-null",
        text="rotation.github_deploy_key.constants must not have a null",
        refused={"constants": {"a": None}},
        found='["a"].',
        accepted={"constants": {"a": ""}},
    ),
)


def _secret(cloud: Cloud) -> Rotation:
    return _deploy_key(cloud, DeployKeys(cloud), DEPLOY_KEY)


def github_deploy_key_by_token(cloud: Cloud) -> Rotation:
    """Rotate with a token in another secret, which adds and removes the keys."""
    github, token = DeployKeys(cloud), "github_pat_of_a_person"
    github.tokens[token] = HeldToken(
        expires=cloud.time.now + timedelta(days=366), repositories=REPOSITORIES
    )
    held = cloud.add_secret("github/token", json.dumps({"token": token}))
    return _deploy_key(cloud, github, deploy_key_by(held.arn))


def _deploy_key(cloud: Cloud, github: DeployKeys, options: Mapping[str, object]) -> Rotation:
    return Rotation(
        cloud=cloud,
        secret=cloud.add_secret("reports/deploy-key"),
        strategy=partial(built_with, "github_deploy_key", options, github),
        service=github,
        constants=CONSTANTS,
    )


_A_KEY_TYPE = "ed25519 or rsa"
_A_REPOSITORY = "a repository with its owner, such as octo-org/reports"
_A_SECRET = "the ARN of a secret, or null"  # noqa: S105 -- what an option allows
_NO_KEY_PAIR = "must be a JSON object with the strings private_key and public_key, which"
_ANOTHER_PAIR = generate("ed25519")

_BAD_INPUT = BadInput(
    options=[
        *APP_ROWS,
        ("key_type", "absent", ABSENT, _A_KEY_TYPE),
        ("key_type", "null", None, _A_KEY_TYPE),
        ("key_type", "unknown", "dsa", _A_KEY_TYPE),
        ("key_type", "other-case", "Ed25519", _A_KEY_TYPE),
        ("key_type", "pattern", "ed25519|rsa", _A_KEY_TYPE),
        ("read_only", "absent", ABSENT, "true or false"),
        ("read_only", "null", None, "true or false"),
        ("read_only", "text", "false", "true or false"),
        ("read_only", "number", 0, "true or false"),
        ("repository", "absent", ABSENT, _A_REPOSITORY),
        ("repository", "number", 7, _A_REPOSITORY),
        ("repository", "no-owner", "reports", _A_REPOSITORY),
        ("repository", "address", "https://github.com/octo-org/reports", _A_REPOSITORY),
        ("repository", "parent", "octo-org/..", _A_REPOSITORY),
        ("repository", "query", "octo-org/reports?x=y", _A_REPOSITORY),
        ("repository", "line-end", "octo-org/reports\n", _A_REPOSITORY),
        ("repository", "header", f"octo-org/reports{HEADER}", _A_REPOSITORY),
        ("repository", "other-letters", "octo-org/r\u0435ports", _A_REPOSITORY),
        ("token_secret_arn", "empty", "", _A_SECRET),
        ("token_secret_arn", "number", 7, _A_SECRET),
        ("token_secret_arn", "name", "github/token", _A_SECRET),
        ("token_secret_arn", "other-service", ARN.replace("secretsmanager", "ssm"), _A_SECRET),
        ("token_secret_arn", "line-end", f"{ARN}\n", _A_SECRET),
        ("readonly", "misspelt", True, UNKNOWN),
    ],
    fields=[
        ("private_key", "absent", ABSENT, _NO_KEY_PAIR),
        ("private_key", "null", None, _NO_KEY_PAIR),
        ("private_key", "empty", "", _NO_KEY_PAIR),
        ("private_key", "number", 7, _NO_KEY_PAIR),
        ("private_key", "of-another-pair", _ANOTHER_PAIR.private_key, _NO_KEY_PAIR),
        ("private_key", "truncated", _ANOTHER_PAIR.private_key[:200], _NO_KEY_PAIR),
        ("private_key", "no-last-line-end", _ANOTHER_PAIR.private_key[:-1], _NO_KEY_PAIR),
        ("private_key", "endless", _ANOTHER_PAIR.private_key * 30, _NO_KEY_PAIR),
        ("private_key", "pkcs-8", "-----BEGIN PRIVATE KEY-----\nMIIE\n", _NO_KEY_PAIR),
        ("private_key", "other-letters", "\u0435", _NO_KEY_PAIR),
        ("public_key", "absent", ABSENT, _NO_KEY_PAIR),
        ("public_key", "number", 7, _NO_KEY_PAIR),
        ("public_key", "of-another-pair", _ANOTHER_PAIR.public_key, _NO_KEY_PAIR),
        ("public_key", "comment", f"{_ANOTHER_PAIR.public_key} me@here", _NO_KEY_PAIR),
        ("public_key", "header", f"{_ANOTHER_PAIR.public_key}{HEADER}", _NO_KEY_PAIR),
        ("key_id", "absent", ABSENT, _NO_KEY_PAIR),
        ("key_id", "text", "7", _NO_KEY_PAIR),
        ("key_id", "boolean", True, _NO_KEY_PAIR),
        ("key_id", "none", 0, _NO_KEY_PAIR),
        ("key_id", "half", 0.5, _NO_KEY_PAIR),
        ("key_id", "beyond-json", 2**53, _NO_KEY_PAIR),
        ("read_only", "absent", ABSENT, _NO_KEY_PAIR),
        ("read_only", "text", "true", _NO_KEY_PAIR),
        ("read_only", "number", 1, _NO_KEY_PAIR),
        ("repository", "absent", ABSENT, _NO_KEY_PAIR),
        ("repository", "no-owner", "reports", _NO_KEY_PAIR),
        ("repository", "parent", "octo-org/..", _NO_KEY_PAIR),
        ("repository", "line-end", "octo-org/reports\n", _NO_KEY_PAIR),
        (
            "repository",
            "other-repository",
            "octo-org/ledger",
            "has a credential of another owner than",
        ),
        ("ssh_url", "absent", ABSENT, _NO_KEY_PAIR),
        ("ssh_url", "option", "-oProxyCommand=x@github.com:octo-org/reports", _NO_KEY_PAIR),
        ("ssh_url", "https", "https://github.com/octo-org/reports.git", _NO_KEY_PAIR),
        ("ssh_url", "line-end", "git@github.com:octo-org/reports.git\n", _NO_KEY_PAIR),
        ("api_url", "absent", ABSENT, _NO_KEY_PAIR),
        ("api_url", "plaintext", "http://api.github.com", _NO_KEY_PAIR),
        (
            "api_url",
            "other-server",
            "https://github.example",
            "has a credential of another owner than",
        ),
    ],
)

STRATEGY = RotatorUnderTest(
    name="github_deploy_key",
    rules=_RULES,
    root_rules=(
        Rule(
            id="function.layers-without-a-library",
            text="function.layers must include a layer with the Python library",
            refused={"function": None},
            found="no function.layers.",
            accepted={},
        ),
    ),
    root_refusals=(
        Refusal(
            id="deploy-keys-that-would-pile-up",
            text="The shortest time between two rotations must be longer than",
            refused={"schedule_expression": "rate(1 hour)"},
        ),
    ),
    changes={
        "api_url": Change(effect=Effect.REFUSED, after="https://github.example.com/api/v3"),
        "app": Change(effect=Effect.ROTATES, after=_APP | {"client_id": "Iv23liBbCdEfGhIjKlMn"}),
        "constants": Change(effect=Effect.CARRIED, after={"a": "b"}),
        "key_type": Change(effect=Effect.ROTATES, after="rsa"),
        "read_only": Change(effect=Effect.ROTATES, after=False),
        "repository": Change(effect=Effect.REFUSED, after="octo-org/invoices"),
        "token_kms_key_arn": Change(
            effect=Effect.ROTATES,
            after=_KMS_KEY.replace("1234abcd", "4321abcd"),
            before=_KMS_KEY,
            more={"app": None, "token_secret_arn": _TOKEN},
        ),
        "token_secret_arn": Change(
            effect=Effect.ROTATES,
            after=_TOKEN.replace("a1B2c3", "d4E5f6"),
            before=_TOKEN,
            more={"app": None},
        ),
    },
    options={
        "app": _APP,
        "repository": "octo-org/reports",
    },
    variables={
        "function": {"layers": ["arn:aws:lambda:eu-west-1:123456789012:layer:cryptography:1"]}
    },
    load=Subject(
        word="deploy-key",
        variables={"minimum_overlap_minutes": "0", "recovery_window_in_days": "0"},
        use=_compare,
        services=lambda services: {**services.github, "layer": services.layer},
    ),
    faults={"PutSecretValue": Fault.RESET},
    github_requests=(
        "POST /app/installations/{installation_id}/access_tokens",
        "GET /repos/{owner}/{repo}/keys",
        "POST /repos/{owner}/{repo}/keys",
        "GET /repos/{owner}/{repo}/keys/{key_id}",
        "DELETE /repos/{owner}/{repo}/keys/{key_id}",
    ),
    secret_fields=frozenset({"private_key"}),
    walks={"github-deploy-key": _Walk},
    grants=Grants(
        planned={
            "repository": "octo-org/reports",
            "token_kms_key_arn": _KMS_KEY,
            "token_secret_arn": _TOKEN,
        },
        rotation={
            "api_url": "${var.api_url}",
            "repository": "grants/reports",
            "token_kms_key_arn": "${aws_kms_key.this.arn}",
            "token_secret_arn": "${aws_secretsmanager_secret_version.token.arn}",
        },
        scenarios={
            **REVOKE,
            **SEARCH,
            ("ReadTheToken", "secretsmanager:GetSecretValue"): a_clean_rotation,
            ("DecryptTheToken", "kms:Decrypt"): a_customer_key,
        },
        reads="grants/token",
    ),
    leaks=Leaks(
        rotation={
            "api_url": "${var.github.api_url}",
            "app": {
                "client_id": "${var.github.client_id}",
                "installation_id": "${var.github.installation_id}",
                "kms_key_arn": "${var.github.kms_key_arn}",
            },
            "repository": "octo-org/reports",
        },
        failures={"wrong-content": wrong_content(lambda mark: json.dumps({"private_key": mark}))},
        slow_failures={
            "sign-denied": denied("kms:Sign"),
            "text": wrong_content(lambda mark: mark),
        },
        # The App's tokens, which add and remove the keys.
        issued=lambda _, github: {token.value for token in github.tokens},
    ),
    unit=Unit(
        bad_input=_BAD_INPUT,
        make=_secret,
        kind=Kind.MARKED,
        represents_kind=True,
        held=partial(held_by_service, "tokens"),
        printable=frozenset(
            {"api_url", "key_id", "public_key", "read_only", "repository", "ssh_url"}
        ),
    ),
)
