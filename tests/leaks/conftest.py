"""Deploys everything once, makes it fail, and keeps everything that can be seen of it."""

import json
import shutil
import uuid
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field

import pytest

from testing.databases.mysql import mysql as create_mysql
from testing.databases.postgresql import PostgreSQL
from testing.databases.servers import Servers
from testing.harness.account import Secret
from testing.harness.mysql import mysql_users
from testing.harness.postgresql import postgresql_users
from testing.harness.terraform import Terraform, checkout
from testing.local_aws import LocalAws, local_aws
from testing.local_github import local_github
from testing.local_logins import local_logins
from testing.local_redis import local_redis
from tests.e2e.github import app, layer
from tests.e2e.redis import redis_users
from tests.leaks.deployed import root, values
from tests.leaks.failures import COMMON, SLOW, Deployed
from tests.leaks.places import (
    IN_ACCOUNT,
    IN_TERRAFORM,
    Account,
    Found,
    plant_in_terraform,
    traced,
)
from tests.selection import Rotators
from tests.strategies import secret_parts

Seen = Mapping[str, list[tuple[str, bytes]]]
"""Everything that is in each place."""


@dataclass(frozen=True, kw_only=True)
class Search:
    """Everything that was seen, and the credentials that must not be there."""

    credentials: set[str] = field(repr=False)
    """Everything that was issued, made, or written by hand."""
    fixed: str = field(repr=False)
    """The value that Terraform received."""
    seen: Seen = field(repr=False)
    planted: Mapping[str, str]
    """The mark in each place."""
    seen_planted: Seen = field(repr=False)


def _account(
    rotators: Rotators, aws: LocalAws, outputs: Mapping[str, Mapping[str, str]], topic: str
) -> Account:
    """Subscribe one queue to the topic, and one to every event."""
    sqs, events = aws.client("sqs"), aws.client("events")
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": ["events.amazonaws.com", "sns.amazonaws.com"]},
                "Action": "sqs:SendMessage",
                "Resource": "*",
            }
        ],
    }
    queues, arns = {}, {}
    for name in ("notified", "noticed"):
        attributes = {"Policy": json.dumps(policy)}
        url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        described = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        queues[name], arns[name] = url, described["Attributes"]["QueueArn"]
    aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arns["notified"])
    events.put_rule(Name="all", EventPattern=json.dumps({"account": [{"exists": True}]}))
    events.put_targets(Rule="all", Targets=[{"Id": "all", "Arn": arns["noticed"]}])
    return Account(
        aws=aws,
        functions=tuple(outputs[one.name]["function_name"] for one in rotators),
        secrets=tuple(one["secret_arn"] for one in outputs.values()),
        topic=topic,
        **queues,
    )


def _raise_alarms(aws: LocalAws) -> None:
    """Raise each alarm, because its period may not be over."""
    client = aws.client("cloudwatch")
    for alarm in client.describe_alarms()["MetricAlarms"]:
        client.set_alarm_state(
            AlarmName=alarm["AlarmName"], StateValue="ALARM", StateReason="A step failed."
        )


def _keep_state(terraform: Terraform, name: str) -> None:
    """Keep copies of the current state and its backup."""
    for path in terraform.folder.glob("terraform.tfstate*"):
        shutil.copy(path, terraform.folder / f"{name}-{path.name}")


def _all_of(found: Found) -> list[tuple[str, bytes]]:
    return list(found)


@pytest.fixture(scope="session")
def search(sample: Rotators, database_servers: Servers, *, runs_slow: bool) -> Search:
    """Everything that can be seen of the deployed secrets, from the first plan to the end.

    If slow tests run, the rotations fail in all ways, otherwise in those of `make test`.
    """
    # A server takes seconds to start, and a sample may not have its strategy.
    names = {one.name for one in sample}
    postgresql = database_servers.get(PostgreSQL, "16") if "postgres" in names else None
    mysql = database_servers.get(create_mysql, "8.0.31") if "mysql" in names else None
    with (
        local_github(tls=True) as github,
        local_aws(
            rotation_attempts=1, functions_longest_sleep=1, trusted=github.certificate
        ) as aws,
        local_logins(aws, *github.trusted) as logins,
        checkout() as folder,
        app(aws, github, "octo-org/reports") as described,
        local_redis(*github.trusted) as redis,
        redis_users(aws, redis, "leaks") as server,
        postgresql_users(aws, postgresql, "leaks") if postgresql else nullcontext() as database,
        mysql_users(aws, mysql, "leaks") if mysql else nullcontext() as mysql_options,
    ):
        fixed = f"fixed{uuid.uuid4().hex}"
        topic = aws.client("sns").create_topic(Name="alarms")["TopicArn"]
        variables = {
            "database": database,
            "mysql": mysql_options,
            "endpoint": logins.endpoint,
            "github": described,
            "redis": server,
            "layer": layer(folder),
            "topic": topic,
            "value": fixed,
        }
        terraform = traced(folder, "leaks", aws.environment, variables)
        for name, content in root(sample):
            (terraform.folder / name).write_text(content, encoding="utf-8")
        terraform.init()
        terraform.run("plan", "-out=first.tfplan")
        try:
            terraform.apply("first.tfplan")
            _keep_state(terraform, "applied")
            outputs = terraform.outputs()
            account = _account(sample, aws, outputs, topic)
            secrets = {name: Secret(aws, one["secret_arn"]) for name, one in outputs.items()}
            marks: set[str] = set()
            for one in sample:
                deployed = Deployed(
                    aws=aws, outputs=outputs[one.name], secret=secrets[one.name], marks=marks
                )
                deployed.secret.wait_for_a_value()
                deployed.secret.rotate_and_wait()
                failures = {
                    **(COMMON if one.represents_all or runs_slow else {}),
                    **one.leaks.failures,
                    **({**SLOW, **one.leaks.slow_failures} if runs_slow else {}),
                }
                for fail in failures.values():
                    fail(deployed)
            terraform.run("plan", "-out=second.tfplan")
            terraform.apply("second.tfplan")
            _keep_state(terraform, "rotated")
            _raise_alarms(aws)
            seen = {name: _all_of(place.look(account)) for name, place in IN_ACCOUNT.items()}
            seen |= {
                name: _all_of(IN_TERRAFORM[name](terraform)) for name in ("outputs", "plan-json")
            }
            credentials = {
                part
                for one in sample
                for text in values(secrets[one.name], aws)
                for part in secret_parts(text, one.secret_fields)
            }
            for one in sample:
                credentials |= one.leaks.issued(aws, github)
            credentials |= {redis.administrator["password"]}
            credentials |= {one.administrator.password for one in (postgresql, mysql) if one}

            planted = {name: f"planted-in-{name}" for name in IN_ACCOUNT}
            for name, place in IN_ACCOUNT.items():
                place.plant(account, planted[name])
            seen_planted = {
                name: _all_of(place.look(account)) for name, place in IN_ACCOUNT.items()
            }
        finally:
            # The local AWS ends with all that it has.
            if runs_slow:
                terraform.destroy("-refresh=false")
        seen |= {
            name: _all_of(look(terraform))
            for name, look in IN_TERRAFORM.items()
            if name not in seen
        }
        root_with_mark = plant_in_terraform(folder, "planted-in-terraform")
        planted |= dict.fromkeys(IN_TERRAFORM, "planted-in-terraform")
        seen_planted |= {name: _all_of(look(root_with_mark)) for name, look in IN_TERRAFORM.items()}
    return Search(
        credentials=(credentials | marks) - {fixed},
        fixed=fixed,
        seen=seen,
        planted=planted,
        seen_planted=seen_planted,
    )
