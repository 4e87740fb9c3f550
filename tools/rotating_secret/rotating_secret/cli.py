"""The arguments of the command, and its exit codes."""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from rotating_secret import report, revoke, trail
from rotating_secret.aws import Region
from rotating_secret.errors import Exit, StoppedError, UsageError
from rotating_secret.evidence import Period, seal, verify
from rotating_secret.keys import KmsKey
from rotating_secret.previous import reactivate
from rotating_secret.rotation import Waiting, give_up, rotate
from rotating_secret.secret import State, judge
from rotating_secret.survey import describe, survey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rotating_secret.errors import AwsRefusedError
    from rotating_secret.secret import Secret

_WELL = {State.HEALTHY, State.ROTATING}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        exit_code: Exit = options.run(options)
    except StoppedError as error:
        _complain(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:  # E.g. the reader is `head`. Python would fail again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    return exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rotating-secret",
        description="Shows, starts, waits for and gives up rotations, ends leaked credentials, and "
        "reactivates a previous one. Never prints a secret value.",
        epilog="Exit codes: 0 healthy or succeeded. 1 not healthy or failed. 2 wrong arguments. "
        "3 refused by AWS, or not reachable. 4 not ended in time.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--profile", help="profile of the AWS CLI")

    status = _add(commands, common, _status, "status", "show the secrets and their state")
    status.add_argument(
        "names", nargs="*", metavar="NAME", help="secrets to show; otherwise all of the module"
    )
    where = status.add_mutually_exclusive_group()
    where.add_argument(
        "--region",
        action="append",
        dest="regions",
        metavar="REGION",
        help="AWS region; repeat it for several",
    )
    where.add_argument(
        "--all-regions", action="store_true", help="all regions that the account has enabled"
    )
    status.add_argument("--all", action="store_true", help="also show what something else rotates")
    status.add_argument(
        "--credentials",
        action="store_true",
        help="read the values, and show the names of their credentials, e.g. access key IDs",
    )
    status.add_argument("--json", action="store_true", help="print JSON")

    evidence = _add(commands, common, _evidence, "evidence", "write a signed report of a period")
    evidence.add_argument("--region", help="AWS region")
    evidence.add_argument(
        "--all", action="store_true", help="also report what something else rotates"
    )
    evidence.add_argument("--period", required=True, help="e.g. 2026Q3 or 2026-09")
    evidence.add_argument(
        "--key", required=True, help="KMS key that signs: its ID, its ARN or an alias"
    )
    evidence.add_argument("--output", required=True, type=Path, metavar="FILE", help="the new file")
    evidence.add_argument(
        "--events",
        action="append",
        type=Path,
        metavar="PATH",
        help="file or folder of a trail, instead of the event history; repeat it for several",
    )
    verify = commands.add_parser("verify-evidence", help="verify a report, without AWS")
    verify.add_argument("report", type=Path, metavar="FILE", help="the report")
    verify.add_argument("--public-key", required=True, type=Path, metavar="FILE", help="PEM or DER")
    verify.set_defaults(run=_verify_evidence)

    one = argparse.ArgumentParser(add_help=False, parents=[common])
    one.add_argument("name", metavar="NAME", help="name or ARN of the secret")
    one.add_argument("--region", help="AWS region")
    timeout = argparse.ArgumentParser(add_help=False)
    timeout.add_argument(
        "--timeout", type=_seconds, default=300.0, metavar="SECONDS", help="300 by default"
    )
    start = _add(commands, one, _rotate, "rotate", "start a rotation", timeout)
    start.add_argument("--wait", action="store_true", help="wait until it has ended")
    leak = _add(commands, one, _revoke, "revoke", "end a leaked credential now", timeout)
    leak.add_argument(
        "--leaked",
        required=True,
        type=revoke.leaked,
        metavar="current|previous|VERSION",
        help="which credential has leaked: that of a label, or of a version",
    )
    leak.add_argument("--json", action="store_true", help="print JSON at the end")
    _add(commands, one, _wait, "wait", "wait until the rotation has ended", timeout)
    _add(commands, one, _give_up, "give-up", "end a rotation that can't succeed")
    _add(commands, one, _reactivate, "reactivate", "undo the deactivation of a previous key")
    return parser


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    common: argparse.ArgumentParser,
    run: object,
    name: str,
    summary: str,
    *more: argparse.ArgumentParser,
) -> argparse.ArgumentParser:
    added = commands.add_parser(
        name, parents=[common, *more], help=summary, description=f"{summary.capitalize()}."
    )
    added.set_defaults(run=run)
    return added


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= 86_400:  # noqa: PLR2004 -- a day
        message = f"must be from 0 to 86400 seconds; found: {text}"
        raise argparse.ArgumentTypeError(message)
    return seconds


def _status(options: argparse.Namespace) -> Exit:
    now, regions = datetime.now(UTC), _regions(options)
    judged: list[tuple[Secret, State, str]] = []
    refused: list[AwsRefusedError] = []
    for region in regions:
        secrets, denied = survey(
            region, options.names, every=options.all, credentials=options.credentials
        )
        judged += [(secret, *judge(secret, now)) for secret in secrets]
        refused += denied
    judged.sort(key=lambda one: (one[0].name, one[0].region))
    if options.json:
        found = {
            "secrets": [report.as_json(*one) for one in judged],
            "refused": [{"action": one.action, "resource": one.resource} for one in refused],
        }
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    elif judged:
        # Without a terminal, rich would fold the table to 80 columns.
        console = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
        console.print(report.as_table(judged, now, with_region=len(regions) > 1))
        for secret, _, advice in judged:
            if advice:
                console.print(f"\n{secret.name}: {advice}", markup=False, soft_wrap=True)
    elif not refused:
        sys.stdout.write("No secret of the module rotates here. Check --region and --profile.\n")
    for action in dict.fromkeys(one.action for one in refused):
        first, *more = (one for one in refused if one.action == action)
        _complain(f"{first} It refused it on {len(more)} more." if more else str(first))
    if refused:
        return Exit.REFUSED
    return Exit.OK if all(state in _WELL for _, state, _ in judged) else Exit.UNHEALTHY


def _regions(options: argparse.Namespace) -> list[Region]:
    names = options.regions or [None]
    first = Region.connect(options.profile, names[0])
    if options.all_regions:
        with first.asking("ec2:DescribeRegions", "the account"):
            found = first.regions.describe_regions()["Regions"]
        names = [first.name, *(one["RegionName"] for one in found)]
    return [first, *(Region.connect(None, name, first) for name in names[1:] if name != first.name)]


def _evidence(options: argparse.Namespace) -> Exit:
    now, period = datetime.now(UTC), Period.parse(options.period)
    trail.require_ended(period, now)
    region = Region.connect(options.profile, options.region)
    key = KmsKey.find(region, options.key)
    records = (
        trail.read_files(options.events) if options.events else trail.look_up(region, period, now)
    )
    secrets, refused = survey(region, [], every=options.all, credentials=False)
    if refused:
        raise refused[0]
    events = trail.select(records, [one.arn for one in secrets], period)
    header = {
        "period": period.name,
        "region": region.name,
        "made": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "source": records.source,
        "secrets": [
            {
                **report.as_json(secret, *judge(secret, now)),
                **trail.count(events, secret.name),
                "most_days_without_rotation": trail.longest_gap(events, secret.name, period),
            }
            for secret in secrets
        ],
    }
    content = seal(header, events, key)
    verify(content, key.public_key)
    try:
        with options.output.open("xb") as file:
            file.write(content)
    except OSError as error:
        message = f"--output must be a new file. Found: {options.output}: {error.strerror}."
        raise UsageError(message) from None
    sys.stdout.write(
        f"{options.output} has {len(events)} events of {len(secrets)} secrets in {period.name}. "
        f"{key.name} signed it.\n"
    )
    return Exit.OK


def _verify_evidence(options: argparse.Namespace) -> Exit:
    header, events = verify(
        _read("FILE", options.report), _read("--public-key", options.public_key)
    )
    sys.stdout.write(
        f"{options.report} is as it was signed: {len(events)} events of {len(header['secrets'])} "
        f"secrets in {header['period']}, in {header['region']}. It was made at {header['made']}, "
        f"and names the key {header['key']}.\n"
    )
    return Exit.OK


def _read(argument: str, file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        message = f"{argument} must be a file that can be read. Found: {file}: {error.strerror}."
        raise UsageError(message) from None


def _rotate(options: argparse.Namespace) -> Exit:
    region, started = _region(options), datetime.now(UTC)
    token, again = rotate(region, options.name)
    what = "The unfinished rotation" if again else "The rotation"
    sys.stdout.write(f"{what} of {options.name} runs. Its version is {token}.\n")
    return _ended(options, region, started, token) if options.wait else Exit.OK


def _revoke(options: argparse.Namespace) -> Exit:
    region = _region(options)
    revocation = revoke.Revocation(
        region=region,
        name=options.name,
        seconds=options.timeout,
        report=_complain,
        started=datetime.now(UTC),
        token=None,
    )
    current = revocation.request(options.leaked)
    if not current:
        _complain(f"Version {revocation.version} of {options.name} is reported. It is rotating.")
        try:
            current = revocation.run()
        except KeyboardInterrupt:
            _complain(revocation.how_to_go_on())
            raise
    described = describe(region, options.name)
    readers = revoke.advice(described)
    if options.json:
        found = {
            "arn": described["ARN"],
            "leaked_version": revocation.version,
            "current_version": current,
            "readers": readers,
        }
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    else:
        sys.stdout.write(
            f"The credential of version {revocation.version} and all older ones have ended. "
            f"{options.name} has the current version {current}. {readers}\n"
        )
    return Exit.OK


def _wait(options: argparse.Namespace) -> Exit:
    return _ended(options, _region(options), datetime.now(UTC))


def _ended(
    options: argparse.Namespace, region: Region, started: datetime, token: str | None = None
) -> Exit:
    waiting = Waiting(
        region=region,
        name=options.name,
        seconds=options.timeout,
        report=_complain,
        started=started,
        token=token,
    )
    sys.stdout.write(f"{options.name} has rotated. Its current version is {waiting.wait()}.\n")
    return Exit.OK


def _give_up(options: argparse.Namespace) -> Exit:
    region = _region(options)
    version = give_up(region, options.name)
    if version is None:
        sys.stdout.write(f"{options.name} has no unfinished rotation. Nothing was changed.\n")
    else:
        sys.stdout.write(
            f"The rotation of {options.name} was given up: version {version} is no longer "
            f"AWSPENDING. To rotate, run: rotating-secret rotate {options.name} --wait\n"
        )
    return Exit.OK


def _reactivate(options: argparse.Namespace) -> Exit:
    previous, user = reactivate(_region(options), options.name)
    if user is None:
        sys.stdout.write(
            f"The previous credential {previous.credential} of {options.name} is active since "
            f"{previous.since:%Y-%m-%d %H:%M} UTC. Nothing was changed.\n"
        )
    else:
        sys.stdout.write(
            f"The key {previous.credential} of {user}, which was inactive since "
            f"{previous.since:%Y-%m-%d %H:%M} UTC, is active. The next rotation of {options.name} "
            "ends it.\n"
        )
    return Exit.OK


def _complain(text: str) -> None:
    """Write to standard error, after all that was written to standard output."""
    sys.stdout.flush()
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _region(options: argparse.Namespace) -> Region:
    """Connect to the region of the option, or to that of an ARN."""
    parts = options.name.split(":")
    of_arn = parts[3] if len(parts) > 3 else None  # noqa: PLR2004 -- arn:PARTITION:SERVICE:REGION
    return Region.connect(options.profile, options.region or of_arn)
