"""Creates a MariaDB server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testing.databases.mysql_server import MySQLServer, Product
from testing.databases.process import Process, installed

if TYPE_CHECKING:
    from pathlib import Path

# The scripts of mariadb-install-db, in its order. Their first names differ between versions.
# https://mariadb.com/kb/en/mariadb-install-db/
_SCRIPTS = ("system_tables", "performance_tables", "system_tables_data", "sys_schema")
# The scripts create users without a password. `mariadb.sys` owns the views and can't log in.
_NO_USERS = """
DELETE FROM mysql.global_priv WHERE User <> 'mariadb.sys';
DELETE FROM mysql.proxies_priv;
FLUSH PRIVILEGES;
"""


def mariadb(folder: Path, version: str = "10.11") -> MySQLServer:
    """Return a server with its files in an empty folder; `start` starts it.

    Raises:
        NotStartedError: This version is not installed, or the folder can't be used.
    """
    programs = installed(f"mariadb-{version}", folder)
    (server,) = programs.glob("**/mariadbd")
    (share,) = {path.parent for path in programs.glob("**/*_system_tables.sql")}
    program: tuple[str | Path, ...] = (
        server,
        # The first option of all has to be this one.
        "--no-defaults",
        f"--lc-messages-dir={share}",
        f"--character-sets-dir={share / 'charsets'}",
        *(f"--plugin-dir={path.parent}" for path in programs.glob("**/auth_ed25519.so")),
    )

    def create(process: Process, statements: str) -> None:
        scripts = [
            path.read_text(encoding="utf-8")
            for name in _SCRIPTS
            for path in share.glob(f"m*_{name}.sql")
        ]
        text = "\n".join(("CREATE DATABASE mysql;", "USE mysql;", *scripts, _NO_USERS, statements))
        (folder / "data").mkdir()
        process.run(
            *program, f"--datadir={folder}/data", "--bootstrap", "--skip-log-bin", text=text
        )

    product = Product(
        name="mariadb",
        program=program,
        create=create,
        reload_certificate="FLUSH SSL",
        environment={"LD_LIBRARY_PATH": str(programs / "usr" / "lib" / "x86_64-linux-gnu")},
    )
    return MySQLServer(folder, version, product)
