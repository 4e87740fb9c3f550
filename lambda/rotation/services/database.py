"""The secret of a database user: its JSON, its passwords, and the administrator's secret.

The JSON is that of AWS's rotation templates, which RDS Proxy and AWS's JDBC driver read, too.
https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html
"""

from __future__ import annotations

import json
import math
import secrets
import string
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from rotation.aws import ask
from rotation.errors import ConfigurationError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

    from rotation.aws import Clients
    from rotation.settings import OptionReader

# The end of the name of the second user, as in AWS's templates.
CLONE: Final = "_clone"
# The option ca_certificates, which is too long for the function's environment.
_CA_FILE: Final = Path(__file__).resolve().parents[2] / "database_ca.pem"
_OWN_FIELDS: Final = frozenset(
    {"dbname", "engine", "host", "masterarn", "password", "port", "username"}
)
ALTERNATING: Final = "alternating_users"
SINGLE: Final = "single_user"
_HOST: Final = r"[0-9A-Za-z_-]{1,63}(?:\.[0-9A-Za-z_-]{1,63})*\.?|[0-9A-Fa-f:.]{2,45}"
# The name of a secret that RDS makes begins with rds!
_ARN: Final = (
    r"arn:aws[a-z-]*:secretsmanager:[0-9a-z-]+:[0-9]{12}:secret:[0-9A-Za-z/_+=.@!-]{1,512}"
)
_CLASSES: Final = (
    string.ascii_lowercase,
    string.ascii_uppercase,
    string.digits,
    string.punctuation,
)
# With fewer, someone could guess a password.
_LEAST_BITS: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Passwords:
    """How new passwords are drawn."""

    length: int
    classes: tuple[str, ...]

    @classmethod
    def of(cls, options: OptionReader) -> Self:
        """Read the options password_length and exclude_characters.

        Raises:
            ConfigurationError: One is missing or wrong, or leaves too few characters.
        """
        length = options.number("password_length", least=8, most=255)
        excluded = options.optional_text(
            "exclude_characters", pattern="(?s:.*)", allowed="a string or null"
        )
        classes = [sorted(set(members) - set(excluded or "")) for members in _CLASSES]
        drawn = tuple("".join(members) for members in classes if members)
        characters = sum(map(len, drawn))
        if length * math.log2(max(characters, 1)) < _LEAST_BITS:
            options.refuse(
                "password_length",
                length,
                f"long enough for {_LEAST_BITS} bits of randomness with {characters} characters",
            )
        return cls(length=length, classes=drawn)

    def draw(self) -> str:
        """Draw whole passwords until one has every class: then all of them are equally likely."""
        alphabet = "".join(self.classes)
        while True:
            text = "".join(secrets.choice(alphabet) for _ in range(self.length))
            if all(set(text) & set(members) for members in self.classes):
                return text


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Database:
    """The parts of the secret's JSON that the variables set. No value steers a connection."""

    # The service's own name, for messages.
    title: str
    # What `engine` may be; the first is that of a new value.
    engines: tuple[str, ...]
    host: str
    port: int
    # The database that the application uses, if the variables name one.
    dbname: str | None
    # That of a first value if they don't.
    first_dbname: str | None
    # The user that the application knows. A second one may have the same name with CLONE.
    user: str
    admin_arn: str | None
    passwords: Passwords
    own_fields: frozenset[str] = _OWN_FIELDS

    @property
    def owner(self) -> str:
        """The owner of all credentials."""
        return self._owner(self.user, self.host)

    @property
    def clone(self) -> str:
        """The name of the second user."""
        return self.user + CLONE

    @property
    def shape(self) -> str:
        """The form of a value."""
        engines = " or ".join(self.engines)
        return f"a JSON object with the strings engine ({engines}), host, username and password"

    def user_and_owner(self, value: object) -> tuple[str, str] | None:
        """Return the user that a value is for, and the owner; None: it has another form."""
        if not isinstance(value, Mapping) or value.get("engine") not in self.engines:
            return None
        host, user, word = (value.get(name) for name in ("host", "username", "password"))
        if not (isinstance(host, str) and isinstance(user, str) and isinstance(word, str)):
            return None
        if not (host and user and word):
            return None
        return user, self._owner(self.user if user == self.clone else user, host)

    def new_value(self, user: str, current: object) -> Mapping[str, object]:
        """Make a value with a new password. The variables replace what the current value has.

        They don't name Aurora, and need not name a database.

        Args:
            user: the user that it is for.
            current: the current value; None: it is the first one.
        """
        first = {"engine": self.engines[0], "dbname": self.first_dbname}
        before = current if isinstance(current, Mapping) else first
        value = {
            "engine": before["engine"],
            "host": self.host,
            # In some secrets it is a string. https://github.com/aws-samples/aws-secrets-manager-rotation-lambdas/issues/151
            "port": str(self.port) if isinstance(before.get("port"), str) else self.port,
            "dbname": self.dbname or before.get("dbname"),
            "masterarn": self.admin_arn,
        }
        kept = {name: field for name, field in value.items() if field is not None}
        return {**kept, "username": user, "password": self.passwords.draw()}

    def _owner(self, user: str, host: str) -> str:
        return f"{self.title} user {user} of {host.lower()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Administrator:
    """The administrator's secret, which may rotate, too. So it is read each time."""

    clients: Clients
    arn: str

    def read(self) -> tuple[str, str]:
        """Return the administrator's name and password.

        Raises:
            ConfigurationError: The secret has none. Its value is not shown.
        """
        client: SecretsManagerClient = self.clients("secretsmanager")
        absent = ConfigurationError(
            f"{self.arn} must have the administrator's name and password, as the strings username "
            "and password of a JSON object. Found: another value. Put one there, or correct "
            "admin_secret_arn in the variable rotation, then rotate again."
        )
        response = ask(
            "secretsmanager:GetSecretValue",
            self.arn,
            lambda: client.get_secret_value(SecretId=self.arn),
            known={"ResourceNotFoundException": absent},
        )
        value: object = None
        with suppress(ValueError, RecursionError):
            value = json.loads(response.optional_text("SecretString") or "")
        found = value if isinstance(value, dict) else {}
        match found.get("username"), found.get("password"):
            case (str(name), str(word)) if name and word:
                return name, word
        raise absent


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Options:
    """The options that the strategies for databases have in common."""

    mode: str
    # Where the function connects; the host in the secret may be another one.
    endpoint: str
    database: Database
    # With alternating users, there is always one.
    administrator: Administrator | None

    @classmethod
    def read(  # noqa: PLR0913 -- each is by its name
        cls,
        options: OptionReader,
        clients: Clients,
        *,
        title: str,
        engines: tuple[str, ...],
        dbname: str | None,
        longest_user: int,
        first_dbname: str | None = None,
    ) -> Self:
        """Read the options.

        Args:
            options: the strategy's settings.
            clients: makes the client that reads the administrator's secret.
            title: the service's own name.
            engines: what `engine` may be in a value.
            dbname: the option dbname.
            longest_user: the most characters of a user's name.
            first_dbname: the database in a first value without the option.

        Raises:
            ConfigurationError: One is missing or wrong.
        """
        modes = (ALTERNATING, SINGLE)
        mode = options.text("mode", pattern="|".join(modes), allowed=" or ".join(modes))
        allowed = "a host name or an address, without a port"
        host = options.text("host", pattern=_HOST, allowed=allowed)
        endpoint = options.optional_text("endpoint", pattern=_HOST, allowed=f"{allowed}, or null")
        port = options.number("port", least=1, most=65535)
        admin = administrator(options, clients)
        user = options.text(
            "username", pattern=f"(?s:.{{1,{longest_user}}})", allowed="the name of a user"
        )
        if admin is None and mode == ALTERNATING:
            options.refuse("admin_secret_arn", None, "the ARN of a secret, with alternating_users")
        return cls(
            mode=mode,
            endpoint=endpoint or host,
            database=Database(
                title=title,
                engines=engines,
                host=host,
                port=port,
                dbname=dbname,
                first_dbname=first_dbname,
                user=user,
                admin_arn=admin.arn if admin else None,
                passwords=Passwords.of(options),
            ),
            administrator=admin,
        )


def administrator(options: OptionReader, clients: Clients) -> Administrator | None:
    """Read the option admin_secret_arn.

    Raises:
        ConfigurationError: It is wrong.
    """
    arn = options.optional_text(
        "admin_secret_arn", pattern=_ARN, allowed="the ARN of a secret, or null"
    )
    return Administrator(clients=clients, arn=arn) if arn else None


def ca_certificates() -> str | None:
    """Read the authorities in the function's package; None: it trusts those of the runtime."""
    return _CA_FILE.read_text(encoding="utf-8") if _CA_FILE.exists() else None
