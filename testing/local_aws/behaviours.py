"""The modules of the added behaviours, in the order in which the server imports them."""

from __future__ import annotations

from typing import Final

# Each behaviour wraps the ones before it.
BEHAVIOURS: Final = (
    "secretsmanager.versions",
    "secretsmanager.trail",
    "secretsmanager.pruning",
    "secretsmanager.other_accounts",
    "secretsmanager.customer_keys",
    "secretsmanager.replicas",
    "secretsmanager.policies",
    "iam.member_accounts",
    "secretsmanager.principals",
    "functions.callers",
    "secretsmanager.rotation",
    "secretsmanager.read_lag",
    "iam.keys",
    "iam.service_credentials",
    "iam.users",
    "iam.tags",
    "iam.authorization",
    "iam.policy_lag",
    "iam.signing",
    "log_streams",
    "event_history",
    "functions.source",
    "functions.role",
    "functions.environment",
    "functions.qualifiers",
    "functions.runtime",
    "functions.endpoint",
    "functions.logs",
    "alarms",
    "vpc_endpoints",
    "secretsmanager.managed",
    "secretsmanager.rotation_windows",
    "cron",
    "scheduler",
    "scheduled_rules",
    "service_events",
    "topic_keys",
    "functions.throttling",
)
