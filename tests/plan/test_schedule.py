"""The schedules that AWS documents are accepted and go to the right service (promise 6).

https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html
https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

import itertools
import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from rotating_secret.secret import window
from testing.local_aws.cron import next_occurrence_in
from testing.local_aws.secretsmanager.rotation_schedule import next_window
from tests.conftest import Terraform
from tests.plan.conftest import RefuseEach, copy_variables
from tests.strategies import SIMPLEST

# One process reads all expressions, once.
pytestmark = pytest.mark.xdist_group("expressions")


def _variables(expression: str, duration: str | None = None) -> dict[str, object]:
    return {
        "rotation": {SIMPLEST.name: {}},
        "schedule_duration": duration,
        "schedule_expression": expression,
    }


# Secrets Manager supports these. Beside each: how it goes to AWS, if it is written in another way.
_SLOW = {
    "rate(4 hours)": None,
    "rate(12 hours)": None,
    "rate(23 hours)": None,
    "rate(300 minutes)": "rate(5 hours)",
    "rate(24 hours)": "rate(1 day)",
    "rate(960 hours)": "rate(40 days)",
    "rate(2880 minutes)": "rate(2 days)",
    "rate(1 day)": None,
    "rate(2 days)": None,
    "rate(999 days)": None,
    "cron(0 8/8 * * ? *)": None,
    "cron(0 2/10 * * ? *)": None,
    "cron(0 */4 * * ? *)": "cron(0 0/4 * * ? *)",
    "cron(00 08 01 01 ? *)": "cron(0 8 1 1 ? *)",
    "cron(0 8 */7 */3 ? *)": "cron(0 8 1/7 1/3 ? *)",
    "cron(0 0 1 * ? *)": None,
    "cron(0 23 31 12 ? *)": None,
    "cron(0 16 L * ? *)": None,
    "cron(0 8 1/7 * ? *)": None,
    "cron(0 1 1,15 1/3 ? *)": None,
    "cron(0 4 1-7 JAN-MAR,DEC ? *)": None,
    "cron(0 10 ? * MON-FRI *)": None,
    "cron(0 0 ? * SUN#1 *)": None,
    "cron(0 0 ? * SUNL *)": None,
    "cron(0 0 ? * 1,7 *)": None,
    "cron(0 0 ? JAN,APR,JUL,OCT L *)": None,
}
# Secrets Manager doesn't support these. Beside each: its shortest interval in minutes, and the
# backstop.
_FAST = {
    "rate(15 minutes)": (15, "rate(2 days)"),
    "rate(45 minutes)": (45, "rate(2 days)"),
    "rate(239 minutes)": (239, "rate(2 days)"),
    "rate(1 hour)": (60, "rate(2 days)"),
    "rate(2 hours)": (120, "rate(2 days)"),
    "rate(1439 minutes)": (1439, "rate(3 days)"),
    "rate(30 hours)": (1800, "rate(3 days)"),
    "rate(999 hours)": (59940, "rate(43 days)"),
    "cron(0/15 * * * ? *)": (15, "rate(2 days)"),
    "cron(*/20 * * * ? *)": (20, "rate(2 days)"),
    "cron(0,30 * * * ? *)": (30, "rate(2 days)"),
    "cron(5/30 * * * ? *)": (30, "rate(2 days)"),
    "cron(5,25-26/2,55 8 * * ? *)": (20, "rate(3 days)"),
    "cron(0/45 * * * ? *)": (15, "rate(2 days)"),
    "cron(0/59 */2 * * ? *)": (59, "rate(2 days)"),
    "cron(0 * * * ? *)": (60, "rate(2 days)"),
    "cron(0 0/3 * * ? *)": (180, "rate(2 days)"),
    "cron(0 0/23 * * ? *)": (60, "rate(3 days)"),
    "cron(0 8,9 * * ? *)": (60, "rate(3 days)"),
    "cron(0 8-10,22 * * ? *)": (60, "rate(2 days)"),
    "cron(0 22-6 * * ? *)": (60, "rate(2 days)"),
    "cron(0 22-6/3 * * ? *)": (180, "rate(2 days)"),
    "cron(0 6,18 * * ? *)": (720, "rate(2 days)"),
    "cron(59 23 * * ? *)": (1440, "rate(3 days)"),
    "cron(0/30 8 * * ? *)": (30, "rate(3 days)"),
    "cron(5 8 1 * ? *)": (28 * 1440, "rate(33 days)"),
    "cron(5 8 1,15 * ? *)": (14 * 1440, "rate(19 days)"),
    "cron(5 8 31 * ? *)": (28 * 1440, "rate(64 days)"),
    "cron(5 8 1,29 * ? *)": (1440, "rate(33 days)"),
    "cron(0 8 3W * ? *)": (24 * 1440, "rate(37 days)"),
    "cron(0 8 LW * ? *)": (24 * 1440, "rate(37 days)"),
    "cron(15 8 ? * MON-FRI *)": (1440, "rate(5 days)"),
    "cron(15 8 ? * FRI-MON *)": (1440, "rate(6 days)"),
    "cron(15 8 ? * TUE *)": (7 * 1440, "rate(9 days)"),
    "cron(15 8 ? * SUNL *)": (28 * 1440, "rate(37 days)"),
    "cron(15 8 ? * SUN#5 *)": (28 * 1440, "rate(121 days)"),
    "cron(15 8 L JAN,JUL ? *)": (24 * 1440, "rate(195 days)"),
    "cron(15 8 ? MAR,JUN,SEP,DEC MON#1 *)": (28 * 1440, "rate(102 days)"),
    "cron(15 8 28W */3 ? *)": (24 * 1440, "rate(102 days)"),
    "cron(15 8 29 FEB ? *)": (28 * 1440, "rate(999 days)"),
    "cron(0 8 1 * ? 2027-2030)": (28 * 1440, "rate(999 days)"),
}

# Where the clock goes forward, EventBridge skips what is due in the hour that is missing.
_IN_ZONES = (
    "cron(30 2 * * ? *) in Europe/Berlin",
    "cron(30 2 ? * SUN *) in Europe/Berlin",
    "cron(30 2 1 * ? *) in Europe/Berlin",
    "cron(15 2,14 * * ? *) in America/New_York",
    "cron(30 12 * * ? *) in Europe/Berlin",
)


def _names(cases: Iterable[object]) -> dict[str, Any]:
    """Return the cases by the name of a secret."""
    return {f"secret-{number}": case for number, case in enumerate(cases)}


def test_each_documented_schedule_is_accepted(refuse_each: RefuseEach) -> None:
    cases = _names([*_SLOW, *_FAST])
    found = refuse_each({name: _variables(expression) for name, expression in cases.items()})
    assert {cases[name]: messages for name, messages in found.items() if messages} == {}


_REFUSED = [
    "",
    "30 days",
    "rate(3 hours) x",
    " rate(4 hours)",
    "rate( 4 hours)",
    "rate(4  hours)",
    "rate(04 hours)",
    "rate(4 hour)",
    "rate(1 days)",
    "rate(0 days)",
    "rate(1000 days)",
    "rate(24000 hours)",
    "rate(1.5 days)",
    "rate(-1 days)",
    "rate(0 minutes)",
    "rate(1 minute)",
    "rate(14 minutes)",
    "rate(10 minute)",
    "rate(1 hours)",
    "rate(2 weeks)",
    "Rate(4 hours)",
    "at(2030-01-01T00:00:00)",
    "cron(0 8 1 * ?)",
    "cron(0 8 1 * ? * *)",
    "cron(* 8 1 * ? *)",
    "cron(0/14 * * * ? *)",
    "cron(0/50 * * * ? *)",
    "cron(0,14 * * * ? *)",
    "cron(0-30 * * * ? *)",
    "cron(0 8 30 2 ? *)",
    "cron(0 8 31 APR,JUN,SEP,NOV ? *)",
    "cron(0 8 30W FEB ? *)",
    "cron(0 8 29 2 ? 2027)",
    "cron(0 8 ? FEB MON#5 2027)",
    "cron(0 8 1 * MON *)",
    "cron(0 8 ? * ? *)",
    "cron(0 8 * * * *)",
    "cron(0  8 1 * ? *)",
    "cron(0 8 1 * ? *) ",
]


def test_any_other_schedule_is_refused_and_the_message_quotes_it(refuse_each: RefuseEach) -> None:
    cases = _names(_REFUSED)
    found = refuse_each({name: _variables(expression) for name, expression in cases.items()})
    for name, expression in cases.items():
        (message,) = found[name]
        assert message.endswith(f'"{expression}".')


_WRONG_FIELDS = [
    ("cron(60 8 1 * ? *)", "minute: numbers from 0 to 59", "60"),
    ("cron(0/60 * * * ? *)", "minute: numbers from 0 to 59", "0/60"),
    ("cron(0 24 1 * ? *)", "hour: numbers from 0 to 23", "24"),
    ("cron(0 8, * * ? *)", "hour: numbers from 0 to 23", "8,"),
    ("cron(0 8 0 * ? *)", "day of month: ?, L, LW, 3W, or numbers from 1 to 31", "0"),
    ("cron(0 8 32 * ? *)", "day of month: ?, L, LW, 3W, or numbers from 1 to 31", "32"),
    ("cron(0 8 32W * ? *)", "day of month: ?, L, LW, 3W, or numbers from 1 to 31", "32W"),
    ("cron(0 8 1,L * ? *)", "day of month: ?, L, LW, 3W, or numbers from 1 to 31", "1,L"),
    ("cron(0 8 1 13 ? *)", "month: JAN to DEC, or numbers from 1 to 12", "13"),
    ("cron(0 8 1 MON ? *)", "month: JAN to DEC, or numbers from 1 to 12", "MON"),
    ("cron(0 8 1 JANUARY ? *)", "month: JAN to DEC, or numbers from 1 to 12", "JANUARY"),
    ("cron(0 8 ? * 0 *)", "day of week: ?, L, MONL, MON#1, SUN to SAT, or", "0"),
    ("cron(0 8 ? * JAN *)", "day of week: ?, L, MONL, MON#1, SUN to SAT, or", "JAN"),
    ("cron(0 8 ? * SUN#6 *)", "day of week: ?, L, MONL, MON#1, SUN to SAT, or", "SUN#6"),
    ("cron(0 8 ? * SUN#1,MON#1 *)", "day of week: ?, L, MONL", "SUN#1,MON#1"),
    ("cron(0 8 1 * ? 2025)", "year: * or numbers from 2026 to 2199", "2025"),
    ("cron(0 8 1 * ? 2200)", "year: * or numbers from 2026 to 2199", "2200"),
]


def test_a_message_names_the_wrong_field(refuse_each: RefuseEach) -> None:
    cases = _names(_WRONG_FIELDS)
    found = refuse_each(
        {name: _variables(expression) for name, (expression, _, _) in cases.items()}
    )
    for name, (expression, form, value) in cases.items():
        (message,) = found[name]
        assert f"Write as {form}" in message
        assert message.endswith(f'Found: "{value}" in "{expression}".')


# Beside each, the longest window in hours.
_WINDOWS = {
    "rate(4 hours)": 4,
    "rate(24 hours)": 24,
    "rate(1 day)": 24,
    "cron(0 0 1 * ? *)": 24,
    "cron(0 23 1 * ? *)": 1,
    "cron(0 8/8 * * ? *)": 8,
    "cron(0 2/10 * * ? *)": 2,
    "cron(0 */4 * * ? *)": 4,
}


def test_a_window_ends_before_the_next_and_before_the_day(refuse_each: RefuseEach) -> None:
    cases = _names(_WINDOWS.items())
    accepted = {name: _variables(one, f"{longest}h") for name, (one, longest) in cases.items()}
    assert [found for found in refuse_each(accepted).values() if found] == []
    refused = {name: _variables(one, f"{longest + 1}h") for name, (one, longest) in cases.items()}
    for name, (message,) in refuse_each(refused).items():
        expression, longest = cases[name]
        assert f'Write "1h" to "{longest}h" for {expression}' in message


def test_a_window_is_a_number_of_hours(refuse_each: RefuseEach) -> None:
    cases = _names(["", "0h", "h", "2", "2 h", "02h", "2H", "1d", "-1h", "100h"])
    variables = {name: _variables("rate(30 days)", text) for name, text in cases.items()}
    for name, (message,) in refuse_each(variables).items():
        assert message.endswith(f'Found: "{cases[name]}".')


@pytest.fixture(scope="module")
def read(
    repository: Path, terraform: Terraform, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """The outputs of the module for each expression."""
    folder = tmp_path_factory.mktemp("expressions")
    (folder / "variables").mkdir()
    copy_variables(repository, folder / "variables")
    outputs = "".join(
        f'output "{name}" {{\n  value = {value}\n}}\n' for name, value in _READ.items()
    )
    (folder / "variables" / "outputs.tf").write_text(outputs, encoding="utf-8")
    configuration = {
        "module": {
            "case": {
                "for_each": f"${{toset({json.dumps([*_SLOW, *_FAST, *_IN_ZONES])})}}",
                "name": "secret",
                "rotation": {SIMPLEST.name: {}},
                "schedule_expression": '${split(" in ", each.key)[0]}',
                "schedule_timezone": '${try(split(" in ", each.key)[1], null)}',
                "source": "./variables",
            }
        },
        "output": {"cases": {"value": "${module.case}"}},
    }
    (folder / "main.tf.json").write_text(json.dumps(configuration), encoding="utf-8")
    terraform(folder, "init")
    terraform(folder, "plan", "-out=saved.tfplan")
    plan = json.loads(terraform(folder, "show", "-json", "saved.tfplan"))
    found: dict[str, dict[str, Any]] = plan["output_changes"]["cases"]["after"]
    return found


_READ = {
    "is_fast": "local.schedule_is_fast",
    "longest_interval_in_days": "local.schedule.longest_interval_in_days",
    "longest_interval_in_minutes": "local.schedule.longest_interval_in_minutes",
    "secrets_manager_expression": "local.schedule.secrets_manager_expression",
    "window_in_minutes": "local.schedule.window_in_minutes",
    "shortest_interval_in_minutes": "local.schedule.shortest_interval_in_minutes",
    "scheduler_expression": "local.schedule.scheduler_expression",
}


@pytest.mark.parametrize(("expression", "written"), _SLOW.items())
def test_secrets_manager_keeps_the_schedules_that_it_supports(
    expression: str, written: str | None, read: dict[str, dict[str, Any]]
) -> None:
    assert not read[expression]["is_fast"]
    # The command status knows only what AWS has.
    length = window({"ScheduleExpression": read[expression]["secrets_manager_expression"]})
    assert length == timedelta(minutes=read[expression]["window_in_minutes"])
    assert read[expression]["secrets_manager_expression"] == (written or expression)


@pytest.mark.parametrize(
    ("expression", "shortest", "backstop"), [(x, *y) for x, y in _FAST.items()]
)
def test_eventbridge_keeps_the_rest_with_a_backstop(
    expression: str, shortest: int, backstop: str, read: dict[str, dict[str, Any]]
) -> None:
    found = read[expression]
    assert found["is_fast"]
    assert found["shortest_interval_in_minutes"] == shortest
    assert found["secrets_manager_expression"] == backstop


_CRONS = [x for x in (*_SLOW, *_FAST, *_IN_ZONES) if x.startswith("cron")]


@pytest.mark.parametrize("expression", _CRONS)
def test_no_interval_is_longer_than_the_longest(
    expression: str, read: dict[str, dict[str, Any]]
) -> None:
    """maximum_age_days, the watcher and the alarm on the age depend on it."""
    longest = timedelta(minutes=read[expression]["longest_interval_in_minutes"])
    cron, _, zone = expression.partition(" in ")
    rotations = [*itertools.islice(_rotations(cron, zone or "UTC"), 30)]
    if zone:
        year = _FIRST + timedelta(days=400)
        rotations = [*itertools.takewhile(lambda one: one < year, _rotations(cron, zone))]
    intervals = [after - before for before, after in itertools.pairwise(rotations[1:])]
    assert max(intervals) <= longest
    # A 29 February, a 31st and a fifth Sunday are rare in other years.
    if not re.search(r"FEB|20\d\d|#5| 31 ", expression):
        assert longest < 1.6 * max(intervals)


# The schedules of EventBridge whose intervals a backstop can exceed: it has at most 999 days.
_BACKED = [x for x in _FAST if not re.search(r" FEB|20\d\d", x)]
_FIRST = datetime(2026, 1, 31, 23, 50, tzinfo=UTC)


def _rotations(expression: str, zone: str = "UTC") -> Iterator[datetime]:
    """Yield times at which EventBridge starts a rotation."""
    rate = re.fullmatch(r"rate\((\d+) minutes\)", expression)
    moment: datetime | None = _FIRST
    while moment is not None:
        yield moment
        moment = (
            moment + timedelta(minutes=int(rate[1]))
            if rate
            else next_occurrence_in(ZoneInfo(zone), expression, moment)
        )


@pytest.mark.parametrize("expression", _BACKED)
def test_the_backstop_never_rotates_in_between(
    expression: str, read: dict[str, dict[str, Any]]
) -> None:
    """Its window opens at midnight UTC, so a minute after a rotation counts as a day.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html
    """
    rules = {"ScheduleExpression": read[expression]["secrets_manager_expression"]}
    rotations = _rotations(read[expression]["scheduler_expression"])
    # Four hundred fifth Sundays have the longest interval, around the year 2100.
    for rotation, following in itertools.pairwise(itertools.islice(rotations, 400)):
        opened = next_window(rules, rotation)
        assert opened is not None
        # The clock may go forward an hour, and a rotation takes a while.
        assert opened[0] - following > timedelta(hours=2), (rotation, following)


def _time_zones(repository: Path) -> list[str]:
    file = repository / "modules" / "schedule_expression" / "time_zones.txt"
    return file.read_text(encoding="utf-8").splitlines()


def test_the_time_zones_are_those_of_the_database(repository: Path) -> None:
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#time-zones"""
    names = (resources.files("tzdata") / "zones").read_text(encoding="utf-8").split()
    # This one is for a clock that is not set.
    expected = sorted({*names} - {"Factory"})
    assert [line.partition(" ")[0] for line in _time_zones(repository)] == expected


def _missing(name: str) -> str:
    """The hours that are missing in a zone, the day of the week, and the days of the month."""
    zone, minute = ZoneInfo(name), timedelta(minutes=1)
    hours, days = set[int](), set[date]()
    for week in range(14 * 52):
        before = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(weeks=week)
        after = before + timedelta(weeks=1)
        offset = before.astimezone(zone).utcoffset()
        ahead = (after.astimezone(zone).utcoffset() or timedelta()) - (offset or timedelta())
        if ahead <= timedelta():
            continue
        while after - before > minute:
            middle = before + (after - before) // (2 * minute) * minute
            before, after = (
                (middle, after)
                if middle.astimezone(zone).utcoffset() == offset
                else (before, middle)
            )
        first = before.astimezone(zone).replace(tzinfo=None) + minute
        days.add(first.date())
        hours |= {(first + number * minute).hour for number in range(ahead // minute)}
    if not days:
        return name
    (weekday,) = {one.isoweekday() % 7 + 1 for one in days}
    numbers = [one.day for one in days]
    listed = ",".join(map(str, sorted(hours)))
    return f"{name} {listed} {weekday} {min(numbers)}-{max(numbers)}"


@pytest.mark.slow
def test_the_missing_hours_are_those_of_the_database(repository: Path) -> None:
    lines = _time_zones(repository)
    assert lines == [_missing(line.partition(" ")[0]) for line in lines]
