"""Names and texts in statements. They are right only with `sql_mode = ''`, which log_in sets."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user and the hosts from which it may connect. MySQL has a password for each pair."""

    user: str
    host: str = "%"

    def __str__(self) -> str:
        """Return the account as statements have it."""
        return f"{literal(self.user)}@{literal(self.host)}"


def identifier(name: str) -> str:
    """Quote a name.

    https://dev.mysql.com/doc/refman/8.0/en/identifiers.html
    """
    return "`" + name.replace("`", "``") + "`"


def literal(text: str) -> str:
    """Quote a text.

    https://dev.mysql.com/doc/refman/8.0/en/string-literals.html
    """
    return "'" + text.replace("\\", "\\\\").replace("'", "''").replace("\0", "\\0") + "'"
