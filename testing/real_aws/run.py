"""The ID of a run, and how a resource shows that it belongs to the run."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

TAG: Final = "rotating-secret-test"
VARIABLE: Final = "REAL_AWS_RUN"
"""The environment variable that has the ID of the run."""

_FORM: Final = re.compile(r"rst-[0-9]{8}-[0-9a-f]{8}")


class BadRunError(Exception):
    """An ID that no run can have."""

    def __init__(self, text: str) -> None:
        super().__init__(
            "RUN must be the ID that `make test-aws` printed, for example rst-20270131-0a1b2c3d. "
            f'Found: "{text}".'
        )


@dataclass(frozen=True, slots=True)
class Run:
    """A run of the tests in an account."""

    id: str

    def __post_init__(self) -> None:
        # An empty or short ID would be the prefix of other names.
        if not _FORM.fullmatch(self.id):
            raise BadRunError(self.id)

    @classmethod
    def start(cls) -> "Run":
        """Return a run with a new ID."""
        return cls(f"rst-{datetime.now(UTC):%Y%m%d}-{secrets.token_hex(4)}")

    @property
    def tags(self) -> dict[str, str]:
        """The tag of each resource that can have one."""
        return {TAG: self.id}

    @property
    def prefix(self) -> str:
        """How the name of each other resource starts."""
        return f"{self.id}-"

    def made(self, name: str, tags: Mapping[str, str]) -> bool:
        """Return whether the run created a resource.

        A service may create a resource without the tag: Lambda names a log group after a function.
        Thus the prefix counts after each slash of a name.
        """
        return tags.get(TAG) == self.id or self.named(name)

    def named(self, name: str) -> bool:
        """Return whether the name of a resource has the prefix."""
        return any(part.startswith(self.prefix) for part in name.split("/"))
