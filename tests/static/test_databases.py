"""The set-up of the database servers unpacks only files with the hashes that it lists."""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

_MAVEN = """#!/bin/sh
for argument; do
  case $argument in -DoutputDirectory=*) folder=${argument#*=} ;; esac
done
mkdir "$folder"
cp "${0%/*}/postgresql-18" "$folder"
"""


@pytest.mark.parametrize("listed", [True, False])
def test_only_a_file_with_its_hash_is_unpacked(
    repository: Path, tmp_path: Path, *, listed: bool
) -> None:
    servers = tmp_path / ".cache" / "databases"
    toolchain = Path("dev", "toolchain", "databases")
    shutil.copytree(repository / toolchain, tmp_path / toolchain)
    shutil.copy(repository / "dev" / "databases.py", tmp_path / "dev")
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "mvn").write_text(_MAVEN)
    (commands / "mvn").chmod(0o755)
    content = _zipped(b"the server")
    (commands / "postgresql-18").write_bytes(content)
    digest = hashlib.sha256(content if listed else b"another file").hexdigest()
    (tmp_path / toolchain / "sha256").write_text(f"{digest}  postgresql-18\n")

    ended = subprocess.run(
        [sys.executable, tmp_path / "dev" / "databases.py", "test-slow"],
        check=False,
        capture_output=True,
        env={**os.environ, "PATH": f"{commands}:{os.environ['PATH']}"},
        text=True,
    )
    programs = {path.name: path.read_bytes() for path in servers.rglob("*") if path.is_file()}
    assert programs == ({"postgres": b"the server"} if listed else {})
    assert ("has the SHA-256" in ended.stderr) == (not listed)
    assert ended.returncode == (not listed)


def _zipped(program: bytes) -> bytes:
    """Return an archive as that of the real server."""
    inner, outer = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:xz") as archive:
        entry = tarfile.TarInfo("bin/postgres")
        entry.size = len(program)
        archive.addfile(entry, io.BytesIO(program))
    with zipfile.ZipFile(outer, "w") as archive_of_maven:
        archive_of_maven.writestr("postgres-linux-x86_64.txz", inner.getvalue())
    return outer.getvalue()
