"""Watches the clients of the tests: each creation is tagged or named, and paid from the budget."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import boto3

from testing.real_aws import prices
from testing.real_aws.run import TAG, VARIABLE, Run

_BUDGET_VARIABLE: Final = "REAL_AWS_BUDGET_USD"
_HOURS_VARIABLE: Final = "REAL_AWS_HOURS"
_LEDGER_VARIABLE: Final = "REAL_AWS_LEDGER"


class NoRunError(Exception):
    """Tests must not use a real account on their own."""

    def __init__(self) -> None:
        super().__init__("Tests in a real account must be started by `make test-aws`.")


class OverBudgetError(Exception):
    """The next resource would cost more than the budget has left."""

    def __init__(self, what: str, spent: float, usd: float, budget: float) -> None:
        super().__init__(
            f"BUDGET_USD must not be exceeded; nothing more is created. The run has used "
            f"{spent:.4f} of {budget:.2f} USD. Refused: {what} for {usd:.4f} USD."
        )


class UnknownCreationError(Exception):
    """The clean-up would not find what a call creates."""

    def __init__(self, operation: str, rule: str) -> None:
        super().__init__(f"{operation} was refused: {rule}.")


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit, and a file with a line for each cost."""

    usd: float
    hours: float
    ledger: Path

    def lines(self) -> list[dict[str, Any]]:
        """Return what the run has paid for."""
        if not self.ledger.exists():
            return []
        return [json.loads(line) for line in self.ledger.read_text().splitlines()]

    def spent(self) -> float:
        """Return the sum of all costs so far."""
        return float(sum(line["usd"] for line in self.lines()))

    def pay(self, kind: str, what: str) -> None:
        """Note the cost of a resource, before it is created.

        Raises:
            OverBudgetError: It costs more than is left.
        """
        self._pay(kind, what, prices.cost(kind, self.hours))

    def pay_for_use(self, test: str) -> None:
        """Note the cost of a test's requests, before it starts.

        Raises:
            OverBudgetError: It costs more than is left.
        """
        self._pay("test", test, prices.use_of_a_test())

    def _pay(self, kind: str, what: str, usd: float) -> None:
        if (spent := self.spent()) + usd > self.usd:
            raise OverBudgetError(what, spent, usd, self.usd)
        with self.ledger.open("a") as file:
            file.write(json.dumps({"kind": kind, "what": what, "usd": usd}) + "\n")


def _pairs(key: str, value: str, member: str) -> Callable[[Mapping[str, str]], dict[str, Any]]:
    return lambda tags: {member: [{key: name, value: text} for name, text in tags.items()]}


def _map(member: str) -> Callable[[Mapping[str, str]], dict[str, Any]]:
    return lambda tags: {member: dict(tags)}


def _specification(kind: str) -> Callable[[Mapping[str, str]], dict[str, Any]]:
    def parameters(tags: Mapping[str, str]) -> dict[str, Any]:
        listed = _pairs("Key", "Value", "Tags")(tags)
        return {"TagSpecifications": [{"ResourceType": kind, **listed}]}

    return parameters


_LISTED: Final = _pairs("Key", "Value", "Tags")


@dataclass(frozen=True, slots=True)
class _Creation:
    """How a call marks what it creates."""

    name: str | None
    """The parameter with the name."""
    tags: Callable[[Mapping[str, str]], dict[str, Any]] | None = None
    """The parameters for some tags, if AWS has tags for it."""
    price: str | None = None


_CREATIONS: Final[Mapping[tuple[str, str], _Creation]] = {
    ("cloudwatch", "PutMetricAlarm"): _Creation("AlarmName", _LISTED, "alarm"),
    ("ec2", "CreateSubnet"): _Creation(None, _specification("subnet")),
    ("ec2", "CreateVpc"): _Creation(None, _specification("vpc")),
    ("events", "PutRule"): _Creation("Name", _LISTED),
    ("iam", "CreatePolicy"): _Creation("PolicyName", _LISTED),
    ("iam", "CreateRole"): _Creation("RoleName", _LISTED),
    ("iam", "CreateUser"): _Creation("UserName", _LISTED),
    ("kms", "CreateKey"): _Creation(None, _pairs("TagKey", "TagValue", "Tags"), "key"),
    ("lambda", "CreateFunction"): _Creation("FunctionName", _map("Tags")),
    ("lambda", "PublishLayerVersion"): _Creation("LayerName"),
    ("logs", "CreateLogGroup"): _Creation("logGroupName", _map("tags")),
    ("rds", "CreateDBInstance"): _Creation("DBInstanceIdentifier", _LISTED, "database"),
    ("s3", "CreateBucket"): _Creation("Bucket"),
    ("scheduler", "CreateSchedule"): _Creation("Name"),
    ("secretsmanager", "CreateSecret"): _Creation("Name", _LISTED, "secret"),
    ("sqs", "CreateQueue"): _Creation("QueueName", _map("tags")),
}
# These create a part of something else, and go with it.
_PARTS: Final = frozenset(
    {
        ("iam", "CreateAccessKey"),
        ("iam", "CreatePolicyVersion"),
        ("iam", "CreateServiceSpecificCredential"),
        ("kms", "CreateAlias"),
        ("logs", "CreateLogStream"),
    }
)
_CREATING: Final = ("Allocate", "Create", "Import", "Publish", "Purchase", "Register", "Run")


@dataclass(frozen=True, slots=True)
class Guard:
    """Watches the tests of one run."""

    run: Run
    budget: Budget

    @classmethod
    def of_environment(cls) -> "Guard":
        """Return the guard of the run that started this process.

        Raises:
            NoRunError: No run started it.
        """
        try:
            return cls(
                Run(os.environ[VARIABLE]),
                Budget(
                    float(os.environ[_BUDGET_VARIABLE]),
                    float(os.environ[_HOURS_VARIABLE]),
                    Path(os.environ[_LEDGER_VARIABLE]),
                ),
            )
        except KeyError as error:
            raise NoRunError from error

    @property
    def environment(self) -> dict[str, str]:
        """The variables for the processes of the run.

        Terraform's provider adds the tag to everything that it creates:
        https://registry.terraform.io/providers/hashicorp/aws/5.100.0/docs#default_tags
        """
        return {
            VARIABLE: self.run.id,
            _BUDGET_VARIABLE: str(self.budget.usd),
            _HOURS_VARIABLE: str(self.budget.hours),
            _LEDGER_VARIABLE: str(self.budget.ledger),
            f"TF_AWS_DEFAULT_TAGS_{TAG}": self.run.id,
        }

    def watch(self, session: boto3.Session, *, may_tag: bool = True) -> boto3.Session:
        """Watch the clients that the session makes from now on.

        Args:
            session: The session.
            may_tag: Whether its user may add tags. If not, every name needs the prefix.
        """
        session.events.register("provide-client-params", partial(self._prepare, may_tag))
        return session

    def _prepare(
        self,
        may_tag: bool,  # noqa: FBT001 -- botocore passes the other arguments by name
        params: dict[str, Any],
        model: Any,  # noqa: ANN401 -- botocore has no types
        **_: object,
    ) -> None:
        service, operation = model.service_model.service_name, model.name
        creation = _CREATIONS.get((service, operation))
        if creation is None:
            if operation.startswith(_CREATING) and (service, operation) not in _PARTS:
                raise UnknownCreationError(operation, "the clean-up does not know it")
            return
        name = str(params.get(creation.name, "")) if creation.name else ""
        tagged = creation.tags(self.run.tags) if may_tag and creation.tags else {}
        if not tagged and not self.run.named(name):
            rule = f'the name must begin with {self.run.prefix}. Found: "{name}"'
            raise UnknownCreationError(operation, rule)
        if creation.price:
            self._pay(creation.price, name or operation, params)
        for member, value in tagged.items():
            params[member] = _merged(params.get(member), value)

    def _pay(self, price: str, what: str, params: Mapping[str, Any]) -> None:
        # AWS bills each replica of a secret like a secret.
        for _ in range(1 + len(params.get("AddReplicaRegions", []))):
            self.budget.pay(price, what)


def _merged(given: Any, added: Any) -> Any:  # noqa: ANN401 -- a list or a map, by service
    if isinstance(added, dict):
        return {**(given or {}), **added}
    return [*(given or []), *added]
