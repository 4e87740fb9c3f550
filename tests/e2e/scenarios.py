"""What each example finds in the account, and what is its own in the walk that all of them take."""

import contextlib
import json
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from botocore.exceptions import ClientError

from testing.harness.account import Aws, Secret, eventually, is_accepted, messages
from testing.harness.terraform import Terraform, TerraformError
from testing.local_github import LocalGitHub
from testing.local_logins import LocalLogins
from testing.local_redis import LocalRedis
from tests.e2e.bedrock import takes
from tests.e2e.github import app, layer
from tests.e2e.redis import redis_users

# Of a value that is JSON, these are secret; of any other the whole.
_SECRET_FIELDS: Final = {
    *("SecretAccessKey", "ServiceCredentialSecret", "password", "private_key", "signing_key"),
    "token",
}
_READ: Final = {"contents": "read", "metadata": "read"}


def _denied(action: str, **more: object) -> str:
    statement = {"Effect": "Deny", "Action": action, "Resource": "*", **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


_BROKEN: Final = _denied("secretsmanager:PutSecretValue")


def secret_parts(text: str) -> set[str]:
    """What of a value may stand nowhere but in the secret."""
    try:
        value = json.loads(text)
    except ValueError:
        return {text}
    parts = {value[name] for name in _SECRET_FIELDS & value.keys()}
    # Of a private key the line that no other one begins with, as ends of lines have many spellings.
    return {part.splitlines()[4] if "\n" in part else part for part in parts}


class Rotated:
    """An example whose secret a function rotates."""

    def __init__(self, github: LocalGitHub, logins: LocalLogins | None, redis: LocalRedis) -> None:
        self.github = github
        self.logins = logins
        self.redis = redis
        self.variables: dict[str, object] = {
            "minimum_overlap_minutes": 0,
            "recovery_window_in_days": 0,
            "settling_seconds": 0,
        }
        self.values: list[str] = []
        """Every value there ever was, the oldest first."""

    @contextlib.contextmanager
    def prepared(self, aws: Aws) -> Iterator[None]:
        """What the example finds in the account."""
        del aws
        yield

    def wait_for_the_first(self, secret: Secret) -> None:
        secret.wait_for_a_value()
        self._note(secret)

    def change(self, secret: Secret) -> None:
        """Have the value replaced."""
        secret.rotate_and_wait()
        self._note(secret)

    def fail_and_recover(self, aws: Aws, terraform: Terraform, secret: Secret) -> None:
        """Take a right away: the value stays as it is; give it back: the value is replaced."""
        outputs = terraform.outputs()
        iam, role = aws.client("iam"), outputs["function_role_name"]

        def failures() -> int:
            logged = messages(aws, outputs["log_group_name"])
            return sum('"failed"' in one or "AccessDenied" in one for one in logged)

        before = failures()
        iam.put_role_policy(RoleName=role, PolicyName="broken", PolicyDocument=_BROKEN)
        rotation = secret.rotate()
        eventually("The failure", failures, lambda now: now > before)
        assert secret.text() == self.values[-1]
        iam.delete_role_policy(RoleName=role, PolicyName="broken")
        secret.retry_and_wait(rotation)
        self._note(secret)

    def conclude(self, terraform: Terraform, secret: Secret) -> None:
        """What the README says to do in the end."""

    def require_promised(self, aws: Aws, secret: Secret) -> None:
        """What holds of older values at any time."""
        assert secret.text("AWSPREVIOUS") == self.values[-2]
        del aws

    def left_behind(self) -> set[str]:
        """What destroying leaves, as the README says."""
        return set()

    def _note(self, secret: Secret) -> None:
        text = secret.text()
        assert text is not None
        assert text not in self.values
        self.values.append(text)


class IamAccessKey(Rotated):
    """The value is a user's key, and the service says which ones work."""

    def require_promised(self, aws: Aws, secret: Secret) -> None:
        keys = [json.loads(text) for text in self.values]
        retired, living = keys[:-2], keys[-2:]
        eventually("The refusal", lambda: not any(is_accepted(aws, key) for key in retired))
        assert all(is_accepted(aws, key) for key in living)
        answer = aws.client("iam").list_access_keys(UserName=secret.value()["UserName"])
        held = {key["AccessKeyId"] for key in answer["AccessKeyMetadata"]}
        assert held == {key["AccessKeyId"] for key in living}


class MigratedKey(IamAccessKey):
    """The user and its fixed key were there before."""

    @contextlib.contextmanager
    def prepared(self, aws: Aws) -> Iterator[None]:
        iam = aws.client("iam")
        iam.create_user(UserName="uploader")
        key = iam.create_access_key(UserName="uploader")["AccessKey"]
        fixed = {name: key[name] for name in ("AccessKeyId", "SecretAccessKey")}
        self.values.append(json.dumps(fixed))
        self.variables["adopted_access_key_id"] = fixed["AccessKeyId"]
        yield
        for one in iam.list_access_keys(UserName="uploader")["AccessKeyMetadata"]:
            iam.delete_access_key(UserName="uploader", AccessKeyId=one["AccessKeyId"])
        iam.delete_user(UserName="uploader")

    def conclude(self, terraform: Terraform, secret: Secret) -> None:
        terraform.set(adopted_access_key_id=None)
        assert terraform.apply().endswith("0 added, 1 changed, 0 destroyed.")
        assert secret.text() == self.values[-1]

    def left_behind(self) -> set[str]:
        keys = [json.loads(text)["AccessKeyId"] for text in self.values[-2:]]
        return {f"iam list_access_keys {key}" for key in keys}


class IamServiceCredential(Rotated):
    """The value is a user's key for Bedrock, and Bedrock says which ones work."""

    @contextlib.contextmanager
    def prepared(self, aws: Aws) -> Iterator[None]:
        del aws
        if self.logins is not None:
            self.variables["endpoint"] = self.logins.endpoint
        yield

    def require_promised(self, aws: Aws, secret: Secret) -> None:
        super().require_promised(aws, secret)
        keys = [json.loads(text) for text in self.values]
        retired, living = keys[:-2], keys[-2:]
        eventually("The refusal", lambda: not any(self._is_taken(aws, key) for key in retired))
        assert all(self._is_taken(aws, key) for key in living)
        answer = aws.client("iam").list_service_specific_credentials(
            UserName=keys[-1]["UserName"], ServiceName=keys[-1]["ServiceName"]
        )
        identities = [key["ServiceSpecificCredentialId"] for key in living]
        held = answer["ServiceSpecificCredentials"]
        assert {one["ServiceSpecificCredentialId"] for one in held} == {*identities}

    def _is_taken(self, aws: Aws, key: dict[str, str]) -> bool:
        if self.logins is not None:
            api_key, trusted = key["ServiceCredentialSecret"], self.github.certificate
            return takes(self.logins.endpoint, api_key, trusted)
        region = aws.client("secretsmanager").meta.region_name
        return takes(f"bedrock.{region}.amazonaws.com", key["ServiceCredentialSecret"])


class FixedValue(Rotated):
    """Nothing rotates; a person puts values."""

    def __init__(self, github: LocalGitHub, logins: LocalLogins | None, redis: LocalRedis) -> None:
        super().__init__(github, logins, redis)
        self.variables["licence"] = f"licence-{uuid.uuid4()}"

    def wait_for_the_first(self, secret: Secret) -> None:
        self._note(secret)

    def change(self, secret: Secret) -> None:
        secret.put(f"licence-{uuid.uuid4()}")
        self._note(secret)

    def fail_and_recover(self, aws: Aws, terraform: Terraform, secret: Secret) -> None:
        del aws
        licence = self.variables["licence"]
        terraform.set(licence=None)
        with pytest.raises(TerraformError, match='"licence" is not set'):
            terraform.apply()
        terraform.set(licence=licence)
        assert terraform.apply().endswith("0 added, 0 changed, 0 destroyed.")
        assert secret.text() == self.values[-1]

    def require_promised(self, aws: Aws, secret: Secret) -> None:
        super().require_promised(aws, secret)
        initial = secret.holder("INITIAL")
        assert initial is not None
        assert secret.text(initial) == self.values[0]


class GithubAppToken(Rotated):
    """The value is a token of an App; an older one lives on for its hour."""

    @contextlib.contextmanager
    def prepared(self, aws: Aws) -> Iterator[None]:
        with app(aws, self.github, "octo-org/reports") as variables:
            self.variables |= variables
            yield

    def require_promised(self, aws: Aws, secret: Secret) -> None:
        super().require_promised(aws, secret)
        tokens = [json.loads(text)["token"] for text in self.values]
        assert all(self.github.accepts(token) for token in tokens)
        # Failed tries made more of them, which end by themselves, too.
        made = [
            token
            for token in self.github.tokens
            if token.installation and token.installation.id == self.variables["installation_id"]
        ]
        assert all(token.permissions == _READ for token in made)
        assert {repository.name for token in made for repository in token.repositories or []} == {
            "reports"
        }


class GithubDeployKey(Rotated):
    """The value is a key of a repository, which GitHub holds until the rotation after the next."""

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
        # Other tests' repositories are on the same GitHub.
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


class Custom(Rotated):
    """The value is a password of a user of Redis, who has that of the previous one, too."""

    @contextlib.contextmanager
    def prepared(self, aws: Aws) -> Iterator[None]:
        with redis_users(aws, self.redis, "cache") as variables:
            self.variables |= variables
            yield

    def require_promised(self, aws: Aws, secret: Secret) -> None:
        super().require_promised(aws, secret)
        values = [json.loads(text) for text in self.values]
        assert all(
            self.redis.accepts(one["username"], one["password"]) == (one in values[-2:])
            for one in values
        )
        assert len(self.redis.passwords("cache")) == 2


class Managed(Rotated):
    """The value is the password of a database, which RDS makes without a function."""

    def fail_and_recover(self, aws: Aws, terraform: Terraform, secret: Secret) -> None:
        """Forbid everybody to start a rotation."""
        del terraform
        client = aws.client("secretsmanager")
        policy = _denied("secretsmanager:RotateSecret", Principal="*")
        client.put_resource_policy(SecretId=secret.secret_id, ResourcePolicy=policy)
        with pytest.raises(ClientError, match="AccessDenied"):
            secret.rotate()
        assert secret.text() == self.values[-1]
        client.delete_resource_policy(SecretId=secret.secret_id)
        self.change(secret)


_OWN: Final[dict[str, type[Rotated]]] = {
    "custom": Custom,
    "fixed-value": FixedValue,
    "github-app-token": GithubAppToken,
    "github-deploy-key": GithubDeployKey,
    "iam-access-key": IamAccessKey,
    "managed": Managed,
    "iam-service-credential": IamServiceCredential,
    "migrate-a-fixed-key": MigratedKey,
}


def scenario(
    example: str, github: LocalGitHub, logins: LocalLogins | None, redis: LocalRedis
) -> Rotated:
    """An example that nobody names here is rotated by a function."""
    return _OWN.get(example, Rotated)(github, logins, redis)
