"""Rows of bad input, which the strategies' records add to those of test_bad_input.py."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

Row: TypeAlias = tuple[str, str, object, str]
"""A field, a word for the error, the value, and what the message says is allowed."""

ABSENT: Final = object()
HEADER: Final = "\r\nX-Injected: x"
ARN: Final = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:reports/uploader-Ab12Cd"

UNKNOWN: Final = "does not exist"
A_USER: Final = "the ARN of an IAM user"
SECONDS: Final = "a whole number from 0 to 60"


@dataclass(frozen=True, kw_only=True)
class BadInput:
    """The rows of a strategy."""

    options: Sequence[Row]
    fields: Sequence[Row]
    """Of the value that it stores."""
