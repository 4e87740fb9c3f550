"""A deploy key of a GitHub repository."""

import contextlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from rotation.services.github.ssh import fit
from testing.harness.account import Aws, Secret
from tests.e2e.github import app, layer
from tests.e2e.scenarios import SEARCH, Grants, a_clean_rotation, a_customer_key
from tests.e2e.walk import Walk
from tests.faults.proxy import Fault
from tests.leaks.failures import Leaks, denied, wrong_content
from tests.load.subject import Json, NotWorkingError, Subject
from tests.strategies import RotatorUnderTest

_TOKEN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:github/token-a1B2c3"  # noqa: S105 -- an ARN
_KMS_KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def _compare(_aws: Aws, _outputs: Json, value: Mapping[str, str]) -> None:
    """No git server is here to log in to, so the two keys must be a pair."""
    if not fit(value["private_key"], value["public_key"]):
        raise NotWorkingError


class _Walk(Walk):
    """The value is a deploy key; GitHub has it until the rotation after the next."""

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


STRATEGY = RotatorUnderTest(
    name="github_deploy_key",
    options={
        "app": {
            "client_id": "Iv23liAbCdEfGhIjKlMn",
            "installation_id": 12345678,
            "kms_key_arn": _KMS_KEY,
        },
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
)
