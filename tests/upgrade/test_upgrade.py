"""An upgrade from each release keeps every resource, and every secret keeps rotating.

The release is applied on a local AWS. Then this checkout replaces it, is planned and applied, and
rotates each secret once. `make test` upgrades three instances of the last release, `make test-slow`
those of all strategies that each release has.
"""

import io
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from testing.databases.servers import Servers
from testing.harness.account import Rotation, Secret, eventually
from testing.harness.terraform import Terraform, copy_module
from testing.local_aws import local_aws
from testing.local_github import local_github
from testing.local_logins import local_logins
from testing.local_redis import local_redis
from tests.e2e.github import app
from tests.e2e.redis import redis_users
from tests.strategies import ALL
from tests.upgrade.deployed import REPOSITORY, Json, database_users, inputs, prepare, root

pytestmark = pytest.mark.xdist_group("upgrade")


@dataclass(frozen=True, kw_only=True)
class Release:
    """A commit that this checkout must be able to upgrade, and what an upgrade from there changes.

    The changelog names each change. Beside these, only the package of a function may change.
    """

    commit: str
    added: re.Pattern[str] = re.compile("")
    """The resources of type terraform_data that are new: records in Terraform's state."""
    other_rules: AbstractSet[str] = frozenset()
    """The instances whose backstop is longer: the window of one day could open between two
    rotations. AWS rotates at once when the rules change."""
    policies: AbstractSet[str] = frozenset()
    """The policies of secrets that change or are new."""
    changed: Mapping[str, AbstractSet[str]] = field(default_factory=dict)
    """The ends of other addresses, and the attributes that change there."""
    null_by_default: AbstractSet[str] = frozenset()
    """Inputs without which nothing changes: null means what an empty list meant."""
    types: Mapping[str, str] = field(default_factory=dict)
    """Lines of an input's type, each with the line that accepts the same values now."""
    has_api: bool = True
    """Whether a rotator of the user's imports from rotation.api, and so needs no change."""

    def announces(self, address: str, name: str) -> bool:
        """Return whether the changelog names the change of an attribute."""
        schedule = "aws_secretsmanager_secret_rotation.this[0]"
        changed = {
            **self.changed,
            **{
                f'module.instances["{one}"].{schedule}': {"rotation_rules"}
                for one in self.other_rules
            },
        }
        return any(address.endswith(end) and name in names for end, names in changed.items())

    def adds(self, address: str) -> bool:
        """Return whether a resource is new."""
        _, is_record, name = address.rpartition(".terraform_data.")
        return bool(is_record and self.added.fullmatch(name))


RELEASES: Final = (
    # Before each strategy, the core and the services moved to folders of their own.
    Release(
        commit="f846c1b7166b7dbdefba3d738a56505fb4a447db",
        added=re.compile(r"account|(?:name|options|owner)\[0\]|role_name(?:\[0\])?"),
        other_rules={"custom", "github_app_token"},
        policies={
            f'module.instances["{name}"].aws_secretsmanager_secret_policy.this[0]'
            for name in ("iam_access_key", "iam_service_credential")
        },
        changed={
            ".aws_iam_role_policy.network[0]": {"policy"},
            ".aws_iam_role_policy.rotation[0]": {"policy"},
            ".aws_scheduler_schedule.this": {"start_date", "target"},
            ".aws_sqs_queue.dead_letter": {"policy"},
            ".terraform_data.start[0]": {"id", "input", "output", "triggers_replace"},
        },
        null_by_default={"alarm_actions", "readers"},
        has_api=False,
    ),
    # Before the engine and the strategies for databases.
    Release(
        commit="c765fa601bd495093b24079e217465e43167bd58",
        added=re.compile(r"role_name(?:\[0\])?"),
    ),
    # Before notifications, metrics, audits and revocations.
    Release(
        commit="35d96c03c669508a9a2597ed6294178f5802386d",
        # dbname has no default any more.
        changed={'["postgres"].module.function[0].aws_lambda_function.this': {"environment"}},
        types={'dbname = optional(string, "postgres")': "dbname = optional(string)"},
    ),
)

_ROTATOR: Final = "examples/custom/rotate.py"
# One without rotation, one that EventBridge keeps, and one with all that adds a resource.
_SOME: Final = ("fixed", "custom", "iam_access_key")


def _since(release: Release) -> set[str]:
    """Return the commits of this release and of those after it."""
    return {one.commit for one in RELEASES[RELEASES.index(release) :]}


def _instances(release: Release) -> tuple[str, ...]:
    """Name those whose strategy the release has."""
    newer = {one.name for one in ALL if one.newer_than in _since(release)}
    return tuple(name for name, one in inputs().items() if not newer & {*one.get("rotation", {})})


# One list for all tests: pytest then applies each release once.
each_start = pytest.mark.parametrize(
    "before",
    [
        pytest.param((RELEASES[-1], _SOME), id=f"{RELEASES[-1].commit[:7]}-some"),
        *(
            pytest.param((one, _instances(one)), id=f"{one.commit[:7]}-all", marks=pytest.mark.slow)
            for one in RELEASES
        ),
    ],
    indirect=True,
)

# Only the package of a function may change.
_CHANGING: Final = {"filename", "source_code_hash"}
# AWS sets this after each change of a function.
_SET_BY_AWS: Final = {"last_modified"}
# EventBridge fires a rate at once when it changes, unless it has a new start.
_REPLACED: Final = ".terraform_data.start[0]"


class NoHistoryError(Exception):
    """The clone doesn't contain a release."""

    def __init__(self, commit: str) -> None:
        super().__init__(
            f"This clone doesn't contain commit {commit}, which the upgrade starts from. "
            "Run `git fetch --unshallow`, then run the test again."
        )


def write_release(repository: Path, commit: str, destination: Path) -> None:
    """Write the module as it was at a commit.

    Raises:
        NoHistoryError: The clone doesn't contain the commit.
    """
    parts = ["lambda", "modules", _ROTATOR, ":(top,glob)*.tf"]
    git = ["git", "-C", str(repository)]
    found = subprocess.run(
        [*git, "cat-file", "-e", f"{commit}^{{commit}}"], check=False, capture_output=True
    )
    if found.returncode != 0:
        raise NoHistoryError(commit)
    archive = subprocess.run(
        [*git, "archive", commit, *parts], check=True, stdout=subprocess.PIPE
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(destination, filter="data")


def _planned(terraform: Terraform, name: str, *options: str) -> Json:
    terraform.run("plan", f"-out={name}", *options)
    plan: Json = json.loads(terraform.run("show", "-json", name))
    return plan


def _resources(plan: Json) -> dict[str, Json]:
    return {one["address"]: one for one in plan["resource_changes"] if one["mode"] == "managed"}


@dataclass(frozen=True, kw_only=True)
class Value:
    """The current value of a secret."""

    version: str | None
    text: str = field(repr=False)

    @property
    def keys(self) -> set[str] | None:
        """The keys of a value that is JSON."""
        try:
            return set(json.loads(self.text))
        except ValueError:
            return None


def _value(secret: Secret) -> Value:
    return Value(version=secret.holder("AWSCURRENT"), text=secret.text() or "")


@dataclass(frozen=True, kw_only=True)
class Before:
    """The release after its apply and first rotations, and the plan to upgrade it."""

    release: Release
    terraform: Terraform
    secrets: Mapping[str, Secret]
    outputs: Mapping[str, Json]
    values: Mapping[str, Value]
    created_by_release: Json
    """The plan of the release in an empty account."""
    created_by_checkout: Json
    """The plan of this checkout in an empty account."""
    upgrade: Json
    """The plan of this checkout for what the release has applied."""


@dataclass(frozen=True, kw_only=True)
class After:
    """The same secrets after the upgrade was applied."""

    outputs: Mapping[str, Json]
    values: Mapping[str, Value]


@pytest.fixture(scope="module")
def before(
    request: pytest.FixtureRequest, repository: Path, database_servers: Servers
) -> Iterator[Before]:
    release, names = request.param
    with (
        # The path of a plugin's socket has at most 100 characters: tmp_path is too deep.
        tempfile.TemporaryDirectory(prefix="upgrade-") as temporary,
        local_github(tls=True) as github,
        local_aws(
            rotation_retry_seconds=0.2, functions_longest_sleep=1, trusted=github.certificate
        ) as aws,
        local_logins(aws, *github.trusted) as logins,
        local_redis(*github.trusted) as redis,
        app(aws, github, REPOSITORY) as github_app,
        redis_users(aws, redis, "upgrade") as server,
        database_users(aws, database_servers, names) as databases,
    ):
        folder = Path(temporary)
        module = folder / "module"
        write_release(repository, release.commit, module)
        variables = {**github_app, **server, **databases, **prepare(aws, github, logins)}
        terraform = Terraform(folder, "root", aws.environment, variables)
        terraform.folder.mkdir()
        shutil.copy(module / _ROTATOR, terraform.folder)
        (terraform.folder / "main.tf.json").write_text(json.dumps(root(names)))
        terraform.init()
        created_by_release = _planned(terraform, "release.tfplan")
        terraform.apply("release.tfplan")
        outputs = terraform.outputs()
        secrets = {name: Secret(aws, one["secret_arn"]) for name, one in outputs.items()}
        for name in _rotating(outputs):
            if name != "managed":
                secrets[name].wait_for_a_value()

        shutil.rmtree(module)
        module.mkdir()
        copy_module(module)
        if not release.has_api:
            shutil.copy(module / _ROTATOR, terraform.folder)
        terraform.init()
        yield Before(
            release=release,
            terraform=terraform,
            secrets=secrets,
            outputs=outputs,
            values={name: _value(secret) for name, secret in secrets.items()},
            created_by_release=created_by_release,
            created_by_checkout=_planned(
                terraform, "checkout.tfplan", "-state=empty.tfstate", "-refresh=false"
            ),
            upgrade=_planned(terraform, "upgrade.tfplan"),
        )


def _rotating(names: Iterable[str]) -> list[str]:
    return [name for name in names if name != "fixed"]


def _has_rotated(secret: Secret, old: Value) -> bool:
    current = secret.holder("AWSCURRENT")
    return current != old.version and secret.holder("AWSPENDING") in {None, current}


@pytest.fixture(scope="module")
def after(before: Before) -> After:
    before.terraform.apply("upgrade.tfplan")
    for name in before.release.other_rules & before.secrets.keys():
        eventually("The rotation", partial(_has_rotated, before.secrets[name], before.values[name]))
    return After(
        outputs=before.terraform.outputs(),
        values={name: _value(secret) for name, secret in before.secrets.items()},
    )


@pytest.fixture(scope="module")
def rotations(before: Before, after: After) -> dict[str, Rotation]:  # noqa: ARG001 -- comes first
    """Start the next rotation of every secret."""
    return {name: before.secrets[name].rotate() for name in _rotating(before.secrets)}


def _changed(change: Json) -> set[str]:
    """Name the attributes of a resource that are about to change."""
    old, new = change["before"] or {}, change["after"] or {}
    known = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
    return known | {name for name, value in change["after_unknown"].items() if _holds_true(value)}


def _holds_true(value: object) -> bool:
    """Search what `after_unknown` has for one attribute."""
    if isinstance(value, dict):
        value = list(value.values())
    return any(map(_holds_true, value)) if isinstance(value, list) else value is True


@each_start
def test_only_the_packages_of_functions_change(before: Before) -> None:
    release, wrong = before.release, []
    for address, resource in _resources(before.upgrade).items():
        change = resource["change"]
        changed = {name for name in _changed(change) if not release.announces(address, name)}
        if not changed and (change["actions"] == ["update"] or address.endswith(_REPLACED)):
            continue
        if "previous_address" in resource:
            wrong.append(f"{address} was {resource['previous_address']}")
        elif address in release.policies:
            if change["actions"] != ["create"] and changed != {"policy"}:
                wrong.append(f"{address} changes {', '.join(sorted(changed))}")
        elif release.adds(address) and change["actions"] == ["create"]:
            continue
        elif change["actions"] != ["no-op"] and (
            change["actions"] != ["update"]
            or resource["type"] != "aws_lambda_function"
            or not changed <= _CHANGING | _SET_BY_AWS
        ):
            wrong.append(f"{address} {'+'.join(change['actions'])}: {', '.join(sorted(changed))}")
    assert not wrong, "\n".join(wrong)


@each_start
def test_both_make_the_same_resources(before: Before) -> None:
    """The provider hides a change of a policy that means the same: this comparison doesn't."""
    old, new = (
        _created(plan, before.release)
        for plan in (before.created_by_release, before.created_by_checkout)
    )
    wrong = [
        f"{' '.join(name)}:\n  was {old.get(name)}\n  is  {new.get(name)}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
    assert not wrong, "\n".join(wrong)


def _created(plan: Json, release: Release) -> dict[tuple[str, str, str], object]:
    """Return every attribute of every resource, and whether it is known and sensitive."""
    return {
        (address, name, part): value
        for address, resource in _resources(plan).items()
        if not release.adds(address)
        for part in ("after", "after_unknown", "after_sensitive")
        for name, value in resource["change"][part].items()
        if name not in _CHANGING
        and address not in release.policies
        and not release.announces(address, name)
    }


@each_start
def test_each_output_keeps_its_value(before: Before, after: After) -> None:
    for name, outputs in before.outputs.items():
        kept = {output: after.outputs[name].get(output) for output in outputs}
        assert kept == outputs, name


@each_start
def test_the_upgrade_rotates_only_the_secrets_with_other_rules(
    before: Before, after: After
) -> None:
    rotated = {name for name, value in after.values.items() if value != before.values[name]}
    assert rotated == before.release.other_rules & before.secrets.keys()


@each_start
def test_each_next_rotation_succeeds(
    before: Before, after: After, rotations: Mapping[str, Rotation]
) -> None:
    for name, rotation in rotations.items():
        secret, old = before.secrets[name], after.values[name]
        secret.wait_for(rotation)
        new = _value(secret)
        assert new.version == rotation.token, name
        assert new.text != old.text, name
        assert new.keys == old.keys, name
        assert secret.holder("AWSPREVIOUS") == old.version, name
        assert secret.text("AWSPREVIOUS") == old.text, name


@each_start
def test_nothing_is_left_to_apply(before: Before, rotations: Mapping[str, Rotation]) -> None:
    for name, rotation in rotations.items():
        before.secrets[name].wait_for(rotation)
    before.terraform.require_empty_plan()


def test_each_strategy_has_an_instance() -> None:
    found = {name for one in inputs().values() for name in one.get("rotation", {})}
    assert found == {one.name for one in ALL}


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.commit[:7])
def test_every_input_and_output_of_the_release_exists(
    release: Release, repository: Path, cache: Path, tmp_path: Path
) -> None:
    write_release(repository, release.commit, tmp_path / "old")
    (tmp_path / "new").mkdir()
    copy_module(tmp_path / "new")
    (old, old_outputs), (new, new_outputs) = (
        _interface(tmp_path / folder, cache) for folder in ("old", "new")
    )
    assert old.keys() <= new.keys()
    assert {name for name, one in new.items() if one["required"]} <= old.keys()
    assert old_outputs <= new_outputs
    for name, one in old.items():
        default = None if name in release.null_by_default else one["default"]
        assert new[name]["default"] == default, name
        assert new[name]["required"] == one["required"], name
        kept = [release.types.get(line, line) for line in _lines(one["type"])]
        missing, more = _compare(kept, _lines(new[name]["type"]))
        assert missing == [], name
        assert [line for line in more if "= optional(" not in line] == [], name
    lines = _lines(old["rotation"]["type"])
    has = {one.name for one in ALL if f"{one.name} = optional(object({{" in lines}
    assert has == {one.name for one in ALL if one.newer_than not in _since(release)}


def _interface(folder: Path, cache: Path) -> tuple[dict[str, Json], set[str]]:
    """Read the inputs, and the names of the outputs."""
    described = json.loads(
        subprocess.run(
            [cache / "bin" / "terraform-docs", "json", "."],
            check=True,
            cwd=folder,
            stdout=subprocess.PIPE,
        ).stdout
    )
    inputs = {one["name"]: one for one in described["inputs"]}
    return inputs, {one["name"] for one in described["outputs"]}


def _compare(old: list[str], new: list[str]) -> tuple[list[str], list[str]]:
    """Return the missing lines, and the first line of each attribute that only the new type has."""
    missing, more, depth = list(old), [], 0
    for line in new:
        if depth == 0:
            if missing[:1] == [line]:
                del missing[0]
                continue
            more.append(line)
        depth += line.count("(") - line.count(")")
    return missing, more


def _lines(hcl_type: str) -> list[str]:
    """Return the lines without comments and alignment."""
    lines = [re.sub(r"\s+", " ", line.partition("#")[0]).strip() for line in hcl_type.splitlines()]
    return [line for line in lines if line]


@pytest.mark.slow
def test_a_shallow_clone_is_an_error_that_says_what_to_run(
    repository: Path, tmp_path: Path
) -> None:
    clone, commit = tmp_path / "clone", RELEASES[-1].commit
    subprocess.run(
        ["git", "clone", "--quiet", "--depth=1", "--no-checkout", repository.as_uri(), clone],
        check=True,
    )
    with pytest.raises(NoHistoryError, match=f"{commit}.*git fetch --unshallow"):
        write_release(clone, commit, tmp_path / "module")
