"""The schedules that Secrets Manager documents are accepted, and nothing else (promise 6).

https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html
"""

import pytest

from tests.plan.conftest import Refuse


def _variables(expression: str, duration: str | None = None) -> dict[str, object]:
    return {
        "name": "secret",
        "rotation": {"random_value": {}},
        "schedule_duration": duration,
        "schedule_expression": expression,
    }


@pytest.mark.parametrize(
    "expression",
    [
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
    ],
)
def test_a_documented_schedule_is_accepted(expression: str, refuse: Refuse) -> None:
    assert refuse(_variables(expression)) == []


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "30 days",
        "rate(3 hours)",
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
        "rate(240 minutes)",
        "rate(2 weeks)",
        "Rate(4 hours)",
        "at(2030-01-01T00:00:00)",
        "cron(0 8 1 * ?)",
        "cron(0 8 1 * ? * *)",
        "cron(0 8 1 * ? 2030)",
        "cron(5 8 1 * ? *)",
        "cron(* 8 1 * ? *)",
        "cron(0 24 1 * ? *)",
        "cron(0 * * * ? *)",
        "cron(0 0/3 * * ? *)",
        "cron(0 8,9 * * ? *)",
        "cron(0 8-10 * * ? *)",
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
def test_any_other_schedule_is_refused_with_what_was_found(expression: str, refuse: Refuse) -> None:
    messages = refuse(_variables(expression))
    assert any(f'Found: "{expression or "none"}".' in message for message in messages)


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
    assert f'write "1h" to "{longest}h" beside {expression}' in message


@pytest.mark.parametrize("duration", ["", "0h", "h", "2", "2 h", "02h", "2H", "1d", "-1h", "100h"])
def test_a_window_is_a_number_of_hours(duration: str, refuse: Refuse) -> None:
    (message,) = refuse(_variables("rate(30 days)", duration))
    assert message.endswith(f'Found: "{duration or "none"}".')
