"""A deploy key of a GitHub repository."""

from collections.abc import Mapping

from rotation.services.github.ssh import fit
from testing.harness.account import Aws
from tests.faults.proxy import Fault
from tests.load.subject import Json, NotWorkingError, Subject
from tests.strategies import RotatorUnderTest

_KMS_KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def _compare(_aws: Aws, _outputs: Json, value: Mapping[str, str]) -> None:
    """No git server is here to log in to, so the two keys must be a pair."""
    if not fit(value["private_key"], value["public_key"]):
        raise NotWorkingError


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
)
