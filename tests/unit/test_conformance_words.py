"""The suite for strategies of your own explains in words what is wrong with one.

Each case spoils one thing in a strategy that passes, and names the check that finds it.
"""

from __future__ import annotations

import re
from typing import Final

import pytest

from rotation_conformance import BrokenPromiseError
from tests.readme.blocks import README, block

# The service: each function is one atomic request.
_SERVICE: Final = """
import json
import pathlib


def read(path):
    return json.loads(pathlib.Path(path).read_text())


def write(path, content):
    pathlib.Path(path).write_text(json.dumps(content))


def add(path, id, content):
    write(path, {**read(path), id: content})


def remove(path, id):
    write(path, {name: one for name, one in read(path).items() if name != id})
"""

_SETTER: Final = """
import secrets

import service

from rotation.api import Credential, CredentialRejected, ServiceUnavailable


class Passwords:
    shape = "a JSON object with the string password"

    def __init__(self, path):
        self.path = path
        self.owner = "the file"

    def parse(self, value):
        if isinstance(value, str) or "password" not in value:
            return None
        return Credential(identity="the password", owner="the file", value=value)

    def generate(self, current):
        return self.parse({"password": secrets.token_hex(8)})

    def apply(self, pending, current):
        kept = [one.value["password"] for one in (current, pending) if one]
        service.write(self.path, kept)

    def verify(self, credential):
        password = credential.value["password"]
        try:
            accepted = service.read(self.path)
        except OSError:
            raise ServiceUnavailable(
                action="read", resource="the file", answer_lost=False
            ) from None
        if password not in accepted:
            raise CredentialRejected(owner="the file", identity="the password")


def build(options, clients):
    return Passwords(options.text("path"))
"""

_ISSUER: Final = """
import secrets
from datetime import UTC, datetime

import service

from rotation.api import Credential, CredentialRejected, Issued


class Keys:
    shape = "a JSON object with the strings id and key"
    owner = "the file"
    slots = None
    adopted = None
    adopt_with = None
    settling_seconds = 0
    retires_demoted = False

    def __init__(self, path):
        self.path = path

    def parse(self, value):
        if isinstance(value, str) or "key" not in value:
            return None
        return Credential(identity=value["id"], owner=self.owner, value=value)

    def inventory(self):
        return [
            Issued(identity=id, owner=self.owner, created=datetime.now(UTC), mark=one["mark"])
            for id, one in service.read(self.path).items()
        ]

    def issue(self, mark):
        id, key = secrets.token_hex(4), secrets.token_hex(8)
        service.add(self.path, id, {"key": key, "mark": mark})
        return self.parse({"id": id, "key": key})

    def verify(self, credential):
        held = service.read(self.path).get(credential.identity, {})
        if held.get("key") != credential.value["key"]:
            raise CredentialRejected(owner=self.owner, identity=credential.identity)

    def retire(self, issued, credential):
        service.remove(self.path, issued.identity)


def build(options, clients):
    return Keys(options.text("path"))
"""

_TEST: Final = """
import contextlib
import os

import pytest
import service
from rotation_conformance import Conformance, ServiceUnderTest

FILE = "service.json"


class Passwords(ServiceUnderTest):
    def reset(self, account):
        service.write(FILE, [])
        return {"path": FILE}

    def works(self, value):
        return value["password"] in self.ours()

    def identity(self, value):
        return value["password"]

    def ours(self):
        return set(service.read(FILE))

    @contextlib.contextmanager
    def outage(self):
        os.rename(FILE, "away.json")
        yield
        os.rename("away.json", FILE)


class Keys(ServiceUnderTest):
    def __init__(self):
        self.foreign = set()

    def reset(self, account):
        service.write(FILE, {})
        return {"path": FILE}

    def works(self, value):
        return service.read(FILE).get(value["id"], {}).get("key") == value["key"]

    def identity(self, value):
        return value["id"]

    def ours(self):
        return {id for id, one in service.read(FILE).items() if one["mark"]}

    def add_foreign(self):
        service.add(FILE, "person", {"key": "0" * 8, "mark": None})
        self.foreign.add("person")
        return "person"

    def remove_foreign(self, identity):
        service.remove(FILE, identity)
        self.foreign.remove(identity)

    def foreign_lost(self):
        return self.foreign - service.read(FILE).keys()


class TestRotation(Conformance):
    source_file = "rotate.py"
    public = {"id"}

    @pytest.fixture
    def service(self):
        return SERVICE()
"""

_KINDS: Final = {"setter": (_SETTER, "Passwords"), "issuer": (_ISSUER, "Keys")}


def _checked(
    pytester: pytest.Pytester, kind: str, right: str, wrong: str, check: str
) -> pytest.RunResult:
    """Run one check on the strategy, with a part of its source replaced."""
    source, service = _KINDS[kind]
    assert source.count(right) == 1
    pytester.makepyfile(
        rotate=source.replace(right, wrong),
        service=_SERVICE,
        test_rotate=_TEST.replace("SERVICE", service),
    )
    return pytester.runpytest_inprocess("-k", check)


@pytest.mark.parametrize("kind", _KINDS)
def test_a_correct_strategy_passes(kind: str, pytester: pytest.Pytester) -> None:
    """Run it as the documentation says, in a process of its own."""
    source, service = _KINDS[kind]
    test = _TEST.replace("SERVICE", service)
    pytester.makepyfile(rotate=source, service=_SERVICE, test_rotate=test)
    module = str(README.parent)
    pytester.makeini(
        block("run", "conformance").replace(".terraform/modules/rotating_secret", module)
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=11)


@pytest.mark.parametrize(
    ("kind", "right", "wrong", "check", "words"),
    [
        pytest.param(
            "setter",
            "def verify(",
            "def prove(",
            "it_has_all_members_of_its_family",
            "it has no verify, which each Setter must have",
            id="a-method-is-missing",
        ),
        pytest.param(
            "issuer",
            "    adopted = None\n",
            "",
            "it_has_all_members_of_its_family",
            "it has no adopted, which each Issuer must have",
            id="an-attribute-is-missing",
        ),
        pytest.param(
            "setter",
            "(current, pending)",
            "(pending,)",
            "its_rotations_are_clean",
            "The second rotation, without any trouble.*the service does not accept the value of "
            r"AWSCURRENT.*apply gets both",
            id="the-current-value-ends-too-soon",
        ),
        pytest.param(
            "setter",
            "secrets.token_hex(8)",
            '"a" * 16',
            "its_rotations_are_clean",
            "a value that existed before",
            id="values-are-not-new",
        ),
        pytest.param(
            "setter",
            'or "password" not in value',
            'or not value["password"]',
            "it_recognises_its_own_values_and_no_others",
            r"parse was given {}.*KeyError at rotate.py:\d+",
            id="parse-fails",
        ),
        pytest.param(
            "setter",
            'owner="the file", value=value',
            'owner="another", value=value',
            "it_recognises_its_own_values_and_no_others",
            "",
            id="the-owner-is-another",
        ),
        pytest.param(
            "setter",
            'raise CredentialRejected(owner="the file", identity="the password")',
            "return False",
            "it_rejects_what_the_service_does_not_accept",
            "as if the service had accepted the credential.*A returned bool is ignored",
            id="verify-returns-a-bool",
        ),
        pytest.param(
            "setter",
            'raise CredentialRejected(owner="the file", identity="the password")',
            "raise ValueError(password)",
            "its_rotations_are_clean",
            r"ValueError at rotate.py:\d+.*raise an error class of rotation.api",
            id="verify-raises-an-error-of-its-own",
        ),
        pytest.param(
            "setter",
            "service.write(self.path, kept)",
            "service.write(self.path, [*service.read(self.path), *kept])",
            "its_rotations_are_clean",
            "an orphan was left",
            id="apply-adds",
        ),
        pytest.param(
            "setter",
            "        kept = [",
            "        service.write(self.path, [])\n        kept = [",
            "a_rotation_may_stop_at_any_point",
            r"The function stopped before line \d+, in apply: kept = .*in a later rotation; then "
            "it is repeated.*does not accept the value of AWSCURRENT",
            id="apply-has-a-gap",
        ),
        pytest.param(
            "setter",
            "        if password not in accepted",
            '        open("seen", "x").close()\n        if password not in accepted',
            "each_step_may_be_delivered_twice",
            "Each step was delivered twice, in the first rotation.*FileExistsError at",
            id="a-step-cannot-be-repeated",
        ),
        pytest.param(
            "setter",
            "raise ServiceUnavailable(\n"
            '                action="read", resource="the file", answer_lost=False\n'
            "            ) from None",
            'raise CredentialRejected(owner="the file", identity="the password") from None',
            "an_outage_is_no_rejection",
            "it raised CredentialRejected.*raise ServiceUnavailable if no response arrives",
            id="an-outage-is-taken-for-a-rejection",
        ),
        pytest.param(
            "setter",
            'identity="the password")',
            "identity=password)",
            "nothing_that_it_shows_has_a_secret",
            "Build no message from a response",
            id="an-error-quotes-the-password",
        ),
        pytest.param(
            "issuer",
            "        service.remove(self.path, issued.identity)",
            "        service.remove(self.path, issued.identity)\n"
            '        service.remove(self.path, "person")',
            "credentials_of_operators_stay",
            "a credential of an operator was retired",
            id="retire-ends-what-it-was-not-given",
        ),
        pytest.param(
            "issuer",
            "        service.remove(self.path, issued.identity)",
            "        service.read(self.path)[issued.identity]\n"
            "        service.remove(self.path, issued.identity)",
            "it_rejects_what_the_service_does_not_accept",
            r"retire was given the previous credential, twice.*KeyError at rotate.py:\d+",
            id="retire-fails-on-what-is-gone",
        ),
        pytest.param(
            "issuer",
            '"mark": mark})',
            '"mark": "ours"})',
            "a_rotation_may_stop_at_any_point",
            "The function stopped .*an orphan was left",
            id="the-mark-is-lost",
        ),
    ],
)
def test_the_fault_of_a_strategy_is_explained_in_words(
    kind: str, right: str, wrong: str, check: str, words: str, pytester: pytest.Pytester
) -> None:
    result = _checked(pytester, kind, right, wrong, check)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    told = " ".join(line.removeprefix("E").strip() for line in result.outlines if line[:1] == "E")
    assert re.search(words, told), told


def test_the_documentation_quotes_the_suite() -> None:
    done, found, cure = re.split(
        r"\.\nWhat happened: |\nWhat to do: ", block("run", "broken-promise").strip()
    )
    told = str(BrokenPromiseError(done=done, found=found, cure=cure))
    assert told == block("run", "broken-promise").strip()
    sources = (README.parent / "tools" / "conformance" / "rotation_conformance").glob("*.py")
    said = re.sub(r'"\s+"', "", "".join(path.read_text() for path in sources))
    for words in (
        "The function stopped ",
        "in a later rotation",
        "it is repeated",
        found,
        cure[:-3],
    ):
        assert words in said
