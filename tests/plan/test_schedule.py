"""The schedules that AWS documents are accepted and go to the right service (promise 6).

https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html
https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.plan.conftest import Refuse, copy_variables
from tests.strategies import SIMPLEST


def _variables(expression: str, duration: str | None = None) -> dict[str, object]:
    return {
        "name": "secret",
        "rotation": {SIMPLEST.name: {}},
        "schedule_duration": duration,
        "schedule_expression": expression,
    }


# Secrets Manager supports these.
_SLOW = [
    "rate(4 hours)",
    "rate(12 hours)",
    "rate(999 hours)",
    "rate(1 day)",
    "rate(2 days)",
    "rate(999 days)",
    "cron(0 8/8 * * ? *)",
    "cron(0 2/10 * * ? *)",
    "cron(0 */4 * * ? *)",
    "cron(0 0 1 * ? *)",
    "cron(0 23 31 12 ? *)",
    "cron(0 16 L * ? *)",
    "cron(0 8 1/7 * ? *)",
    "cron(0 1 1,15 1/3 ? *)",
    "cron(0 4 1-7 JAN-MAR,DEC ? *)",
    "cron(0 10 ? * MON-FRI *)",
    "cron(0 0 ? * SUN#1 *)",
    "cron(0 0 ? * SUNL *)",
    "cron(0 0 ? * 1,7 *)",
    "cron(0 0 ? JAN,APR,JUL,OCT L *)",
]
# Secrets Manager doesn't support these. Beside each: its shortest interval in minutes, and a
# backstop that is longer than its longest interval.
_FAST = {
    "rate(10 minutes)": (10, "rate(1 day)"),
    "rate(45 minutes)": (45, "rate(1 day)"),
    "rate(239 minutes)": (239, "rate(1 day)"),
    "rate(1 hour)": (60, "rate(1 day)"),
    "rate(3 hours)": (180, "rate(1 day)"),
    "cron(0/10 * * * ? *)": (10, "rate(1 day)"),
    "cron(0/25 * * * ? *)": (10, "rate(1 day)"),
    "cron(0/45 * * * ? *)": (15, "rate(1 day)"),
    "cron(0/59 */2 * * ? *)": (59, "rate(1 day)"),
    "cron(0 * * * ? *)": (60, "rate(1 day)"),
    "cron(0 0/3 * * ? *)": (180, "rate(1 day)"),
    "cron(0 8,9 * * ? *)": (60, "rate(1 day)"),
    "cron(0 8-10,22 * * ? *)": (60, "rate(1 day)"),
    "cron(0 6,18 * * ? *)": (720, "rate(1 day)"),
    "cron(59 23 * * ? *)": (1440, "rate(2 days)"),
    "cron(0/30 8 * * ? *)": (30, "rate(2 days)"),
    "cron(5 8 1 * ? *)": (1440, "rate(100 days)"),
    "cron(15 8 ? * MON-FRI *)": (1440, "rate(100 days)"),
    "cron(15 8 ? * SUN#5 *)": (1440, "rate(100 days)"),
    "cron(15 8 L JAN,JUL ? *)": (1440, "rate(999 days)"),
}


@pytest.mark.parametrize("expression", [*_SLOW, *_FAST])
def test_a_documented_schedule_is_accepted(expression: str, refuse: Refuse) -> None:
    assert refuse(_variables(expression)) == []


@pytest.mark.parametrize(
    "expression",
    [
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
        "rate(1000 hours)",
        "rate(1.5 days)",
        "rate(-1 days)",
        "rate(0 minutes)",
        "rate(1 minute)",
        "rate(9 minutes)",
        "rate(10 minute)",
        "rate(240 minutes)",
        "rate(1 hours)",
        "rate(2 weeks)",
        "Rate(4 hours)",
        "at(2030-01-01T00:00:00)",
        "cron(0 8 1 * ?)",
        "cron(0 8 1 * ? * *)",
        "cron(0 8 1 * ? 2030)",
        "cron(* 8 1 * ? *)",
        "cron(60 8 1 * ? *)",
        "cron(0/9 * * * ? *)",
        "cron(0/60 * * * ? *)",
        "cron(*/15 * * * ? *)",
        "cron(5/15 * * * ? *)",
        "cron(0,30 * * * ? *)",
        "cron(0-30 * * * ? *)",
        "cron(0 8, * * ? *)",
        "cron(0 24 1 * ? *)",
        "cron(0 22-2 * * ? *)",
        "cron(0 8 0 * ? *)",
        "cron(0 8 32 * ? *)",
        "cron(0 8 1W * ? *)",
        "cron(0 8 1, * ? *)",
        "cron(0 8 1 13 ? *)",
        "cron(0 8 1 JANUARY ? *)",
        "cron(0 8 1 ? ? *)",
        "cron(0 8 ? * 0 *)",
        "cron(0 8 ? * 8 *)",
        "cron(0 8 ? * SUN#6 *)",
        "cron(0 8 ? * SUN#1,MON#1 *)",
        "cron(0 8 ? * ? *)",
        "cron(0 8 * * * *)",
        "cron(0 8 1 * MON *)",
        "cron(0  8 1 * ? *)",
        "cron(0 8 1 * ? *) ",
    ],
)
def test_any_other_schedule_is_refused_and_the_message_quotes_it(
    expression: str, refuse: Refuse
) -> None:
    messages = refuse(_variables(expression))
    assert any(f'Found: "{expression}".' in message for message in messages)


@pytest.mark.parametrize(
    ("expression", "longest"),
    [
        pytest.param("rate(4 hours)", 4, id="rate-in-hours"),
        pytest.param("rate(30 hours)", 24, id="rate-in-many-hours"),
        pytest.param("rate(1 day)", 24, id="rate-in-days"),
        pytest.param("cron(0 0 1 * ? *)", 24, id="cron-at-midnight"),
        pytest.param("cron(0 23 1 * ? *)", 1, id="cron-in-the-last-hour"),
        pytest.param("cron(0 8/8 * * ? *)", 8, id="cron-by-increment"),
        pytest.param("cron(0 2/10 * * ? *)", 2, id="cron-by-increment-late"),
        pytest.param("cron(0 */4 * * ? *)", 4, id="cron-by-increment-from-midnight"),
    ],
)
def test_a_window_ends_before_the_next_and_before_the_day(
    expression: str, longest: int, refuse: Refuse
) -> None:
    assert refuse(_variables(expression, f"{longest}h")) == []
    (message,) = refuse(_variables(expression, f"{longest + 1}h"))
    assert f'Write "1h" to "{longest}h" for {expression}' in message


@pytest.mark.parametrize("duration", ["", "0h", "h", "2", "2 h", "02h", "2H", "1d", "-1h", "100h"])
def test_a_window_is_a_number_of_hours(duration: str, refuse: Refuse) -> None:
    (message,) = refuse(_variables("rate(30 days)", duration))
    assert message.endswith(f'Found: "{duration or "none"}".')


@pytest.fixture(scope="module")
def read(
    repository: Path, terraform_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory
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
                "for_each": f"${{toset({json.dumps([*_SLOW, *_FAST])})}}",
                "name": "secret",
                "rotation": {SIMPLEST.name: {}},
                "schedule_expression": "${each.key}",
                "source": "./variables",
            }
        },
        "output": {"cases": {"value": "${module.case}"}},
    }
    (folder / "main.tf.json").write_text(json.dumps(configuration), encoding="utf-8")
    for command in (["init"], ["apply", "-auto-approve"]):
        subprocess.run(
            ["terraform", *command], check=True, cwd=folder, env=terraform_env, capture_output=True
        )
    state = json.loads((folder / "terraform.tfstate").read_text(encoding="utf-8"))
    found: dict[str, dict[str, Any]] = state["outputs"]["cases"]["value"]
    return found


_READ = {
    "backstop_expression": "local.schedule.backstop_expression",
    "is_fast": "local.schedule_is_fast",
    "shortest_interval_in_minutes": "local.schedule.shortest_interval_in_minutes",
}


@pytest.mark.parametrize("expression", _SLOW)
def test_secrets_manager_keeps_the_schedules_that_it_supports(
    expression: str, read: dict[str, dict[str, Any]]
) -> None:
    assert not read[expression]["is_fast"]


@pytest.mark.parametrize(("expression", "wait", "backstop"), [(x, *y) for x, y in _FAST.items()])
def test_eventbridge_keeps_the_rest_with_a_backstop_that_never_comes_first(
    expression: str, wait: int, backstop: str, read: dict[str, dict[str, Any]]
) -> None:
    assert read[expression] == {
        "backstop_expression": backstop,
        "is_fast": True,
        "shortest_interval_in_minutes": wait,
    }
