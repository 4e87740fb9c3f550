"""The pages match the project: their quotes, tables, pictures and links. No block is unchecked."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from itertools import groupby
from typing import TYPE_CHECKING

import hcl2
import pytest

from rotation import errors, log
from rotation.event import Step
from rotation.strategies.random_value import RandomValue
from tests.readme.blocks import (
    INTERNAL_PAGES,
    PAGES,
    README,
    REGISTRY_SOURCE,
    REPOSITORY,
    Block,
    block,
    blocks,
)
from tests.strategies import REPRESENTATIVE

if TYPE_CHECKING:
    from pathlib import Path

# One test goes through every block with such a check: here, or for statements in tests/plan.
_CHECKED_AT_ONCE = {"apply", "excerpt", "make", "picture", "quote", "statements"}
# A test asks for each of these blocks by its name.
_CHECKED_BY_NAME = {"grants", "plan", "record", "run", "value"}

# Options that only a test sets, below the default that the pages describe.
_SHORTENED = re.compile(
    r"^ *(?:minimum_overlap_minutes|recovery_window_in_days|settling_seconds) += var\..*\n"
    r"(?:\n(?=}))?",
    re.MULTILINE,
)


# The module itself, without what is beside it in a checkout.
_CONFIGURATION = ("*.tf", "modules/**/*.tf")
_PAYLOAD = ("lambda/**/*.py",)


def _read(*patterns: str) -> str:
    return "".join(path.read_text() for one in patterns for path in REPOSITORY.glob(one))


def _each(check: str) -> pytest.MarkDecorator:
    found = [one for one in blocks() if one.check == check]
    return pytest.mark.parametrize("one", found, ids=[f"{a.page}:{a.subject}" for a in found])


def test_every_block_is_checked() -> None:
    checks = _CHECKED_AT_ONCE | _CHECKED_BY_NAME
    assert [one for one in blocks() if one.check not in checks] == []


@pytest.mark.parametrize(
    "page", [*PAGES, *INTERNAL_PAGES], ids=lambda page: str(page.relative_to(REPOSITORY))
)
def test_every_code_fence_is_a_checked_block(page: Path) -> None:
    """A fence without a language, or of another form, would be no block."""
    fences = re.findall(r"^\s*(?:```|~~~)", page.read_text(), re.MULTILINE)
    name = str(page.relative_to(REPOSITORY))
    assert len(fences) == 2 * len([one for one in blocks() if one.page == name])


def test_a_block_with_a_name_is_asked_for_by_a_test() -> None:
    """By `block("check", "name")`; the test of the demo runs what `make demo` runs."""
    asked: set[tuple[str, str | None]] = {("run", "demo")}
    for path in (REPOSITORY / "tests").rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "block":
                check, *subject = (
                    str(one.value) for one in call.args if isinstance(one, ast.Constant)
                )
                asked.add((check, subject[0] if subject else None))
    named = [one for one in blocks() if one.check in _CHECKED_BY_NAME]
    assert [one for one in named if (one.check, one.subject) not in asked] == []


@_each("quote")
def test_a_quote_is_the_file_as_a_caller_would_write_it(one: Block) -> None:
    text = (REPOSITORY / str(one.subject)).read_text()
    if one.language == "hcl":
        text = text.replace('source = "../.."', REGISTRY_SOURCE)
        text = re.sub(r"^  #checkov:.*\n", "", _SHORTENED.sub("", text), flags=re.MULTILINE)
        text = subprocess.run(
            ["terraform", "fmt", "-"], input=text, check=True, capture_output=True, text=True
        ).stdout
    assert one.text == text, f"Paste into {one.page}:\n{text}"


@_each("excerpt")
def test_an_excerpt_is_in_its_file(one: Block) -> None:
    excerpt, text = (
        "\n".join(line.strip() for line in text.strip().splitlines())
        for text in (one.text, (REPOSITORY / str(one.subject)).read_text())
    )
    assert excerpt in text


@_each("apply")
def test_an_example_is_applied_with_the_variables_that_it_needs(one: Block) -> None:
    folder = REPOSITORY / str(one.subject)
    variables = "".join(path.read_text() for path in folder.glob("*.tf"))
    declared = dict(
        re.findall(r'^variable "(\w+)" {\n(.*?)^}', variables, re.DOTALL | re.MULTILINE)
    )
    required = {name for name, body in declared.items() if "default" not in body}
    init, apply = one.text.splitlines()
    assert init == "terraform init"
    given = set(re.findall(r" -var (\w+)=\S+", apply))
    assert re.fullmatch(r"terraform apply(?: -var \w+=\S+)+", apply)
    assert required <= given <= declared.keys()


@_each("make")
def test_a_command_of_make_exists(one: Block) -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    for line in one.text.splitlines():
        target, *variables = re.sub(r"\s*#.*", "", line.removeprefix("$ ")).split()[1:]
        assert re.search(rf"^{target}:.*## ", makefile, re.MULTILINE), target
        for variable in variables:
            assert variable.partition("=")[0] in makefile


@_each("picture")
def test_a_picture_names_what_exists(one: Block) -> None:
    """Resources of the module, and steps and AWS actions of the function."""
    configuration, payload = _read(*_CONFIGURATION), _read(*_PAYLOAD)
    resources = re.findall(r"\baws_\w+", one.text)
    steps = re.findall(r"\b[a-z]+Secret\b", one.text)
    actions = re.findall(r"\b(?:[A-Z][a-z]+){2,}\b(?! Manager)", one.text)
    assert resources or steps
    assert all(f'resource "{name}"' in configuration for name in resources)
    assert [step for step, _ in groupby(steps)] in ([], [str(step) for step in Step])
    # The caller sends RotateSecret.
    for action in set(actions) - {"GitHub", "RotateSecret"}:
        assert re.search(rf'"\w+:{action}"', payload), action


def test_the_random_value_has_the_keys_of_its_example() -> None:
    configuration = (REPOSITORY / "examples" / "random-value" / "main.tf").read_text()
    (module,) = hcl2.loads(configuration)["module"]
    ((_, called),) = module.items()
    options = called["rotation"]["random_value"]
    json_key = options["json_key"].strip('"')
    value = RandomValue(length=9, classes=("a",), json_key=json_key).generate(None).value
    assert not isinstance(value, str)
    assert json.loads(block("value", "random_value")).keys() == {*value, *options["constants"]}


def test_the_log_record_has_listed_keys_in_their_order() -> None:
    record = json.loads(block("record"))
    assert list(record) == [key for key in log.Key if key in record]


def test_every_error_that_a_page_names_exists() -> None:
    classes = {one.__name__ for one in errors.RotationError.__subclasses__()}
    for page in PAGES:
        assert {*re.findall(r"^\| `([A-Z]\w+)` \|", page.read_text(), re.MULTILINE)} <= classes


def _anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings, outside of blocks."""
    text = re.sub(r"^ *```.*?^ *```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    return {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }


@pytest.mark.parametrize(
    "page",
    [*PAGES, *INTERNAL_PAGES, *sorted(REPOSITORY.glob("modules/**/README.md"))],
    ids=lambda page: str(page.relative_to(REPOSITORY)),
)
def test_every_link_inside_the_project_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text()):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), link


def test_every_page_is_linked_from_the_landing_page() -> None:
    linked = {
        (REPOSITORY / path) for path in re.findall(r"\]\(([^)#]+)[^)]*\)", README.read_text())
    }
    assert [page for page in PAGES[1:] if page not in linked] == []


def test_the_landing_page_stays_short() -> None:
    assert len(README.read_text().splitlines()) <= 300


def test_every_path_that_a_page_names_exists() -> None:
    folders = "dev|docs|examples|lambda|modules|testing|tests|tools"
    for page in [*PAGES, *INTERNAL_PAGES]:
        for path in re.findall(rf"`((?:{folders})/[\w./*-]*)`", page.read_text()):
            assert [*REPOSITORY.glob(path), *page.parent.glob(path)], path


def test_every_page_that_a_message_names_exists() -> None:
    texts = _read(*_CONFIGURATION, *_PAYLOAD)
    named = re.findall(r"(?:docs|examples)/[\w/-]+\.md", texts)
    assert named
    assert [page for page in named if not (REPOSITORY / page).exists()] == []


def test_the_cost_is_what_the_arithmetic_gives() -> None:
    page = README.read_text()
    rows = re.findall(r"^\|.+\| (?:`([\d ().+*/]+)` )?\| (\d\.\d{4}) \|$", page, re.MULTILINE)
    costs = [eval(one) for one, _ in rows if one]  # noqa: S307 -- only numbers and operators
    shown = [cost for one, cost in rows if one]
    assert [f"{cost:.4f}" for cost in costs] == shown
    (total,) = (cost for one, cost in rows if not one)
    before = [one for one, _ in rows].index("")
    assert f"{sum(costs[:before]):.4f}" == total
    assert f"about {float(total):.2f} USD" in page


def test_the_cost_counts_the_measured_calls_of_a_rotation() -> None:
    row = rf"^\| `{REPRESENTATIVE.name}` \| \d+ \| (\d+) \|"
    measured = re.search(row, _read("docs/performance.md"), re.MULTILINE)
    assert measured
    calls = f"1,440 reads, {measured[1]} for the rotation | `(1440 + {measured[1]}) /"
    assert calls in README.read_text()


def test_the_badges_name_the_versions_that_the_module_requires() -> None:
    shown = dict(re.findall(r"^!\[(.+) ([\d.]+) or newer\]", README.read_text(), re.MULTILINE))
    versions = (REPOSITORY / "versions.tf").read_text()
    assert f'required_version = ">= {shown.pop("Terraform")}"' in versions
    assert re.search(rf'aws = {{[^}}]*">= {shown.pop("AWS provider")}"', versions)
    assert shown == {}


def test_the_landing_page_names_the_opentofu_that_the_tests_run() -> None:
    built = (REPOSITORY / "dev" / "toolchain" / "opentofu" / "go.mod").read_text()
    (version,) = re.findall(r"^\tgithub[.]com/opentofu/opentofu v([\d.]+) ", built, re.MULTILINE)
    minor = version.rpartition(".")[0]
    page = README.read_text()
    assert f"![OpenTofu {minor} tested](https://img.shields.io/badge/OpenTofu-{minor}%20" in page
    assert f"With OpenTofu {version}, the native tests pass" in page


def test_every_module_below_modules_says_how_to_use_it() -> None:
    folders = {path.parent for path in (REPOSITORY / "modules").rglob("*.tf")}
    assert [folder for folder in sorted(folders) if not (folder / "README.md").exists()] == []
