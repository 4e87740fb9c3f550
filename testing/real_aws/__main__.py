"""`make test-aws` and `make test-aws-clean`: tests in a real account, and its clean-up."""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from testing.real_aws.account import WrongAccountError, named_account
from testing.real_aws.cleanup import PAUSE_SECONDS, clean
from testing.real_aws.guard import Budget, Guard
from testing.real_aws.run import BadRunError, Run
from testing.real_aws.runner import Runner

_LEDGERS: Final = Path(__file__).resolve().parents[2] / ".cache" / "real-aws"


def main(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        run = Run.start() if options.command == "run" else Run(options.run)
        aws = named_account(options.account, options.region)
    except (BadRunError, WrongAccountError) as error:
        print(error, file=sys.stderr)  # noqa: T201 -- for the user of the command
        return 2
    if options.command == "run":
        budget = Budget(options.budget, options.hours, _LEDGERS / f"{run.id}.jsonl")
        return Runner(aws, Guard(run, budget), options.keyword, options.pause).run()
    cleaned = clean(aws, run, pause=options.pause)
    for left in cleaned.left:
        print(f"left: {left}", file=sys.stderr)  # noqa: T201 -- the same
    return 1 if cleaned.left else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m testing.real_aws")
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="run the tests")
    running.add_argument("--budget", type=_positive, required=True, help="a limit in USD")
    running.add_argument("--hours", type=_positive, default=3, help="a limit of the time")
    running.add_argument("--keyword", default="", help="pytest's -k")
    cleaning = commands.add_parser("clean", help="remove what a run created")
    cleaning.add_argument("--run", required=True, help="the ID of the run")
    for one in (running, cleaning):
        one.add_argument("--account", required=True, help="the ID of the account")
        one.add_argument("--region", required=True, help="the Region")
        pause = "seconds between two searches of the clean-up"
        one.add_argument("--pause", type=float, default=PAUSE_SECONDS, help=pause)
    return parser


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise ValueError
    return number


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
