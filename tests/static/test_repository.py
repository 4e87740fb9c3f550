"""No committed file has an address of a package registry or a path of one machine."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from dev import setup

# A lock has versions and hashes. Each machine decides from where it downloads packages.
_DOWNLOAD_ADDRESSES = re.compile(
    r"""
    files\.pythonhosted\.org | pypi\.org/(simple|packages)
    | registry\.npmjs\.org | registry\.yarnpkg\.com
    | proxy\.golang\.org | GOPROXY=http
    | static\.crates\.io | index\.crates\.io
    | repo1?\.maven\.
    | (deb|archive|security)\.(debian|ubuntu)\.
    | releases\.hashicorp\.com
    | --(extra-)?index-url[ =]http
    | "resolved":\s*"http
    | https?://\S+\.(whl|tgz|tar\.gz|deb|crate|jar)\b
    """,
    re.VERBOSE,
)
_HOMES = re.compile(r"(/home/|/Users/)\w+/|/root/")


@pytest.fixture(scope="module")
def texts(repository: Path) -> dict[str, str]:
    """Every text file that is committed or that `git add` would add, but not this one."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        cwd=repository,
        text=True,
    )
    paths = {repository / name for name in listed.stdout.split("\0") if name} - {Path(__file__)}
    # A file deleted but not yet committed is still listed.
    contents = {path: path.read_bytes() for path in paths if path.is_file()}
    return {
        str(path.relative_to(repository)): content.decode()
        for path, content in contents.items()
        if b"\0" not in content
    }


def _found(pattern: re.Pattern[str], texts: dict[str, str]) -> list[str]:
    return [
        f"{name}: {match.group()}"
        for name, text in texts.items()
        for match in pattern.finditer(text)
    ]


def test_no_file_has_a_download_address_of_a_package_registry(texts: dict[str, str]) -> None:
    assert _found(_DOWNLOAD_ADDRESSES, texts) == []


def test_no_file_has_a_path_of_one_machine(texts: dict[str, str], repository: Path) -> None:
    here = re.compile("|".join(re.escape(f"{path}/") for path in (repository, Path.home())))
    assert _found(_HOMES, texts) + _found(here, texts) == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("https://files.pythonhosted.org/packages/a/b", id="python"),
        pytest.param('"resolved": "https://example.org/a"', id="node"),
        pytest.param("--index-url https://example.org", id="index"),
        pytest.param("https://example.org/a.tar.gz", id="archive"),
    ],
)
def test_the_search_for_download_addresses_finds(text: str) -> None:
    assert _DOWNLOAD_ADDRESSES.search(text)


def test_the_tests_use_the_lowest_versions_of_the_providers(
    repository: Path, cache: Path, tmp_path: Path
) -> None:
    shutil.copy(repository / "versions.tf", tmp_path)
    described = subprocess.run(
        [cache / "bin" / "terraform-docs", "json", "."],
        check=True,
        capture_output=True,
        cwd=tmp_path,
        text=True,
    )
    requirements = json.loads(described.stdout)["requirements"]
    floors = {requirement["name"]: requirement["version"] for requirement in requirements}
    del floors["terraform"]
    assert floors == {
        source.removeprefix("hashicorp/"): f">= {version.removesuffix('.0')}"
        for source, version in (setup.AWS, setup.ARCHIVE)
    }
