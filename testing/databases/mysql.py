"""Creates a MySQL server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testing.databases.mysql_server import MySQLServer, Product
from testing.databases.process import Process, installed

if TYPE_CHECKING:
    from pathlib import Path


def mysql(folder: Path, version: str = "8.0.31") -> MySQLServer:
    """Return a server with its files in an empty folder; `start` starts it.

    Raises:
        NotStartedError: This version is not installed, or the folder can't be used.
    """
    programs = installed(f"mysql-{version}", folder)
    program = (
        programs / "bin" / "mysqld",
        # The first option of all has to be this one.
        "--no-defaults",
        f"--basedir={programs}",
        *("--mysqlx=OFF", "--performance-schema=OFF", "--log-slow-admin-statements=ON"),
    )

    # https://dev.mysql.com/doc/refman/8.0/en/data-directory-initialization.html
    def create(process: Process, statements: str) -> None:
        text = f"DROP USER root@localhost;\n{statements}"
        (folder / "statements.sql").write_text(text, encoding="utf-8")
        options = (
            f"--datadir={folder}/data",
            f"--init-file={folder}/statements.sql",
            "--skip-log-bin",
        )
        process.run(*program, *options, "--initialize-insecure")
        (folder / "statements.sql").unlink()

    product = Product(
        name="mysql",
        program=program,
        create=create,
        reload_certificate="ALTER INSTANCE RELOAD TLS",
        environment={"LD_LIBRARY_PATH": str(programs / "usr" / "lib" / "x86_64-linux-gnu")},
    )
    return MySQLServer(folder, version, product)
