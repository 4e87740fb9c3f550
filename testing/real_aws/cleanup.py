"""Removes all resources of one run, and nothing else."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from testing.harness.account import Aws
from testing.real_aws.resources import KINDS, Resource
from testing.real_aws.run import Run

# RDS deletes a database in about ten minutes.
_PATIENCE_SECONDS: Final = 1800
PAUSE_SECONDS: Final = 10


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The result of a clean-up."""

    removed: frozenset[str]
    left: tuple[str, ...]
    """Each resource that could not be removed or read, with the error."""


def clean(
    aws: Aws,
    run: Run,
    *,
    report: Callable[[str], object] = print,
    patience: float = _PATIENCE_SECONDS,
    pause: float = PAUSE_SECONDS,
) -> Cleaned:
    """Remove the resources of a run until two searches in a row find none.

    A list of AWS can be older than a change, so one empty search isn't enough.

    Args:
        aws: The account.
        run: The run.
        report: Receives a line for each removal.
        patience: The maximum number of seconds.
        pause: The number of seconds between two searches.
    """
    deadline = time.monotonic() + patience
    removed: set[str] = set()
    empty_searches = 0
    while True:
        errors: dict[str, str] = {}
        found = list(_found(aws, run, errors))
        for resource in found:
            try:
                resource.remove()
            except (BotoCoreError, ClientError) as error:
                errors[str(resource)] = _reason(error)
            else:
                if str(resource) not in removed:
                    report(f"removed {resource}")
                removed.add(str(resource))
        empty_searches = 0 if found else empty_searches + 1
        if empty_searches == 2 or time.monotonic() > deadline:  # noqa: PLR2004 -- see above
            unfinished = {str(one): "AWS still lists it." for one in found} | errors
            left = tuple(f"{name}: {reason}" for name, reason in sorted(unfinished.items()))
            return Cleaned(frozenset(removed - unfinished.keys()), left)
        time.sleep(pause)


def _found(aws: Aws, run: Run, errors: dict[str, str]) -> Iterator[Resource]:
    for kind in KINDS:
        try:
            listed = list(kind(aws))
        except (BotoCoreError, ClientError) as error:
            errors[f"all of {kind.__name__.strip('_')}"] = _reason(error)
            continue
        for resource in listed:
            try:
                if run.named(resource.name) or run.made(resource.name, resource.tags()):
                    yield resource
            except (BotoCoreError, ClientError) as error:
                if not _is_gone(error):
                    errors[str(resource)] = _reason(error)


def _is_gone(error: BotoCoreError | ClientError) -> bool:
    """Return whether a resource ended between the list and the call."""
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    return any(word in code for word in ("NotFound", "NoSuchEntity", "NonExistent", "NoSuchBucket"))


def _reason(error: BotoCoreError | ClientError) -> str:
    if isinstance(error, ClientError):
        return f"{error.operation_name} answered {error.response['Error']['Code']}."
    return f"{type(error).__name__}."
