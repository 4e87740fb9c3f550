"""The HCL is formatted, valid and clean under tflint and checkov, and its native tests pass."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from testing.harness.provider import VARIABLE, AwsProvider
from testing.harness.terraform import SETTINGS
from tests.conftest import Terraform
from tests.strategies import ALL

_REPOSITORY = Path(__file__).resolve().parent.parent.parent
# The root, the modules below it and the examples: every folder that holds configuration.
_FOLDERS = sorted(
    str(folder)
    for folder in {
        path.parent.relative_to(_REPOSITORY)
        for pattern in ("*.tf", "[!.]*/**/*.tf")
        for path in _REPOSITORY.glob(pattern)
    }
    if not any(part.startswith(".") for part in folder.parts)
)


def _blocks(folder: str, kinds: str) -> bool:
    """Return whether a folder has a block of these kinds."""
    return any(
        re.search(rf"^(?:{kinds}) ", file.read_text(encoding="utf-8"), re.MULTILINE)
        for file in (_REPOSITORY / folder).glob("*.tf")
    )


# They only compute: Terraform tests them without a provider.
_PURE = [
    folder
    for folder in _FOLDERS
    if folder.startswith("modules") and not _blocks(folder, "data|resource")
]


def test_hcl_is_formatted(repository: Path, terraform: Terraform) -> None:
    terraform(repository, "fmt", "-check", "-diff", "-recursive")


def _call(example: str) -> dict[str, str]:
    """Return a call of an example with all variables that have no default."""
    files = (_REPOSITORY / example).glob("*.tf")
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    blocks = re.findall(r'^variable "(\w+)" \{\n(.*?)^\}', text, re.MULTILINE | re.DOTALL)
    required = [name for name, block in blocks if "\n  default " not in block]
    return {"source": f"../{example}", **dict.fromkeys(required, "${var.any}")}


def test_configuration_is_valid_without_a_warning(
    module_copy: Path,
    provider: str,
    terraform: Terraform,
    terraform_env: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One root calls all examples: one process has to read the provider's schema, once."""
    root = module_copy / "all"
    root.mkdir()
    calls = {Path(one).name: _call(one) for one in _FOLDERS if one.startswith("examples")}
    (root / "main.tf.json").write_text(json.dumps({"module": calls, "variable": {"any": {}}}))
    terraform(root, "init", "-backend=false")
    modules = json.loads((root / ".terraform" / "modules" / "modules.json").read_text())["Modules"]
    assert {os.path.normpath(Path("all", one["Dir"])) for one in modules} == {"all", *_FOLDERS}
    monkeypatch.setitem(terraform_env, VARIABLE, provider)
    assert json.loads(terraform(root, "validate", "-json"))["diagnostics"] == []


# An example has the floors of the module that it calls, and stays a few lines.
_LEFT_TO_THE_MODULE = ("terraform_required_providers", "terraform_required_version")


def test_tflint_finds_nothing(module_copy: Path, cache: Path) -> None:
    examples = module_copy / "examples"
    without = [f"--disable-rule={rule}" for rule in _LEFT_TO_THE_MODULE]
    _tflint(examples, cache, *without)
    shutil.rmtree(examples)
    _tflint(module_copy, cache)


def _tflint(folder: Path, cache: Path, *options: str) -> None:
    """Inspect a folder and those below it."""
    result = subprocess.run(
        [
            *(cache / "bin" / "tflint", "--recursive", "--max-workers=1"),
            *(f"--config={_REPOSITORY / '.tflint.hcl'}", *options),
        ],
        check=False,
        cwd=folder,
        env={**os.environ, **SETTINGS},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert result.returncode == 0, result.stdout


def _checkov(folder: Path, cache: Path) -> set[str]:
    """Return the folders with configuration that checkov has read; it must find nothing."""
    # Its exit code alone would also be zero where it could not parse a file, or found none.
    result = subprocess.run(
        [
            cache / "checkov" / "bin" / "checkov",
            f"--config-file={_REPOSITORY / '.checkov.yaml'}",
            "--directory=.",
            "--output=json",
        ],
        check=False,
        capture_output=True,
        cwd=folder,
        env={
            **os.environ,
            # The same findings in half the time: it reads each submodule, whatever its count.
            "CHECKOV_ENABLE_MODULES_FOREACH_HANDLING": "False",
            # A file that takes longer counts as one that it cannot parse, even if the machine is
            # busy.
            "HCL_PARSE_TIMEOUT_SEC": "600",
        },
        text=True,
    )
    assert result.returncode in {0, 1}, result.stderr
    report = json.loads(result.stdout)
    failed = [
        f"{one['check_id']} {one['resource']} in {one['file_path']}: {one['check_name']}"
        for one in report["results"]["failed_checks"]
    ]
    assert not failed, "\n".join(failed)
    assert report["results"]["parsing_errors"] == []
    # A finding in a module counts for the folder that calls it.
    return {
        str(Path(path).parent.relative_to("/"))
        for kind in ("passed_checks", "skipped_checks")
        for one in report["results"][kind]
        for path in (one["file_path"], one["caller_file_path"])
        if path
    }


def test_checkov_fails_nothing_and_reads_every_folder_with_a_resource(
    module_copy: Path, cache: Path
) -> None:
    """Away from the module, an example costs checkov only the time for its own resources."""
    (module_copy / "examples").rename(module_copy.parent / "examples")
    expected = {
        folder if folder.startswith("examples") else str(Path("module", folder))
        for folder in _FOLDERS
        # checkov has no rule for a layer, and none for a subscription.
        if _blocks(
            folder, r'resource "(?!aws_(?:lambda_layer_version|sns_topic_subscription)")\w+"'
        )
    }
    assert _checkov(module_copy.parent, cache) >= expected


@pytest.mark.slow
def test_checkov_fails_nothing_in_the_module_with_the_inputs_of_any_example(
    module_copy: Path, cache: Path
) -> None:
    assert _checkov(module_copy, cache) >= {*_FOLDERS} - {*_PURE}


@pytest.fixture(scope="module")
def provider(repository: Path, terraform_env: dict[str, str]) -> Iterator[str]:
    """One process of the AWS provider: the variable with which Terraform reaches it.

    The native tests mock it, so Terraform only asks for its schema.
    """
    with closing(AwsProvider(repository, terraform_env)) as process:
        yield process.environment[VARIABLE]


# One test per file, because Terraform runs them one after the other: another worker takes the next.
@pytest.mark.parametrize("file", sorted(path.name for path in _REPOSITORY.glob("tests/*.hcl")))
def test_native_tests_pass(
    file: str,
    module_copy: Path,
    provider: str,
    terraform: Terraform,
    terraform_env: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terraform(module_copy, "init", "-backend=false")
    monkeypatch.setitem(terraform_env, VARIABLE, provider)
    assert "Success!" in terraform(module_copy, "test", f"-filter=tests/{file}")


# Terraform finds no tests in folders below the one where it runs.
@pytest.mark.parametrize("folder", _PURE)
def test_the_native_tests_of_a_module_pass(
    folder: str, module_copy: Path, terraform: Terraform
) -> None:
    terraform(module_copy / folder, "init")
    result = terraform(module_copy / folder, "test")
    assert re.search(r"Success! [1-9][0-9]* passed, 0 failed", result), result


def _test_on_opentofu(folder: Path, cache: Path, env: dict[str, str], *options: str) -> str:
    """Run native tests, and return what OpenTofu prints."""
    output = ""
    for arguments in (["init", "-backend=false"], ["test", *options]):
        result = subprocess.run(
            [cache / "opentofu" / "tofu", f"-chdir={folder}", *arguments, "-no-color"],
            check=False,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        output += result.stdout
    return output


@pytest.mark.parametrize(
    "folder",
    [
        # `make test` runs the one with the most expressions.
        pytest.param(one, marks=[] if one.endswith("schedule_expression") else pytest.mark.slow)
        for one in _PURE
    ],
)
def test_the_native_tests_of_a_module_pass_on_opentofu(
    folder: str, module_copy: Path, cache: Path, terraform_env: dict[str, str]
) -> None:
    output = _test_on_opentofu(module_copy / folder, cache, terraform_env)
    assert re.search(r"Success! [1-9][0-9]* passed, 0 failed", output), output


_MOCKS = '  source = "./tests/mocks"\n'
# OpenTofu mocks computed attributes in a plan, too, and the provider checks that these are ARNs.
_MOCKED_ARNS = "".join(
    f'mock_resource "{name}" {{\n'
    '  defaults = { arn = "arn:aws:mocked:eu-west-1:123456789012:mocked" }\n'
    "}\n"
    for name in (
        "aws_iam_role",
        "aws_lambda_function",
        "aws_secretsmanager_secret",
        "aws_sqs_queue",
    )
)
# OpenTofu doesn't support override_during.
_TERRAFORM_ONLY = {"postgres.tftest.hcl"}
# In an assertion of OpenTofu, a module without outputs has no instances.
_FAIL_ON_OPENTOFU = {
    "alarm_actions_accepts_a_topic_for_a_managed_secret",
    "alarm_actions_accepts_an_empty_list_for_a_managed_secret",
}


@pytest.mark.parametrize(
    "file",
    [
        # `make test` runs the shortest one.
        pytest.param(file, marks=[] if file.startswith("account") else pytest.mark.slow)
        for file in sorted(
            {path.name for path in _REPOSITORY.glob("tests/*.hcl")} - _TERRAFORM_ONLY
        )
    ],
)
def test_native_tests_pass_on_opentofu(
    file: str,
    module_copy: Path,
    cache: Path,
    provider: str,
    terraform_env: dict[str, str],
) -> None:
    tests = module_copy / "tests"
    for name in _TERRAFORM_ONLY:
        (tests / name).unlink()
    # OpenTofu reads no mocks from a file.
    mocks = (tests / "mocks" / "aws.tfmock.hcl").read_text(encoding="utf-8") + _MOCKED_ARNS
    for path in tests.glob("*.hcl"):
        path.write_text(path.read_text(encoding="utf-8").replace(_MOCKS, mocks), encoding="utf-8")
    output = _test_on_opentofu(
        module_copy, cache, {**terraform_env, VARIABLE: provider}, f"-filter=tests/{file}"
    )
    results = dict(re.findall(r'^  run "(\w+)"\.\.\. (\w+)$', output, re.MULTILINE))
    assert results, output
    expected = {name: "fail" if name in _FAIL_ON_OPENTOFU else "pass" for name in results}
    assert results == expected, output


def test_the_module_of_a_strategy_is_pure() -> None:
    modules = [folder for folder in _FOLDERS if folder.startswith("modules/strategies/")]
    assert len(modules) == len(ALL)
    assert {*modules} <= {*_PURE}


def test_the_readme_has_the_inputs_and_outputs(module_copy: Path, cache: Path) -> None:
    result = subprocess.run(
        [cache / "bin" / "terraform-docs", "--output-check", "."],
        check=False,
        cwd=module_copy,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert result.returncode == 0, f"Run `make docs`. {result.stdout}"
