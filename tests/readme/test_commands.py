"""The pages' own configuration is applied to the local AWS, and their commands are run there.

One after the other on one secret, as its owner would do it: the secret stays empty because of two
foreign keys, is filled and read, its rotation is given up, it is destroyed and restored.
"""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from testing.harness.account import eventually
from testing.harness.provider import AwsProvider
from testing.local_aws import local_aws
from tests.readme.blocks import block, local
from tests.tools.terminal import install

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testing.local_aws import LocalAws

pytestmark = pytest.mark.xdist_group("readme")

SECRET = "reports/uploader"  # noqa: S105 -- its name
USER = "uploader"

# Shortens the test: Terraform merges an override into the block of the same name.
OVERRIDE = """
module "rotating_secret" {
  minimum_overlap_minutes = 0
  rotate_immediately      = false
  rotation                = { iam_access_key = { user_name = "uploader", settling_seconds = 0 } }
}
"""

# The pages assume that the application has a role.
APPLICATION_ROLE = """
resource "aws_iam_role" "application" {
  name = "application"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Principal = { Service = "ec2.amazonaws.com" }, Action = "sts:AssumeRole" }
    ]
  })
}
"""


# Generates a key pair as the function does, with its package and a layer.
_MAKE_A_PAIR = """
import sys
sys.path += sys.argv[1:]
from rotation.services.github import ssh
ssh.require_library()
pair = ssh.generate("ed25519")
print(ssh.fit(pair.private_key, pair.public_key))
"""


_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")

# Counts the commands, and stops a profile that starts itself.
_WRAPPER = """#!/bin/sh
echo started >>{counter}
[ "$(wc -l <{counter})" -le 4 ] || exit 1
exec {real} "$@"
"""

_IDENTITY = """
import sys, boto3
session = boto3.Session(profile_name=sys.argv[1]) if sys.argv[1:] else boto3.Session()
print(session.client("sts").get_caller_identity()["Arn"])
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiles:
    """The environment of an application that has profiles only, and an `aws` that counts."""

    environment: dict[str, str]
    counter: Path

    def write(self, name: str, text: str) -> None:
        (self.counter.parent / name).write_text(text)

    def run(self, command: list[str], extra: dict[str, str]) -> str:
        result = subprocess.run(
            command,
            check=False,
            env=self.environment | extra,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert result.returncode == 0, f"{self.started()} commands:\n{result.stdout}"
        return result.stdout

    def started(self) -> int:
        return len(self.counter.read_text().splitlines()) if self.counter.exists() else 0


def _container(role: dict[str, str]) -> type[BaseHTTPRequestHandler]:
    """The endpoint that gives a container its role."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(role).encode())

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    return Handler


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The applied configuration of the pages, and the environment of its owner."""

    aws: LocalAws
    root: Path
    environment: dict[str, str]

    def start(self, command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, command: str) -> str:
        process = self.start(command)
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output
        return output

    def keys(self) -> set[str]:
        answer = self.aws.client("iam").list_access_keys(UserName=USER)
        return {key["AccessKeyId"] for key in answer["AccessKeyMetadata"]}

    def described(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.aws.client("secretsmanager").describe_secret(SecretId=SECRET)
        return answer

    def value(self) -> dict[str, Any]:
        answer = self.aws.client("secretsmanager").get_secret_value(SecretId=SECRET)
        value: dict[str, Any] = json.loads(answer["SecretString"])
        return value

    def pending(self) -> bool:
        """Return whether a rotation is incomplete: AWSPENDING and AWSCURRENT differ."""
        stages = self.described().get("VersionIdsToStages", {}).values()
        return any("AWSPENDING" in one and "AWSCURRENT" not in one for one in stages)

    def settle(self) -> None:
        eventually("The end of the rotation", self.pending, lambda pending: not pending)

    def records(self) -> list[dict[str, Any]]:
        (group,) = self.aws.client("logs").describe_log_groups()["logGroups"]
        events = self.aws.client("logs").filter_log_events(logGroupName=group["logGroupName"])
        return [json.loads(one["message"]) for one in events["events"] if one["message"][0] == "{"]


@pytest.fixture(scope="module")
def applied(
    tmp_path_factory: pytest.TempPathFactory,
    copy_module: Callable[[Path], Path],
    terraform_env: dict[str, str],
    aws_cli: Path,
    repository: Path,
) -> Iterator[Applied]:
    root = tmp_path_factory.mktemp("readme")
    copy_module(root / "terraform-aws-rotating-secret")
    parts = [block("plan", "smallest"), block("plan", "reader")]
    (root / "main.tf").write_text(local("\n".join([*parts, APPLICATION_ROLE])))
    (root / "override.tf").write_text(OVERRIDE)
    tool = install(repository / "tools" / "rotating_secret", tmp_path_factory.mktemp("tool"))
    with ExitStack() as stack:
        aws = stack.enter_context(local_aws(rotation_attempts=1, functions_longest_sleep=1))
        # Not the AWS settings of the developer.
        inherited = {name: terraform_env[name] for name in terraform_env if name[:4] != "AWS_"}
        environment = {
            **inherited,
            **aws.environment,
            "PATH": os.pathsep.join([str(tool), str(aws_cli.parent), os.environ["PATH"]]),
            "TF_CLI_ARGS_apply": "-auto-approve -no-color",
            "TF_CLI_ARGS_destroy": "-auto-approve -no-color",
            "TF_CLI_ARGS_import": "-no-color",
        }
        one = Applied(aws=aws, root=root, environment=environment)
        one.run("terraform init")
        provider = stack.enter_context(closing(AwsProvider(root, environment)))
        environment |= provider.environment
        one.run("terraform apply")
        # rotate_immediately = false: AWS runs testSecret alone, on a version that it takes away.
        one.settle()
        yield one


def test_waiting_ends_with_advice(applied: Applied) -> None:
    waiting = applied.start(block("run", "wait").rstrip() + " --timeout 0")
    printed, _ = waiting.communicate()
    assert waiting.returncode == 4
    assert printed.endswith(f"then run: rotating-secret rotate {SECRET} --wait\n")


def test_waiting_ends_with_an_error_or_with_the_first_value(applied: Applied) -> None:
    iam = applied.aws.client("iam")
    for _ in range(2):
        iam.create_access_key(UserName=USER)
    waiting = applied.start(block("run", "wait"))
    assert waiting.stdout is not None
    try:
        applied.run(block("run", "rotate"))
        printed = next(line for line in waiting.stdout if "ForeignCredential" in line)
        assert applied.keys() == {*re.findall(r"AKIA\w+", printed)}
        assert waiting.wait(timeout=60) == 1
        applied.run(block("run", "delete-keys"))
        assert applied.keys() == set()
        # The CLI reports an error, and yet the rotation is tried again, as the page says.
        reattempted, _ = applied.start(block("run", "rotate")).communicate()
        assert "That rotation will be reattempted" in reattempted
    finally:
        waiting.kill()
        waiting.communicate()
    assert "has rotated" in applied.run(block("run", "wait"))
    applied.settle()


def test_the_tool_is_in_the_checkouts_that_its_page_names() -> None:
    clone, checkout = re.findall(
        r"^pipx run --spec (\S+)/tools/rotating_secret rotating-secret status$",
        block("run", "tool-pipx"),
        re.MULTILINE,
    )
    assert f'source = "{clone}"' in local(block("plan", "smallest"))
    (name,) = re.findall(r'^module "(\w+)"', block("plan", "smallest"), re.MULTILINE)
    assert checkout == f"./.terraform/modules/{name}"


def test_the_value_is_as_shown(applied: Applied) -> None:
    shown = json.loads(block("value", "iam_access_key"))
    del shown["bucket"]  # A constant. The quick start has none.
    assert applied.value().keys() == shown.keys()
    assert applied.value()["Version"] == shown["Version"]


@pytest.fixture
def profiles(applied: Applied, tmp_path: Path) -> Profiles:
    folder = tmp_path / "bin"
    folder.mkdir()
    counter = tmp_path / "started"
    wrapper = folder / "aws"
    real = shutil.which("aws", path=applied.environment["PATH"])
    wrapper.write_text(_WRAPPER.format(counter=counter, real=real))
    wrapper.chmod(0o755)
    environment = {
        name: value
        for name, value in applied.environment.items()
        if not name.startswith("AWS_") or name.startswith("AWS_ENDPOINT_URL")
    }
    environment |= {
        "PATH": f"{folder}{os.pathsep}{environment['PATH']}",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
    }
    return Profiles(environment=environment, counter=counter)


_CLIENTS = {
    "cli": (["aws", "sts", "get-caller-identity"], ["--profile", "uploader"]),
    "boto3": ([sys.executable, "-c", _IDENTITY], ["uploader"]),
}


@pytest.mark.parametrize("client", _CLIENTS)
@pytest.mark.parametrize("way", ["argument", "AWS_PROFILE", "default"])
def test_the_profile_works_in_each_way_and_starts_one_command(
    applied: Applied, profiles: Profiles, way: str, client: str
) -> None:
    shown = block("run", "credential-process")
    if way == "default":
        shown = shown.replace("[profile uploader]", "[default]")
    keys = {name.lower(): applied.environment[name] for name in _KEYS}
    lines = [f"{name} = {value}" for name, value in keys.items()]
    profiles.write("credentials", "\n".join(["[uploader-reader]", *lines, ""]))
    profiles.write("config", shown)
    command, argument = _CLIENTS[client]
    extra = {"AWS_PROFILE": "uploader"} if way == "AWS_PROFILE" else {}
    found = profiles.run([*command, *(argument if way == "argument" else [])], extra)
    assert f":user/{USER}" in found
    assert profiles.started() == {"cli": 2, "boto3": 1}[client]


def test_the_profile_reads_the_secret_with_the_role_of_the_container(
    applied: Applied, profiles: Profiles
) -> None:
    """It has no keys of its own, and there is no other source."""
    key_id, secret = (applied.environment[name] for name in _KEYS)
    expiration = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    role = {"AccessKeyId": key_id, "SecretAccessKey": secret, "Expiration": expiration}
    profiles.write("config", block("run", "credential-process"))
    with HTTPServer(("127.0.0.1", 0), _container({**role, "Token": ""})) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        extra = {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{server.server_port}/",
            "AWS_PROFILE": "uploader",
        }
        found = profiles.run(_CLIENTS["boto3"][0], extra)
        server.shutdown()
    assert f":user/{USER}" in found


def test_the_log_record_is_as_shown(applied: Applied) -> None:
    shown = json.loads(block("record"))
    (found,) = [one for one in applied.records() if one.get("step") == shown["step"]][-1:]
    assert list(found) == list(shown)
    assert (found["event"], found["level"], found["outcome"]) == ("rotation_step", "INFO", "done")


def test_the_grants_are_as_shown(applied: Applied) -> None:
    iam = applied.aws.client("iam")
    (function,) = applied.aws.client("lambda").list_functions()["Functions"]
    role = function["Role"].rpartition("/")[2]
    statements: list[object] = []
    for name in sorted(iam.list_role_policies(RoleName=role)["PolicyNames"]):
        policy = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        statements += [one for one in policy["Statement"] if one["Effect"] == "Allow"]
    shown = json.loads(block("grants", "iam_access_key"))
    assert shown == statements, f"Paste into docs/security.md:\n{json.dumps(statements, indent=2)}"


def test_the_statement_about_the_record_is_as_shown(applied: Applied) -> None:
    answer = applied.aws.client("secretsmanager").get_resource_policy(SecretId=SECRET)
    shown = json.loads(block("grants", "attempt-record"))
    assert shown in json.loads(answer["ResourcePolicy"])["Statement"]


@pytest.mark.skipif(sys.platform != "linux", reason="the libraries of a layer run on Linux")
def test_the_layer_is_built_as_shown(
    applied: Applied, cache: Path, tmp_path: Path, repository: Path
) -> None:
    """For the Python of this machine, from wheels that the set-up downloaded, to import it here."""
    command = block("run", "layer") + block("run", "publish-layer")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    for shown, here in {"aarch64": platform.machine(), "3.13": version}.items():
        assert shown in command
        command = command.replace(shown, here)
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{applied.environment['PATH']}",
        "PIP_FIND_LINKS": str(cache / "layer"),
        "PIP_NO_INDEX": "1",
    }
    there = dataclasses.replace(
        applied, root=tmp_path, environment=applied.environment | environment
    )
    assert re.search(r"^arn:aws:lambda:.*:layer:cryptography:1$", there.run(command), re.MULTILINE)

    with zipfile.ZipFile(tmp_path / "cryptography.zip") as archive:
        archive.extractall(tmp_path / "opt")
    layer = str(tmp_path / "opt" / "python")
    for path, outcome in {layer: "True", "": "ConfigurationError"}.items():
        # Isolated, and without site-packages.
        python = [sys.executable, "-I", "-S", "-B", "-c", _MAKE_A_PAIR, str(repository / "lambda")]
        made = subprocess.run([*python, path], check=False, capture_output=True, text=True)
        assert outcome in made.stdout + made.stderr


def test_a_rotation_is_given_up_and_started_again(applied: Applied) -> None:
    foreign = applied.aws.client("iam").create_access_key(UserName=USER)["AccessKey"]

    def failures() -> list[dict[str, Any]]:
        return [one for one in applied.records() if one["outcome"] == "failed"]

    before_it = len(failures())
    applied.run(block("run", "rotate"))
    eventually("The failure", failures, lambda seen: len(seen) > before_it)
    assert applied.pending()
    applied.aws.client("iam").delete_access_key(UserName=USER, AccessKeyId=foreign["AccessKeyId"])
    before = applied.value()["AccessKeyId"]
    applied.run(block("run", "give-up"))
    eventually("The new key", lambda: applied.value()["AccessKeyId"], lambda seen: seen != before)
    applied.settle()
    assert applied.keys() == {before, applied.value()["AccessKeyId"]}


def test_the_tool_shows_and_rotates_the_secret(applied: Applied) -> None:
    before = applied.value()["AccessKeyId"]
    applied.run(block("run", "tool-rotate"))
    current = applied.value()
    assert current["AccessKeyId"] != before
    shown = applied.run(block("run", "tool-status"))
    table, named, found = re.split(r"(?=^secret |^\{)", shown, flags=re.MULTILINE)[1:]
    for part in (table, named):
        assert re.search(rf"^{SECRET} +iam_access_key +healthy ", part, re.MULTILINE)
    assert current["AccessKeyId"] in named
    assert before in named
    (one,) = json.loads(found)["secrets"]
    assert [version["labels"][0] for version in one["versions"]] == ["AWSCURRENT", "AWSPREVIOUS"]
    assert current["SecretAccessKey"] not in shown


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        pytest.param(
            "recovery_window_in_days = sensitive(3)",
            "The error message included a sensitive value, so it will not be displayed",
            id="hides-a-message",
        ),
        pytest.param("function = { memory_sise = 512 }", "No changes.", id="drops-an-option"),
    ],
)
def test_terraform_treats_an_input_as_the_page_says(
    applied: Applied, argument: str, expected: str
) -> None:
    call = f'module "rotating_secret" {{\n  {argument}\n}}\n'
    override = applied.root / "input_override.tf"
    override.write_text(call)
    try:
        output, _ = applied.start("terraform plan -no-color").communicate()
    finally:
        override.unlink()
    assert expected in output


def test_the_policy_is_written_again_after_a_reader_was_deleted(applied: Applied) -> None:
    iam, secrets = applied.aws.client("iam"), applied.aws.client("secretsmanager")

    def readers() -> list[str]:
        policy = json.loads(secrets.get_resource_policy(SecretId=SECRET)["ResourcePolicy"])
        found = policy["Statement"][0]["Principal"]["AWS"]
        return found if isinstance(found, list) else [found]

    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}}
    document = json.dumps({"Statement": [{**trust, "Action": "sts:AssumeRole"}]})
    for number in (1, 2):
        role = iam.create_role(RoleName="gone", AssumeRolePolicyDocument=document)["Role"]["Arn"]
        if number == 1:
            call = f'module "rotating_secret" {{\n  readers = ["{role}"]\n}}\n'
            (applied.root / "reader_override.tf").write_text(call)
            applied.run("terraform apply")
            assert readers() == [role]
            iam.delete_role(RoleName="gone")
            assert readers() != [role]
    applied.run(block("run", "write-policy-again"))
    assert readers() == [role]


def test_a_reader_of_another_account_needs_the_statement_in_the_policy_of_the_key(
    applied: Applied,
) -> None:
    aws = applied.aws
    created = aws.client("organizations").create_account(Email="a@example.com", AccountName="a")
    another = created["CreateAccountStatus"]["AccountId"]
    reader = f"arn:aws:iam::{another}:role/OrganizationAccountAccessRole"
    session = aws.client("sts").assume_role(RoleArn=reader, RoleSessionName="reader")["Credentials"]
    own = aws.client("sts").get_caller_identity()["Account"]
    administration = {"Effect": "Allow", "Principal": {"AWS": own}, "Action": "kms:*"}
    shown = json.loads(block("value", "reader-key"))
    assert shown["Principal"]["AWS"].partition(":role/")[0] == "arn:aws:iam::999999999999"
    shown["Principal"]["AWS"] = reader
    kms, secrets = aws.client("kms"), aws.client("secretsmanager")
    there = aws.client(
        "secretsmanager",
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )
    read = {"Effect": "Allow", "Principal": {"AWS": reader}, "Resource": "*"}
    allowed = {"Statement": [{**read, "Action": "secretsmanager:GetSecretValue"}]}
    outcomes = []
    for statements in ([shown], []):
        policy = {"Statement": [{**administration, "Resource": "*"}, *statements]}
        key = kms.create_key(Policy=json.dumps(policy))["KeyMetadata"]["Arn"]
        arn = secrets.create_secret(Name=key[-12:], SecretString="v", KmsKeyId=key)["ARN"]
        secrets.put_resource_policy(SecretId=arn, ResourcePolicy=json.dumps(allowed))
        try:
            outcomes.append(there.get_secret_value(SecretId=arn)["SecretString"])
        except ClientError as error:
            outcomes.append(error.response["Error"]["Code"])
        secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    assert outcomes == ["v", "AccessDeniedException"]


def test_the_statement_for_the_log_names_the_group_of_the_function(applied: Applied) -> None:
    """The local AWS doesn't check CloudWatch Logs' use of a key, so this compares only names."""
    shown = json.loads(block("value", "log-key"))
    (group,) = applied.aws.client("logs").describe_log_groups()["logGroups"]
    named = shown["Condition"]["ArnEquals"]["kms:EncryptionContext:aws:logs:arn"]
    assert f"{named}:*" == group["arn"]
    region = named.split(":")[3]
    assert shown["Principal"] == {"Service": f"logs.{region}.amazonaws.com"}


def test_a_secret_goes_back_to_the_key_of_aws(applied: Applied) -> None:
    key = applied.aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    applied.aws.client("secretsmanager").update_secret(SecretId=SECRET, KmsKeyId=key)
    assert applied.described()["KmsKeyId"] == key
    applied.run(block("run", "managed-key"))
    assert "KmsKeyId" not in applied.described()
    applied.run("terraform plan -detailed-exitcode -no-color")


@pytest.mark.parametrize(
    ("record", "command"),
    [
        pytest.param("owner", block("run", "forget-owner"), id="owner"),
        # The same command for another record.
        pytest.param("name", block("run", "forget-name"), id="name", marks=pytest.mark.slow),
    ],
)
def test_terraform_forgets_what_it_recorded(record: str, command: str, applied: Applied) -> None:
    output = applied.run(command)
    assert f"terraform_data.{record}[0]: Creation complete" in output
    applied.settle()
    applied.run("terraform plan -detailed-exitcode -no-color")


@pytest.mark.slow
def test_a_destroyed_secret_is_restored_and_imported_and_its_log_was_kept(
    applied: Applied,
) -> None:
    version = applied.described()["VersionIdsToStages"]
    records = len(applied.records())
    applied.run(block("run", "keep-log"))
    applied.run("terraform destroy")
    assert len(applied.records()) == records > 0
    applied.run(block("run", "import-log"))
    applied.run(block("run", "restore"))
    assert applied.described()["VersionIdsToStages"].keys() >= version.keys()
    applied.run("terraform plan -detailed-exitcode -no-color")


@pytest.mark.slow
def test_a_secret_that_was_destroyed_during_a_rotation_is_restored(applied: Applied) -> None:
    iam = applied.aws.client("iam")
    for _ in range(2):
        iam.create_access_key(UserName=USER)
    applied.run(block("run", "rotate"))
    eventually("The unfinished rotation", applied.pending)
    applied.run("terraform destroy")
    restore, *rest = block("run", "restore").splitlines(keepends=True)
    remove_the_label, _ = block("run", "give-up").splitlines(keepends=True)
    applied.run("".join([restore, remove_the_label, *rest]))
    applied.run("terraform plan -detailed-exitcode -no-color")
