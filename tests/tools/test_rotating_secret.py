"""The command rotating-secret in a terminal, on secrets that functions of the module rotate."""

import io
import json
import os
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import boto3
import pytest

from rotating_secret.cli import main
from rotating_secret.secret import default_function_name
from testing.harness.account import eventually
from testing.harness.functions import permit
from testing.local_aws import LocalAws, local_aws
from testing.local_aws.launch import ACCOUNT_ID, REGION
from tests.policies import faults
from tests.readme.blocks import block
from tests.strategies import REPRESENTATIVE
from tests.tools.terminal import Ended, Terminal, install

pytestmark = pytest.mark.xdist_group("rotating_secret")

RULES: Final = {"ScheduleExpression": "rate(10 days)", "Duration": "2h"}
NAME: Final = "reports/uploader"
USER: Final = "uploader"
RETIRED: Final = "reports/retired"
STATUS = json.loads(block("value", "tool-status"))
ROTATE = json.loads(block("value", "tool-rotate"))
OWNERS: Final = ("retired", "stranger")
REACTIVATE = json.loads(
    block("value", "tool-reactivate").replace(f"user/{USER}", f"user/{OWNERS[0]}")
)


def allow(*actions: str, **rest: object) -> str:
    return json.dumps({"Statement": [{"Effect": "Allow", "Action": [*actions], **rest}]})


@dataclass(frozen=True, kw_only=True)
class Estate:
    """Secrets of an account, and a terminal of its administrator."""

    aws: LocalAws
    role: str
    terminal: Terminal

    def add_function(self, name: str, package: bytes, **variables: str) -> str:
        arn = self.aws.client("lambda").create_function(
            FunctionName=name,
            Role=self.role,
            Runtime="python3.13",
            Handler="handler.lambda_handler",
            Timeout=900,
            Code={"ZipFile": package},
            Environment={"Variables": variables},
        )["FunctionArn"]
        permit(self.aws, name, SourceAccount=ACCOUNT_ID)
        return str(arn)

    def add(
        self,
        name: str,
        package: bytes,
        *,
        now: bool = False,
        settings: Mapping[str, object] | None = None,
        **value: str,
    ) -> str:
        """Create a secret with a function, as the module does."""
        arn = str(self.aws.client("secretsmanager").create_secret(Name=name, **value)["ARN"])
        own = {
            "strategy": REPRESENTATIVE.name,
            "secret_arn_pattern": f"{arn[:-6]}??????",
            "minimum_overlap_minutes": 0,
            "constants": {},
            "options": {
                "adopted_access_key_id": None,
                "ses_smtp_region": None,
                "settling_seconds": 0,
                "user_arn": f"arn:aws:iam::{ACCOUNT_ID}:user/{USER}",
            },
            **(settings or {}),
        }
        function = self.add_function(
            default_function_name(REGION, name), package, ROTATION_SETTINGS=json.dumps(own)
        )
        self.start(arn, function, now=now)
        return arn

    def start(self, arn: str, function: str, *, now: bool) -> None:
        """Configure the rotation, and wait until the test of the configuration has ended."""
        self.aws.client("secretsmanager").rotate_secret(
            SecretId=arn, RotationLambdaARN=function, RotationRules=RULES, RotateImmediately=now
        )
        if not now:
            eventually("The end of the test", lambda: self.pending(arn), lambda found: not found)

    def described(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.aws.client("secretsmanager").describe_secret(SecretId=name)
        return found

    def pending(self, name: str) -> list[str]:
        stages = self.described(name).get("VersionIdsToStages", {})
        return [one for one, labels in stages.items() if "AWSPENDING" in labels]

    def run(self, *arguments: str) -> Ended:
        return self.terminal.run("rotating-secret", *arguments)


def zipped(files: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def payload(repository: Path) -> bytes:
    """Return the package of a function of the module."""
    folder = repository / "lambda"
    files = [folder / "handler.py", *folder.glob("rotation/**/*.py")]
    return zipped({str(one.relative_to(folder)): one.read_text() for one in files})


# The steps of this function do nothing, so that its rotation never ends.
IDLE: Final = zipped({"handler.py": "def lambda_handler(event, context): pass"})


@pytest.fixture(scope="module")
def estate(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    folder = install(repository / "tools" / "rotating_secret", tmp_path_factory.mktemp("tool"))
    with local_aws(rotation_attempts=1, functions_longest_sleep=1) as aws:
        iam = aws.client("iam")
        services = ["lambda.amazonaws.com", "scheduler.amazonaws.com"]
        trust = allow("sts:AssumeRole", Principal={"Service": services})
        role = iam.create_role(RoleName="rotator", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        grant = allow("secretsmanager:*", "logs:*", "iam:*", Resource="*")
        iam.put_role_policy(RoleName="rotator", PolicyName="all", PolicyDocument=grant)
        iam.create_user(UserName=USER)
        environment = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", **aws.environment}
        yield Estate(aws=aws, role=role, terminal=Terminal(environment=environment))


@pytest.fixture(scope="module")
def states(estate: Estate) -> Estate:
    """A secret in each state that doesn't need hours, and more than a page of fixed ones."""
    secrets = estate.aws.client("secretsmanager")
    for number in range(101):
        secrets.create_secret(Name=f"a/{number}", SecretString="fixed")
    with estate.aws.switched(rotation_seconds_ahead=-30 * 86_400):
        estate.add("app/overdue", IDLE, SecretString="v")
    for name in ("app/healthy", "app/off", "app/deleted", "app/gone", "app/fast"):
        estate.add(name, IDLE, SecretString="v")
    estate.add("app/rotating", IDLE, now=True, SecretString="v")
    secrets.cancel_rotate_secret(SecretId="app/off")
    secrets.delete_secret(SecretId="app/deleted")
    gone = default_function_name(REGION, "app/gone")
    estate.aws.client("lambda").delete_function(FunctionName=gone)
    estate.aws.client("scheduler").create_schedule(
        Name="fast",
        FlexibleTimeWindow={"Mode": "OFF"},
        ScheduleExpression="rate(2 hours)",
        State="DISABLED",
        Target={
            "Arn": "arn:aws:scheduler:::aws-sdk:secretsmanager:rotateSecret",
            "RoleArn": estate.role,
            "Input": json.dumps({"SecretId": estate.described("app/fast")["ARN"]}),
        },
    )
    rival = secrets.create_secret(Name="rival", SecretString="v")["ARN"]
    estate.start(rival, estate.add_function("rival", IDLE), now=False)
    return estate


STATES: Final = {
    "app/deleted": "scheduled for deletion",
    "app/fast": "off",
    "app/gone": "failed",
    "app/healthy": "healthy",
    "app/off": "off",
    "app/overdue": "overdue",
    "app/rotating": "rotating",
}


@pytest.fixture
def here(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> Estate:
    """The same, for commands in this process, which start faster."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name, value in estate.aws.environment.items():
        monkeypatch.setenv(name, value)
    return estate


def test_status_shows_each_secret_of_the_module_and_what_to_do(states: Estate) -> None:
    ended = states.run("status")
    assert ended.code == 1
    table, *advice = ended.screen.split("\n\n")
    assert {line.split()[0] for line in table.splitlines()[1:] if line[0] != " "} == {*STATES}
    for name, state in STATES.items():
        assert f" {state} " in ended.line(name)
    assert REPRESENTATIVE.name in ended.line("app/healthy")
    assert {text.partition(":")[0].strip() for text in advice} == {
        name for name, state in STATES.items() if state not in {"healthy", "rotating"}
    }
    assert "\x1b[32mhealthy" in ended.raw


@pytest.mark.usefixtures("states")
def test_status_prints_json_of_named_secrets(
    here: Estate, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "app/healthy", "app/fast", "--json"]) == 1
    fast, healthy = json.loads(capsys.readouterr().out)["secrets"]
    assert (fast["schedule"], fast["next_rotation"]) == ("rate(2 hours)", None)
    described = here.described("app/healthy")
    assert healthy["arn"] == described["ARN"]
    assert healthy["next_rotation"] == f"{described['NextRotationDate']:%Y-%m-%dT%H:%M:%SZ}"
    (version,) = healthy["versions"]
    assert (version["labels"], version["credential"]) == (["AWSCURRENT"], None)
    assert healthy["current_since"] == version["created"]


@pytest.mark.usefixtures("states", "here")
def test_status_shows_what_something_else_rotates_if_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["status", "--all", "--json"]) == 1
    found = {one["name"]: one for one in json.loads(capsys.readouterr().out)["secrets"]}
    assert {*STATES, "rival"} <= found.keys()
    assert not any(name.startswith("a/") for name in found)
    assert (found["rival"]["strategy"], found["rival"]["state"]) == ("function", "healthy")
    assert main(["status", "a/7", "--region", REGION]) == 1
    assert "a/7 " in capsys.readouterr().out


@pytest.mark.usefixtures("states", "here")
def test_each_region_has_its_own_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--region", "us-east-1"]) == 0
    assert "No secret of the module" in capsys.readouterr().out
    assert main(["status", "--region", "us-east-1", "--region", REGION]) == 1
    assert re.search(rf"^app/healthy +{REGION} ", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.usefixtures("states", "here")
def test_an_account_has_the_secrets_of_all_its_regions(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--all-regions"]) == 1
    assert re.search(rf"^app/healthy +{REGION} ", capsys.readouterr().out, re.MULTILINE)


# A command that needs each action.
NEEDED: Final = {
    "secretsmanager:DescribeSecret": "give-up",
    "secretsmanager:RotateSecret": "rotate",
    "secretsmanager:UpdateSecretVersionStage": "give-up",
    "lambda:GetFunctionConfiguration": "wait",
    "lambda:InvokeFunction": "rotate",
    "logs:FilterLogEvents": "wait",
}


Act: TypeAlias = Callable[[Sequence[Mapping[str, Any]]], Terminal]


@pytest.fixture
def act(here: Estate, monkeypatch: pytest.MonkeyPatch) -> Iterator[Act]:
    """Act as a user with some statements alone, also in a terminal."""
    iam = here.aws.client("iam")
    iam.create_user(UserName="operator")
    key = iam.create_access_key(UserName="operator")["AccessKey"]
    own = {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }
    for name, value in own.items():
        monkeypatch.setenv(name, value)

    def act(statements: Sequence[Mapping[str, Any]]) -> Terminal:
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_user_policy(UserName="operator", PolicyName="shown", PolicyDocument=document)
        return Terminal(environment={**here.terminal.environment, **own})

    yield act
    iam.delete_user_policy(UserName="operator", PolicyName="shown")
    iam.delete_access_key(UserName="operator", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="operator")


def test_a_rotation_fails_is_given_up_and_succeeds(
    here: Estate, act: Act, capsys: pytest.CaptureFixture[str], repository: Path
) -> None:
    """With the policy that the page shows, which has no action too many."""
    iam, secrets = here.aws.client("iam"), here.aws.client("secretsmanager")
    foreign = [iam.create_access_key(UserName=USER)["AccessKey"]["AccessKeyId"] for _ in range(2)]
    here.add(NAME, payload(repository))
    terminal = act(ROTATE["Statement"])
    assert actions(ROTATE) == [*NEEDED]

    failed = terminal.run("rotating-secret", "rotate", NAME, "--wait")
    (token,) = here.pending(NAME)
    assert failed.code == 1
    assert f"runs. Its version is {token}" in failed.screen
    assert "createSecret: ForeignCredential: " in failed.screen
    waited = terminal.run("rotating-secret", "wait", NAME, "--timeout", "0")
    assert waited.code == 4
    assert "ForeignCredential" in waited.screen
    assert main(["rotate", NAME, "--wait"]) == 1
    assert f"unfinished rotation of {NAME} runs. Its version is {token}" in capsys.readouterr().out
    for action, command in NEEDED.items():
        act(without(ROTATE, action))
        assert main([command, NAME]) == 3
        # AWS requires it of the caller of RotateSecret.
        denied = action.replace("lambda:InvokeFunction", "secretsmanager:RotateSecret")
        assert f"AWS refused {denied} on " in capsys.readouterr().err
    act(ROTATE["Statement"])
    given_up = terminal.run("rotating-secret", "give-up", NAME)
    assert given_up.code == 0
    assert token in given_up.screen
    assert here.pending(NAME) == []
    for key in foreign:
        iam.delete_access_key(UserName=USER, AccessKeyId=key)
    rotated = terminal.run("rotating-secret", "rotate", NAME, "--wait")
    assert rotated.code == 0, rotated.screen
    assert main(["wait", NAME]) == 0
    value = json.loads(secrets.get_secret_value(SecretId=NAME)["SecretString"])
    shown = here.run("status", NAME, "--credentials")
    assert shown.code == 0
    assert value["AccessKeyId"] in shown.line(NAME)
    assert value["SecretAccessKey"] not in shown.screen


class Retired:
    """A secret whose previous key is inactive, and whose user has one more such key."""

    def __init__(self, estate: Estate) -> None:
        self.iam, self.secrets = estate.aws.client("iam"), estate.aws.client("secretsmanager")
        for user in OWNERS:
            self.iam.create_user(UserName=user)
        self.previous, _, self.foreign = map(self._inactive, (OWNERS[0], *OWNERS))
        options = {"user_arn": f"arn:aws:iam::{ACCOUNT_ID}:user/path/retired"}
        estate.add(RETIRED, IDLE, settings={"options": options}, SecretString="v")

    def _inactive(self, user: str) -> str:
        key_id = str(self.iam.create_access_key(UserName=user)["AccessKey"]["AccessKeyId"])
        self.iam.update_access_key(UserName=user, AccessKeyId=key_id, Status="Inactive")
        return key_id

    def note(self, text: str) -> None:
        tag = {"Key": "rotation-previous", "Value": f"{text} 2099-03-01T08:07:11Z"}
        self.secrets.tag_resource(SecretId=RETIRED, Tags=[tag])

    @property
    def active(self) -> set[str]:
        listed = [
            one
            for user in OWNERS
            for one in self.iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
        ]
        return {one["AccessKeyId"] for one in listed if one["Status"] == "Active"}


@pytest.fixture(scope="module")
def retired(estate: Estate) -> Retired:
    return Retired(estate)


def test_a_previous_key_is_shown_and_reactivated(
    retired: Retired, act: Act, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the key that the tag names, with the policy that the page shows."""
    act(STATUS["Statement"])
    retired.note(f"inactive {retired.previous}")
    assert main(["status", RETIRED, "--json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)["secrets"]
    assert shown["previous"] == {
        "credential": retired.previous,
        "state": "inactive",
        "since": "2099-03-01T08:07:11Z",
        "last_use": None,
    }
    for action in actions(REACTIVATE):
        act(without(REACTIVATE, action))
        assert main(["reactivate", RETIRED]) == 3
        assert f"AWS refused {action} on " in capsys.readouterr().err
    assert retired.active == set()
    ended = act(REACTIVATE["Statement"]).run("rotating-secret", "reactivate", RETIRED)
    assert ended.code == 0, ended.screen
    assert f"The key {retired.previous} of retired, which was inactive since" in ended.screen
    assert retired.active == {retired.previous}


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("state", "code", "message"),
    [
        pytest.param("inactive {0.foreign}", 1, "Found: no key {0.foreign}", id="of-another-user"),
        pytest.param("active {0.previous}", 0, "is active since 2099-03-01 08:07", id="active"),
        pytest.param("inactive {0.previous} x", 2, "Found: no tag", id="no-tag"),
    ],
)
def test_no_other_key_is_reactivated(
    retired: Retired, capsys: pytest.CaptureFixture[str], state: str, code: int, message: str
) -> None:
    before = retired.active
    retired.note(state.format(retired))
    assert main(["reactivate", RETIRED]) == code
    printed = capsys.readouterr()
    assert message.format(retired) in printed.out + printed.err
    assert retired.active == before


def without(policy: Mapping[str, Any], action: str) -> list[Mapping[str, Any]]:
    """Return the statements of a policy without an action."""
    left = [
        {**one, "Action": [name for name in one["Action"] if name != action]}
        for one in policy["Statement"]
    ]
    return [one for one in left if one["Action"]]


def actions(policy: Mapping[str, Any]) -> list[str]:
    return [action for one in policy["Statement"] for action in one["Action"]]


@pytest.mark.usefixtures("states")
def test_the_policy_of_the_page_is_enough_for_status(
    act: Act, capsys: pytest.CaptureFixture[str]
) -> None:
    act(STATUS["Statement"])
    assert main(["status"]) == 1
    shown = capsys.readouterr().out
    assert [name for name in STATES if name not in shown] == []


@pytest.mark.usefixtures("states")
def test_status_shows_the_others_if_some_are_denied(
    act: Act, capsys: pytest.CaptureFixture[str]
) -> None:
    hidden = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT_ID}:secret:app/{{}}-??????"
    function = default_function_name(REGION, "app/fast")
    denied = {
        "secretsmanager:DescribeSecret": [hidden.format("off"), hidden.format("overdue")],
        "lambda:GetFunctionConfiguration": [
            f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{function}"
        ],
        "secretsmanager:ListSecretVersionIds": [hidden.format("rotating")],
    }
    deny = [{"Effect": "Deny", "Action": key, "Resource": value} for key, value in denied.items()]
    act([*STATUS["Statement"], *deny])
    assert main(["status", "--json"]) == 3
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    shown = {one["name"] for one in found["secrets"]} & {*STATES}
    assert shown == {"app/deleted", "app/gone", "app/healthy"}
    assert [one["action"] for one in found["refused"]] == [
        *(action for action, resources in denied.items() for _ in resources),
    ]
    assert "AWS refused secretsmanager:DescribeSecret on arn:" in printed.err
    assert "It refused it on 1 more." in printed.err


@pytest.mark.slow
@pytest.mark.usefixtures("states")
def test_status_needs_each_action_of_its_policy(
    act: Act, capsys: pytest.CaptureFixture[str]
) -> None:
    for action in actions(STATUS):
        act(without(STATUS, action))
        assert main(["status"]) == 3
        assert f"AWS refused {action} on " in capsys.readouterr().err


@pytest.mark.slow  # It reads the whole reference.
@pytest.mark.parametrize(
    "policy", [STATUS, ROTATE, REACTIVATE], ids=["status", "rotate", "reactivate"]
)
def test_the_policies_fit_the_reference_of_aws(policy: Mapping[str, Any]) -> None:
    assert faults(policy) == []


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(["rotate"], 2, "required: NAME", id="no-name"),
        pytest.param(["wait", "x", "--timeout", "-1"], 2, "from 0 to 86400", id="timeout"),
        pytest.param(["wait", "none"], 2, "Found: none, which doesn't exist", id="no-secret"),
        pytest.param(["status", "--region", "x y"], 2, "Found: x y.", id="region"),
        pytest.param(["status", "--profile", "nobody"], 2, "Found: nobody.", id="profile"),
        pytest.param(["rotate", "a/1"], 3, "Found: InvalidRequestException", id="no-rotation"),
    ],
)
@pytest.mark.usefixtures("states", "here")
def test_an_error_says_what_was_found(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    try:
        found = main(arguments)
    except SystemExit as ended:  # argparse ends the process.
        found = int(str(ended.code))
    assert found == code
    assert message in capsys.readouterr().err
