"""`make test-aws-clean` removes what a run created in an account."""

import argparse
import sys
from collections.abc import Sequence

from testing.real_aws.account import WrongAccountError, named_account
from testing.real_aws.cleanup import PAUSE_SECONDS, clean
from testing.real_aws.run import BadRunError, Run


def main(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m testing.real_aws")
    commands = parser.add_subparsers(dest="command", required=True)
    cleaning = commands.add_parser("clean", help="remove what a run created")
    for one in (cleaning,):
        one.add_argument("--account", required=True, help="the ID of the account")
        one.add_argument("--region", required=True, help="the Region")
    cleaning.add_argument("--run", required=True, help="the ID of the run")
    cleaning.add_argument(
        "--pause", type=float, default=PAUSE_SECONDS, help="seconds between two searches"
    )
    options = parser.parse_args(arguments)
    try:
        run = Run(options.run)
        aws = named_account(options.account, options.region)
    except (BadRunError, WrongAccountError) as error:
        print(error, file=sys.stderr)  # noqa: T201 -- for the user of the command
        return 2
    cleaned = clean(aws, run, pause=options.pause)
    for left in cleaned.left:
        print(f"left: {left}", file=sys.stderr)  # noqa: T201 -- the same
    return 1 if cleaned.left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
