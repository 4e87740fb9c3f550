"""An installation access token of a GitHub App."""

import json
import urllib.request
from collections.abc import Mapping

from testing.harness.account import Aws
from tests.faults.proxy import Fault
from tests.load.subject import Json, NotWorkingError, Subject
from tests.strategies import RotatorUnderTest

_KMS_KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def _list_repositories(_aws: Aws, _outputs: Json, value: Mapping[str, str]) -> None:
    request = urllib.request.Request(  # noqa: S310 -- the token's own GitHub
        f"{value['api_url']}/installation/repositories",
        headers={"Authorization": f"Bearer {value['token']}"},
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310 -- the same
        if [one["name"] for one in json.load(answer)["repositories"]] != ["reports"]:
            raise NotWorkingError


STRATEGY = RotatorUnderTest(
    name="github_app_token",
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
)
