"""Names and texts in SQL.

https://www.postgresql.org/docs/current/sql-syntax-lexical.html
"""

from __future__ import annotations

from rotation.services.postgresql import encode, encode_name


def quote_identifier(name: str) -> str:
    """Write a name, of a role for example.

    Raises:
        UnusableTextError: It is empty, too long, or has a character that no name can have.
    """
    encode_name(name)
    return '"' + name.replace('"', '""') + '"'


def quote_literal(text: str) -> str:
    r"""Write a text, so that it is the same with each value of standard_conforming_strings.

    Raises:
        UnusableTextError: It has a character that no text can have.
    """
    encode(text)
    quoted = "'" + text.replace("'", "''") + "'"
    # Only in an escape string has a backslash one meaning everywhere.
    return " E" + quoted.replace("\\", "\\\\") if "\\" in quoted else quoted
