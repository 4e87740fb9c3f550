"""The suite for strategies of your own finds each bug, and says in words what is wrong.

Each row of the table breaks one thing in a strategy that passes, and names the check that finds it.
"""

from __future__ import annotations

import linecache
import re
from functools import partial
from inspect import getmembers, ismethod
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from rotation_conformance import BrokenPromiseError, Conformance
from tests.readme.blocks import README, block
from tests.unit.conformance import service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rotation_conformance import Begin, ServiceUnderTest

_FOLDER: Final = Path(__file__).with_name("conformance")


class _Kind(NamedTuple):
    """A correct strategy, and what its test says about it."""

    source: str
    service: Callable[[], ServiceUnderTest]
    public: frozenset[str] = frozenset()


def _source(name: str) -> str:
    return (_FOLDER / f"{name}.py").read_text(encoding="utf-8")


_ISSUER: Final = _source("issuer")
_KINDS: Final = {
    "text": _Kind(_source("text"), service.Texts),
    "field": _Kind(_source("field"), service.Texts),
    "setter": _Kind(_source("setter"), service.Passwords),
    "replacer": _Kind(_source("replacer"), service.Passwords),
    "marked": _Kind(_ISSUER, service.Keys, frozenset({"id"})),
    "private": _Kind(_ISSUER, service.Keys),
    # Its service limits the number of keys, but its test does not say so.
    "unsaid": _Kind(
        _ISSUER.replace("    slots = None", "    slots = 2").replace("self.slots)", "2)"),
        service.LimitedKeys,
        frozenset({"id"}),
    ),
    "few": _Kind(
        _ISSUER.replace("    slots = None", "    slots = 2"), service.FewKeys, frozenset({"id"})
    ),
}


class _Checks(Conformance):
    """The checks of one strategy."""

    def __init__(self, kind: _Kind, source: str, folder: Path, most: int | None = None) -> None:
        self.most = most  # type: ignore[misc]  # of the class, for users
        self.source_file = folder / "rotate.py"  # type: ignore[misc]  # of the class, for users
        self.source_file.write_text(source, encoding="utf-8")
        # The folder of an earlier test may have had the same name.
        linecache.checkcache(str(self.source_file))
        self.public = kind.public  # type: ignore[misc]  # the same
        self.begins: Begin = self._beginning(kind.service())

    def of(self, name: str) -> Iterator[Callable[[], None]]:
        """Return the checks whose names have a part."""
        for method, check in getmembers(self, ismethod):
            if method.startswith("test_") and name in method:
                cases = [{"then": "it is repeated"}, {"then": "it is cancelled"}]
                for case in cases if "then" in check.__annotations__ else [{}]:
                    yield partial(check, begin=self.begins, **case)


_TEST: Final = """
import pytest
from rotation_conformance import Conformance
from tests.unit.conformance import service as services


class TestRotation(Conformance):
    source_file = "rotate.py"
    most = 2

    @pytest.fixture
    def service(self):
        return services.Passwords()
"""


def test_the_suite_runs_as_the_documentation_says(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(rotate=_KINDS["setter"].source, test_rotate=_TEST)
    module = str(README.parent)
    pytester.makeini(
        block("run", "conformance").replace(".terraform/modules/rotating_secret", module)
    )
    # Of the service alone.
    monkeypatch.setenv("PYTHONPATH", module)
    pytester.runpytest_subprocess().assert_outcomes(passed=17)


def _run(checks: Iterable[Callable[[], None]]) -> None:
    for check in checks:
        check()


@pytest.mark.parametrize("name", sorted(_KINDS.keys() - {"private", "unsaid"}))
def test_a_correct_strategy_passes_every_check(name: str, tmp_path: Path) -> None:
    kind = _KINDS[name]
    _run(_Checks(kind, kind.source, tmp_path, most=4).of(""))


_MEMBERS: Final = "it_has_all_members_of_its_family"
_CLEAN: Final = "its_rotations_are_clean"
_RECOGNISES: Final = "it_recognises_its_own_values_and_no_others"
_MAKES: Final = "it_makes_each_value_without_a_call"
_REJECTS: Final = "it_rejects_what_the_service_does_not_accept"
_WRITER: Final = "it_sets_no_value_of_another_writer"
_CHECK: Final = "its_check_changes_nothing"
_ENDS: Final = "it_ends_what_may_have_leaked"
_LISTS: Final = "its_list_shows_what_it_issues"
_TWICE: Final = "each_step_may_be_delivered_twice"
_SECOND: Final = "a_second_delivery_may_run_at_any_point"
_STOPS: Final = "a_rotation_may_stop_at_any_point"
_LOST: Final = "an_answer_may_be_lost"
_OUTAGE: Final = "an_outage_is_not_a_rejection"
_SHOWS: Final = "nothing_that_it_shows_has_a_secret"
_OPERATORS: Final = "credentials_of_operators_stay"


class _Bug(NamedTuple):
    """One change to a correct strategy, the check that finds it, and a part of the message."""

    kind: str
    right: str
    wrong: str
    check: str
    words: str
    most: int | None = None
    """At how many points the rotation stops, if the bug shows at few of all."""


_BUGS: Final = {
    # All families.
    "no-method": _Bug(
        "setter", "def verify(", "def prove(", _MEMBERS, "has no verify, which each Set"
    ),
    "no-attribute": _Bug(
        "few", "    adopted = None\n", "", _MEMBERS, "has no adopted, which each Iss"
    ),
    "no-shape": _Bug(
        "text", '"a text of 32 characters"', '""', _MEMBERS, "shape must be a text that"
    ),
    "build-makes-a-call": _Bug(
        "field",
        "    return Field()",
        '    clients("secretsmanager").get_secret_value(SecretId="another")\n    return Field()',
        _MEMBERS,
        "build must make no call",
    ),
    "the-owner-changes": _Bug(
        "field",
        '"nobody"',
        "secrets.token_hex(2)",
        _MEMBERS,
        "the owners differ.*always be the same",
    ),
    "parse-fails": _Bug(
        "field",
        'isinstance(value, str) or not isinstance(value.get("pepper"), str)',
        'value["pepper"] == ""',
        _RECOGNISES,
        r"parse was given ''.*TypeError at rotate.py:\d+, in parse.*must return None",
    ),
    "parse-fails-on-another-type": _Bug(
        "field",
        'not isinstance(value.get("pepper"), str)',
        'len(value.get("pepper", "")) < 3',
        _RECOGNISES,
        r"parse was given {'pepper': None}.*TypeError at rotate.py:\d+, in parse",
    ),
    "parse-accepts-other-forms": _Bug(
        "field",
        'isinstance(value, str) or not isinstance(value.get("pepper"), str)',
        "False",
        _RECOGNISES,
        "parse returned a credential.*None for a value of another form",
    ),
    "parse-refuses-further-fields": _Bug(
        "field",
        'not isinstance(value.get("pepper"), str)',
        'value.keys() != {"pepper"}',
        _RECOGNISES,
        "a value with a further field.*parse returned None",
    ),
    "parse-drops-fields": _Bug(
        "field",
        "owner=self.owner, value=value)\n\n    def",
        'owner=self.owner, value={"pepper": value["pepper"]})\n\n    def',
        _RECOGNISES,
        "the credential has another value.*the whole value, unchanged",
    ),
    "parse-refuses-its-own": _Bug(
        "text", "token_hex(16)", "token_hex(8)", _RECOGNISES, "parse must recognise each value that"
    ),
    "another-owner": _Bug(
        "setter",
        "owner = f\"user {value['user']} of {value['host']}\"",
        'owner = "another"',
        _RECOGNISES,
        "parse must recognise each value.*and return its owner",
    ),
    "every-owner": _Bug(
        "setter",
        "owner = f\"user {value['user']} of {value['host']}\"",
        "owner = self.owner",
        _RECOGNISES,
        "another host, which is a part of the owner.*read the owner from the value",
    ),
    "every-user": _Bug(
        "setter",
        "{value['user']}",
        "{self.user}",
        _RECOGNISES,
        "another user, which is a part of the owner.*read the owner from the value",
    ),
    "an-end-without-a-time-zone": _Bug(
        "few",
        "owner=self.owner, value=value)\n\n    def inventory",
        "owner=self.owner, value=value, expires=service.datetime(2040, 1, 1))\n\n    def inventory",
        _RECOGNISES,
        "expires must have a time zone",
    ),
    # Generators.
    "an-old-text": _Bug(
        "text", "secrets.token_hex(16)", '"a" * 32', _CLEAN, "existed before.*with Python's secrets"
    ),
    "an-old-field": _Bug(
        "field",
        "secrets.token_hex(16)",
        '"a" * 32',
        _CLEAN,
        "existed before.*with Python's secrets",
    ),
    "a-predictable-field": _Bug(
        "field",
        "secrets.token_hex(16)",
        '"".join(__import__("random").choices("abcdef", k=32))',
        _MAKES,
        "the results of random can be predicted",
    ),
    "a-value-that-applications-refuse": _Bug(
        "field",
        "token_hex(16)",
        "token_hex(8)",
        _CLEAN,
        "does not accept the value of AWSCURRENT.*a value that applications accept",
    ),
    "generate-makes-a-credential": _Bug(
        "field",
        "        value = {",
        '        from tests.unit.conformance import service\n        service.create_key("", None)\n'
        "        value = {",
        _MAKES,
        "the service has other credentials.*change nothing",
    ),
    # Setters.
    "generate-sets-the-password": _Bug(
        "setter",
        '        return Credential(identity="the password", owner=self.owner',
        '        service.set_passwords(self.user, [value["password"]])\n'
        '        return Credential(identity="the password", owner=self.owner',
        _MAKES,
        "generate was called twice.*the service has other credentials",
    ),
    "generate-sets-the-current-password": _Bug(
        "setter",
        "        value = {",
        "        if current:\n            service.set_passwords(self.user, [_password(current)])\n"
        "        value = {",
        _WRITER,
        "Someone stored a value .*the service accepts the stored value.*apply must set only",
    ),
    "the-current-password-ends": _Bug(
        "setter",
        "(current, pending)",
        "(pending,)",
        _CLEAN,
        "Rotation 2 .*does not accept the value of AWSCURRENT.*apply gets both",
    ),
    "end-others-ends-nothing": _Bug(
        "setter",
        "(self.user, [_password(current)])",
        "(self.user, service.passwords(self.user))",
        _ENDS,
        "end_others was called .*accepts the previous credential.*must end each credential",
    ),
    "end-others-has-a-gap": _Bug(
        "setter",
        "            service.set_passwords(self.user, [_password(current)])",
        "            service.set_passwords(self.user, [])\n"
        "            service.set_passwords(self.user, [_password(current)])",
        _ENDS,
        r"AWSCURRENT \(before line \d+, in end_others.*accept at any line",
    ),
    "end-others-adds": _Bug(
        "setter",
        "(self.user, [_password(current)])",
        '(self.user, [_password(current), "unknown"])',
        _ENDS,
        "an orphan was left.*must end each credential",
    ),
    "apply-adds": _Bug(
        "setter",
        "set_passwords(self.user, kept)",
        "set_passwords(self.user, [*service.passwords(self.user), *kept])",
        _CLEAN,
        "an orphan was left.*apply must set .* add none",
    ),
    "apply-has-a-gap": _Bug(
        "setter",
        "            service.set_passwords(self.user, kept)",
        "            service.set_passwords(self.user, [])\n"
        "            service.set_passwords(self.user, kept)",
        _STOPS,
        r"The function stopped .* then it is repeated.*AWSCURRENT "
        r"\(before line \d+, in apply.*in one request",
    ),
    # The gap is there only after another process was in apply.
    "apply-has-a-gap-after-another-delivery": _Bug(
        "setter",
        "            service.set_passwords(self.user, kept)",
        "            if _password(pending) in service.passwords(self.user):\n"
        "                service.set_passwords(self.user, [])\n"
        "            service.set_passwords(self.user, kept)",
        _SECOND,
        r"A second delivery ran .*AWSCURRENT \(before line \d+, in apply",
    ),
    "apply-has-a-gap-in-the-retry": _Bug(
        "setter",
        "            service.set_passwords(self.user, kept)",
        '            half = [*kept[:-1], "half"]\n'
        "            if service.passwords(self.user) == half:\n"
        "                service.set_passwords(self.user, [])\n"
        "            service.set_passwords(self.user, half)\n"
        "            service.set_passwords(self.user, kept)",
        _STOPS,
        r"The function stopped .* it is repeated.*AWSCURRENT \(before line \d+, in apply",
    ),
    "apply-sets-another-password": _Bug(
        "setter",
        "_password(one) for",
        "_password(one)[:4] for",
        _CLEAN,
        "AWSCURRENT.*apply gets both credentials: set exactly both",
    ),
    # Replacers.
    "check-sets-the-password": _Bug(
        "replacer",
        "        self._accepted(pending, known)\n\n",
        "        self.replace(pending, known)\n\n",
        _CHECK,
        "check was called with a new value.*AWSCURRENT.*No other method may change it",
    ),
    "replace-knows-only-the-current-password": _Bug(
        "replacer",
        "for one in known if _password(one) in accepted",
        "for one in list(known)[:1] if _password(one) in accepted",
        _STOPS,
        "The function stopped .*CredentialRejected.*",
        most=8,
    ),
    "replace-has-a-gap": _Bug(
        "replacer",
        "            service.set_passwords(self.user, [_password(pending)])",
        '            service.set_passwords(self.user, ["half"])\n'
        "            service.set_passwords(self.user, [_password(pending)])",
        _CLEAN,
        r"Rotation 2 .*AWSCURRENT \(.*in replace.*in one request",
    ),
    "replace-sets-another-password": _Bug(
        "replacer",
        "self.user, [_password(pending)]",
        "self.user, [_password(pending)[:4]]",
        _CLEAN,
        "AWSCURRENT.*replace",
    ),
    "a-log-in-takes-an-outage-for-a-rejection": _Bug(
        "replacer",
        "            raise ServiceUnavailable(\n"
        '                action="log in", resource=self.owner, answer_lost=False\n'
        "            ) from None",
        "            raise CredentialRejected(owner=self.owner, identity=self.user) from None",
        _OUTAGE,
        "verify was called while the service was unreachable.*it raised CredentialRejected",
    ),
    "apply-resets-after-a-lost-answer": _Bug(
        "setter",
        "        except service.UnreachableError:\n"
        '            raise ServiceUnavailable(action="set"',
        "        except (TimeoutError, service.UnreachableError):\n"
        "            service.set_passwords(self.user, [])\n"
        '            raise ServiceUnavailable(action="set"',
        _LOST,
        "its answer was lost, in a later rotation: set_passwords, which line .*AWSCURRENT",
    ),
    # The method is of another file, as with a base class.
    "replace-resets-after-a-lost-answer": _Bug(
        "replacer",
        "    def replace(self, pending: Credential, known: Iterable[Credential]) -> None:\n"
        "        if self._accepted(pending, known) == _password(pending):\n"
        "            return\n"
        "        try:\n"
        "            service.set_passwords(self.user, [_password(pending)])\n"
        "        except service.UnreachableError:\n"
        '            raise ServiceUnavailable(action="set", resource=self.owner, answer_lost=True)',
        '    replace = service.method_of("_replace")\n\n'
        "    def _replace(self, pending: Credential, known: Iterable[Credential]) -> None:\n"
        "        try:\n"
        "            service.set_passwords(self.user, [_password(pending)])\n"
        "        except (TimeoutError, service.UnreachableError):\n"
        "            service.set_passwords(self.user, [])\n"
        '            raise ServiceUnavailable(action="set", resource="", answer_lost=False)',
        _LOST,
        "its answer was lost, in a later rotation: _password, which line .*AWSCURRENT",
    ),
    "apply-fails-in-an-outage": _Bug(
        "setter",
        "        except service.UnreachableError:\n"
        '            raise ServiceUnavailable(action="set"',
        '        except KeyError:\n            raise ServiceUnavailable(action="set"',
        _OUTAGE,
        "apply was called while .*it raised UnreachableError.*apply must raise ServiceUnavailable",
    ),
    "apply-ignores-an-outage": _Bug(
        "setter",
        '            raise ServiceUnavailable(action="set", resource=self.owner, answer_lost=True) '
        "from None",
        "            pass",
        _OUTAGE,
        "apply was called while .*it returned",
    ),
    "verify-returns-a-bool": _Bug(
        "setter",
        "raise CredentialRejected(owner=self.owner, identity=credential.identity)",
        "return False",
        _REJECTS,
        "as if the service had accepted.*A returned bool is ignored",
    ),
    "verify-does-not-use-the-password": _Bug(
        "setter",
        "if password not in accepted",
        "if not accepted",
        _REJECTS,
        "as if the service had",
    ),
    "verify-sets-the-password": _Bug(
        "setter",
        "        if password not in accepted",
        "        service.set_passwords(self.user, [*accepted, password])\n        if not accepted",
        _REJECTS,
        "as if the service had accepted",
    ),
    "verify-raises-an-error-of-its-own": _Bug(
        "setter",
        "raise CredentialRejected(owner=self.owner, identity=credential.identity)",
        "raise ValueError(password)",
        _REJECTS,
        r"verify was given .*it raised ValueError.*raise CredentialRejected",
    ),
    "verify-exits": _Bug(
        "setter",
        "raise CredentialRejected(owner=self.owner, identity=credential.identity)",
        "raise SystemExit(password)",
        _REJECTS,
        r"verify was given .*it raised SystemExit",
    ),
    "an-outage-is-taken-for-a-rejection": _Bug(
        "setter",
        "raise ServiceUnavailable(\n"
        '                action="log in", resource=self.owner, answer_lost=False\n'
        "            )",
        "raise CredentialRejected(owner=self.owner, identity=credential.identity)",
        _OUTAGE,
        "verify was called while .*it raised CredentialRejected.*ServiceUnavailable",
    ),
    "a-step-cannot-be-repeated": _Bug(
        "setter",
        "        if password not in accepted",
        '        service.SERVER.keys["seen"], _ = None, service.SERVER.keys.pop("seen", 1) + 1\n'
        "        if password not in accepted",
        _TWICE,
        r"Each step was delivered twice, in the first rotation.*TypeError at rotate.py",
    ),
    "an-error-quotes-the-password": _Bug(
        "setter",
        "identity=credential.identity)",
        "identity=password)",
        _SHOWS,
        "the field password in its errors.*build no message from a response",
    ),
    "an-error-of-apply-quotes-the-password": _Bug(
        "setter",
        'action="set", resource=self.owner',
        'action="set", resource=str(kept)',
        _SHOWS,
        "the field password in its errors.*build no message from a response",
    ),
    "an-error-quotes-a-key-that-has-ended": _Bug(
        "marked",
        "            raise CredentialRejected(owner=self.owner",
        '            raise CredentialRejected(owner=value["key"]',
        _SHOWS,
        "the field key in its errors",
    ),
    "the-identity-is-the-password": _Bug(
        "setter",
        'identity="the password", owner=owner',
        'identity=value["password"], owner=owner',
        _SHOWS,
        "the field password in its owner, shape or identity.*must be public.*`public` of your test",
    ),
    "a-repr-has-the-password": _Bug(
        "setter",
        "        value = {",
        "        self.__class__.__repr__ = lambda self: str(value)\n        value = {",
        _SHOWS,
        "the field password in its repr.*repr=False",
    ),
    # Issuers.
    "the-mark-is-lost": _Bug(
        "marked", "(text, mark, self.slots)", '(text, "ours", self.slots)', _LISTS, "the whole mark"
    ),
    "the-mark-is-cut": _Bug(
        "marked",
        "(text, mark, self.slots)",
        "(text, mark[:32], self.slots)",
        _LISTS,
        "the whole mark",
    ),
    "the-mark-is-not-listed": _Bug(
        "marked", ", mark=key.mark)", ")", _LISTS, "must return it in Issued.mark"
    ),
    "a-mark-is-lost-with-its-orphan": _Bug(
        "marked",
        "(text, mark, self.slots)",
        '(text, "ours", self.slots)',
        _STOPS,
        "an orphan was left.*the mark that issue was given",
    ),
    "the-list-has-one-page": _Bug(
        "marked",
        "for name, key in keys.items()",
        "for name, key in [*keys.items()][:1]",
        _LISTS,
        "does not list identity-2.*several pages",
    ),
    "the-list-is-empty": _Bug(
        "marked", "for name, key in keys.items()", "for name, key in ()", _LISTS, "it returned none"
    ),
    "the-list-fails-if-it-is-empty": _Bug(
        "marked",
        "        return [\n",
        "        max(keys)\n        return [\n",
        _CLEAN,
        r"Rotation 1 .*ValueError at rotate.py:\d+, in inventory.*which is empty if",
    ),
    "the-list-has-other-identities": _Bug(
        "marked",
        "Issued(identity=name",
        "Issued(identity=name.upper()",
        _LISTS,
        "the identity that pa",
    ),
    "the-list-has-another-owner": _Bug(
        "marked",
        "Issued(identity=name, owner=self.owner",
        'Issued(identity=name, owner="another"',
        _LISTS,
        "only credentials of the owner of the strategy",
    ),
    "all-identities-are-equal": _Bug(
        "marked", 'identity=value["id"]', 'identity="the key"', _LISTS, "does not list the key"
    ),
    "a-time-without-a-zone": _Bug(
        "marked",
        "created=key.created",
        "created=key.created.replace(tzinfo=None)",
        _LISTS,
        "has no time zone",
    ),
    "a-local-time": _Bug(
        "few",
        "created=key.created",
        "created=key.created.astimezone(service.LOCAL).replace(tzinfo=service.UTC)",
        _LISTS,
        "the time of the test is.*in UTC.*account.time.now",
    ),
    "the-list-ends-a-credential": _Bug(
        "few",
        "        return [\n",
        "        for name, key in keys.items():\n            if key.mark is None:\n"
        "                service.delete_key(name)\n        return [\n",
        _OPERATORS,
        "before the first rotation.*credential of an operator.*no other method may end one",
    ),
    "the-list-leaves-out-what-others-made": _Bug(
        "few",
        "for name, key in keys.items()",
        "for name, key in keys.items() if key.mark",
        _OPERATORS,
        "does not list the operator's.*that others made, too",
    ),
    "slots-that-the-service-does-not-have": _Bug(
        "few", "slots = 2", "slots = 3", _MEMBERS, "slots is 3, and the service of your test has 2"
    ),
    "slots-that-no-test-declares": _Bug(
        "unsaid",
        "slots = 2",
        "slots = 3",
        _MEMBERS,
        "slots is 3, and add_foreign of your test found room for 2",
    ),
    "slots-in-a-text": _Bug(
        "few", "slots = 2", 'slots = "2"', _MEMBERS, "whole number of at least 2, or None"
    ),
    "a-time-before-the-start": _Bug(
        "few",
        "settling_seconds = 0",
        "settling_seconds = -1",
        _MEMBERS,
        "whole number of at least 0",
    ),
    "issue-asks-again": _Bug(
        "marked",
        "            name = service.create_key(text, mark, self.slots)",
        "            try:\n                name = service.create_key(text, mark, self.slots)\n"
        "            except (TimeoutError, service.UnreachableError):\n"
        "                name = service.create_key(text, mark, self.slots)",
        _LOST,
        "create_key, which line .*issue has made two credentials.*ask the service only once",
    ),
    "issue-asks-again-after-an-error-of-the-library": _Bug(
        "few",
        "            name = service.create_key(text, mark, self.slots)",
        "            try:\n                name = service.create_key(text, mark, self.slots)\n"
        "            except service.UnreachableError:\n"
        "                name = service.create_key(text, mark, self.slots)",
        _LOST,
        "create_key, which line .*ask the service only once",
    ),
    "issue-denies-that-the-answer-was-lost": _Bug(
        "few",
        "        except service.UnreachableError:\n"
        '            raise self.unreachable(action="create") from None',
        "        except (TimeoutError, service.UnreachableError):\n"
        "            raise ServiceUnavailable(\n"
        '                action="create", resource="keys", answer_lost=False\n'
        "            ) from None",
        _LOST,
        "create_key, which line .*answer_lost=True if the request may have taken effect",
    ),
    "issue-ignores-an-outage": _Bug(
        "marked",
        '            raise self.unreachable(action="create") from None',
        "            name = mark",
        _OUTAGE,
        "issue was called while .*it returned",
    ),
    "issue-gives-an-earlier-one": _Bug(
        "marked",
        "        text = secrets.token_hex(8)\n",
        "        text = secrets.token_hex(8)\n"
        "        for name, key in service.list_keys().items():\n"
        '            value = {"id": name, "key": key.text}\n'
        "            return Credential(identity=name, owner=self.owner, value=value)\n",
        _CLEAN,
        "existed before.*ask the service for a new credential",
    ),
    "verify-looks-at-the-identity-alone": _Bug(
        "marked",
        'service.accepts(value["id"], value["key"])',
        "credential.identity in service.list_keys()",
        _REJECTS,
        "another key.*must use the secret part",
    ),
    "retire-ends-all": _Bug(
        "marked",
        "            service.delete_key(issued.identity)",
        "            for name in service.list_keys():\n                service.delete_key(name)",
        _REJECTS,
        "AWSCURRENT.*retire must end only the credential",
    ),
    "retire-ends-a-credential-of-an-operator": _Bug(
        "few",
        "            service.delete_key(issued.identity)",
        "            for name, key in service.list_keys().items():\n"
        "                if key.mark is None:\n                    service.delete_key(name)\n"
        "            service.delete_key(issued.identity)",
        _REJECTS,
        "while an operator had another one.*credential of an operator.*retire must end only",
    ),
    "retire-ends-nothing": _Bug(
        "marked",
        "            service.delete_key(issued.identity)",
        "            service.list_keys()",
        _REJECTS,
        "the service still accepts it.*retire must end the credential",
    ),
    "retire-fails-on-what-is-gone": _Bug(
        "marked",
        "        except KeyError:\n            return\n",
        "",
        _REJECTS,
        r"previous credential, twice.*KeyError at rotate.py:\d+, in retire.*already gone",
    ),
    "retire-refuses-what-is-gone": _Bug(
        "marked",
        "        except KeyError:\n            return\n",
        '        except KeyError:\n            raise self.unreachable(action="delete") from None\n',
        _REJECTS,
        r"previous credential, twice.*ServiceUnavailable at rotate.py:\d+, in retire.*already gone",
    ),
    "retire-needs-the-value": _Bug(
        "marked",
        "delete_key(issued.identity)",
        "delete_key(credential.identity)",
        _LISTS,
        r"no version has.*AttributeError at rotate.py:\d+, in retire.*credential is None if",
    ),
    "retire-ignores-an-outage": _Bug(
        "marked",
        '            raise self.unreachable(action="delete") from None',
        "            return",
        _OUTAGE,
        "retire was called while .*it returned",
    ),
    "the-list-is-empty-in-an-outage": _Bug(
        "marked",
        '            raise self.unreachable(action="list") from None',
        "            return []",
        _OUTAGE,
        "inventory was called while .*it returned",
    ),
    "an-identity-that-the-test-does-not-declare-public": _Bug(
        "private",
        "",
        "",
        _SHOWS,
        "the field id in its owner, shape or identity.*add its name to `public` of your test",
    ),
}


@pytest.mark.parametrize("name", _BUGS)
def test_a_bug_is_found_and_explained(name: str, tmp_path: Path) -> None:
    bug = _BUGS[name]
    kind = _KINDS[bug.kind]
    assert bug.right == "" or kind.source.count(bug.right) == 1
    source = kind.source.replace(bug.right, bug.wrong)
    checks = _Checks(kind, source, tmp_path, bug.most).of(bug.check)
    with pytest.raises(BrokenPromiseError) as broken:
        _run(checks)
    told = " ".join(str(broken.value).splitlines())
    assert re.search(bug.words, told), told


_PRINTING: Final = {
    "print": "print(value)",
    "descriptor": "__import__('os').write(2, str(value).encode())",
    "unwritten-buffer": "__import__('sys').__stdout__.write(str(value))",
    "child": "__import__('subprocess').run(['echo', str(value)])",
    "warning": "__import__('warnings').warn(str(value))",
    "log": "__import__('logging').error(value)",
    "log-above-critical": "__import__('logging').log(60, value)",
    "thread": "__import__('threading').Thread(target=print, args=[value]).start()",
    "failing-thread": "__import__('threading').Thread(target={}.pop, args=[str(value)]).start()",
    "exit-hook": "__import__('atexit').register(print, value)",
    "failing-del": "type('', (), {'__del__': lambda self: {}[str(value)]})()",
    "traceback": "__import__('sys').excepthook(ValueError, ValueError(value), None)",
}


@pytest.mark.parametrize("way", _PRINTING)
@pytest.mark.parametrize("name", ["text", "field"])
def test_a_printed_secret_is_found(name: str, way: str, tmp_path: Path) -> None:
    kind = _KINDS[name]
    right = "    def generate(self, current: Credential | None) -> Credential:\n"
    source = kind.source.replace("def generate(", "def _generate(")
    source = source.replace(
        "\n\ndef build",
        f"""
{right}        credential = self._generate(current)
        value = credential.value
        {_PRINTING[way]}
        return credential


def build""",
    )
    (check,) = _Checks(kind, source, tmp_path).of(_SHOWS)
    with pytest.raises(BrokenPromiseError, match=r"in its output\n.*print and log nothing"):
        check()


def test_the_documentation_quotes_the_suite() -> None:
    done, found, cure = re.split(
        r"\.\nWhat happened: |\nWhat to do: ", block("run", "broken-promise").strip()
    )
    told = str(BrokenPromiseError(done=done, found=found, cure=cure))
    assert told == block("run", "broken-promise").strip()
    sources = (README.parent / "tools" / "conformance" / "rotation_conformance").glob("*.py")
    said = re.sub(r'"\s+"', "", "".join(path.read_text() for path in sources))
    for words in ("The function stopped ", "in a later rotation", "it is repeated", found, cure):
        assert words in said
