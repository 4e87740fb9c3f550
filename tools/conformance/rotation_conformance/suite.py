"""The checks that every rotation strategy must pass."""

from __future__ import annotations

import json
import random
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Final,
    NamedTuple,
    Protocol,
    TypeVar,
    runtime_checkable,
)

import pytest

from rotation.api import (
    Credential,
    CredentialRejected,
    Generator,
    Issued,
    Issuer,
    OptionReader,
    Replacer,
    Revoker,
    RotationError,
    ServiceUnavailable,
    Setter,
    Value,
)
from rotation.event import Step
from rotation.strategies import CUSTOM_MODULE
from rotation.strategies.custom import missing_members
from rotation_conformance.account import Account
from rotation_conformance.points import Process, Reached
from rotation_conformance.probes import (
    Learned,
    LostAnswer,
    altered,
    fields,
    naming_fields,
    output,
    secret_fields,
    with_field,
)
from rotation_conformance.rotator import (
    NeverConvergedError,
    Rotation,
    Service,
    assert_converged,
    assert_current_works,
    assert_foreign_untouched,
    assert_invariants,
    works,
)
from rotation_conformance.words import BrokenPromiseError, family_of, promised

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import CodeType

    from rotation.api import Clients

T = TypeVar("T")
Begin = Callable[[], Rotation]
Strategy = Generator | Issuer

# If a loop reaches a place many times, only the first times count.
_TIMES: Final = 2
_MOST_SLOTS: Final = 10
# A time of the service may be this far from that of the test.
_LONGEST_CALL: Final = timedelta(minutes=1)
# Of the length that rotation/strategy.py says.
_MARK: Final = "0123456789abcdef-01234567-89ab-cdef-0123-456789abcdef"


class ServiceUnderTest(Service, Protocol):
    """The service that accepts the credentials, with a way to reset it.

    Take its times from account.time.now: the time of the suite is virtual.
    """

    def reset(self, account: Account) -> Mapping[str, object]:
        """Reset the service to its state before the first rotation; return the strategy's options.

        Args:
            account: a new account. Put everything there that the strategy reads from AWS.
        """


@runtime_checkable
class Outages(Protocol):
    """A service that can be unreachable for a while."""

    def outage(self) -> AbstractContextManager[object]:
        """Make the service unreachable during the block."""


@runtime_checkable
class Shared(Protocol):
    """A service where operators make credentials too."""

    def add_foreign(self) -> str | None:
        """Make a credential as an operator does; return its identity. None: there is no room."""

    def remove_foreign(self, identity: str) -> None:
        """Delete it as the operator does."""


class _Loss(NamedTuple):
    """One answer that is lost."""

    state: str
    beginning: Begin
    error: Exception
    is_open: bool
    at: int


class Conformance:
    """Inherit from this class and add a fixture `service`; pytest then checks your strategy.

    If the service has the methods of `Outages` or `Shared`, there are more checks.
    """

    source_file: ClassVar[str | Path]
    """The strategy: the file that `rotation.custom.source_file` names."""
    most: ClassVar[int | None] = None
    """How many points are drawn at random for each check that stops at points; None: all."""
    public: ClassVar[AbstractSet[str]] = frozenset()
    """The fields of a value that are not secret, beside those that never change."""

    @pytest.fixture
    def service(self) -> ServiceUnderTest:
        """Return the service that accepts the credentials; override this."""
        raise NotImplementedError

    @pytest.fixture
    def begin(self, service: ServiceUnderTest) -> Begin:
        """Return a function that starts again: with an empty secret and a reset service."""
        return self._beginning(service)

    def _beginning(self, service: ServiceUnderTest) -> Begin:
        def begun() -> Rotation:
            account = Account()
            options = service.reset(account)
            return Rotation(
                cloud=account,
                secret=account.add_secret("conformance"),
                strategy=partial(self._build, options),
                service=service,
            )

        return begun

    def test_it_has_all_members_of_its_family(self, begin: Begin) -> None:
        rotation = begin()
        with promised("build was called", Generator, self._file()):
            strategy = _built(rotation)
        family, missing = missing_members(strategy)
        done = f"build returned a {type(strategy).__name__}"
        if missing:
            raise BrokenPromiseError(
                done=done,
                found=f"it has no {', '.join(missing)}, which each {family} must have",
                cure="see rotation/strategy.py for what each member does.",
            )
        _require(
            not rotation.cloud.fuse.calls,
            done=done,
            found=f"build made the call {', '.join(rotation.cloud.fuse.calls)}",
            cure="build must make no call: a method makes the call when it needs the answer.",
        )
        for name, allowed, is_right in _ATTRIBUTES:
            value = getattr(strategy, name, None)
            _require(
                not hasattr(strategy, name) or is_right(value),
                done=done,
                found=f"its {name} is {value!r}",
                cure=f"{name} must be {allowed}.",
            )
        _require(
            strategy.owner == _built(rotation).owner,
            done="build was called twice with the same options",
            found="the owners differ",
            cure="owner must always be the same for the same options.",
        )
        if isinstance(strategy, Issuer) and strategy.slots is not None:
            self._require_slots(strategy.slots, rotation.service, done)

    def test_its_rotations_are_clean(self, begin: Begin) -> None:
        rotation, seen = begin(), set[str]()
        for number in range(1, 4):
            with self._promised(f"Rotation {number} of an empty secret, without trouble", rotation):
                rotation.wait_out_the_overlap()
                self._watch(rotation, partial(rotation.steps, rotation.stage()), thorough=True)
                assert_converged(rotation)
                text = rotation.secret.current_text() or ""
                assert text not in seen, "the rotation made a value that existed before"
                seen.add(text)

    def test_it_recognises_its_own_values_and_no_others(self, begin: Begin) -> None:
        rotation = self._steady(begin)
        strategy, value = _built(rotation), rotation.secret.value()
        for form in _STRANGE:
            parsed = self._parsed(rotation, form)
            _require(
                parsed is None or (isinstance(form, str) and isinstance(value, str)),
                done=f"parse was given {form!r}",
                found="parse returned a credential",
                cure="parse must return None for a value of another form.",
            )
        for name in fields(value):
            # Anyone who may write the secret can write any JSON.
            anything: Sequence[object] = (None, 1, "", [], {}) if isinstance(value, dict) else ()
            for other in anything:
                self._parsed(rotation, with_field(value, name, other))
        self._require_own(rotation, value, "the current value")
        if isinstance(value, dict):
            # constants adds fields, and so may an operator.
            self._require_own(rotation, {**value, "further": "x"}, "a value with a further field")
        if isinstance(strategy, Generator):
            with self._promised("generate was called without a current credential", rotation):
                made = strategy.generate(None)
            self._require_own(rotation, made.value, "a value that generate has made")
        for names in naming_fields(value, strategy.owner, rotation.constants):
            others = [
                self._parsed(rotation, with_field(value, name, altered(value[name])))
                for name in names
            ]
            _require(
                any(one is None or one.owner != strategy.owner for one in others),
                done=f"parse was given a value with another {' or '.join(names)}, which is a part "
                "of the owner",
                found="parse returned the owner of the strategy",
                cure="parse must read the owner from the value: the engine refuses the value of "
                "another owner before it makes a call.",
            )

    def test_it_makes_each_value_without_a_call(self, begin: Begin) -> None:
        rotation = self._steady(begin)
        strategy = _built(rotation)
        if not isinstance(strategy, Generator):
            return
        before, calls = rotation.service.ours(), list(rotation.cloud.fuse.calls)
        with self._promised("generate was called twice", rotation):
            current = strategy.parse(rotation.secret.value())
            state = random.getstate()
            made = [self._seeded(strategy, current) for _ in range(2)]
            random.setstate(state)
            assert rotation.service.ours() == before, "the service has other credentials"
            assert rotation.cloud.fuse.calls == calls, "generate made a call"
            assert_invariants(rotation)
        _require(
            made[0].value != made[1].value,
            done="generate was called twice, each time with the same state of random",
            found="the values are equal",
            cure="generate must use Python's secrets: the results of random can be predicted.",
        )

    def test_it_rejects_what_the_service_does_not_accept(self, begin: Begin) -> None:
        rotation = self._steady(begin)
        strategy = _built(rotation)
        if not isinstance(strategy, Setter | Replacer | Issuer):
            return
        if isinstance(strategy, Issuer):
            refused = self._retired(strategy, rotation)
            self._require_harmless(strategy, rotation)
        else:
            refused = strategy.generate(strategy.parse(rotation.secret.value()))
        cure = (
            "use the credential as an application does, and raise CredentialRejected if the "
            "service rejects it. A returned bool is ignored."
        )
        _require_error(
            CredentialRejected,
            partial(strategy.verify, refused),
            done="verify was given a credential that the service does not accept",
            cure=cure,
        )
        value = rotation.secret.value()
        earlier = rotation.secret.value("AWSPREVIOUS")
        current = strategy.parse(value)
        assert current is not None
        names = set(secret_fields([value, earlier], self.public).values())
        changed = {
            name: strategy.parse(with_field(value, name, altered(fields(value)[name])))
            for name in sorted(names)
            if fields(value)[name] != current.identity
        }
        tried = {name: one for name, one in changed.items() if one and one.owner == strategy.owner}
        found = [_error_of(partial(strategy.verify, one)) for one in tried.values()]
        _require(
            not found or any(found),
            done=f"verify was given the current value with another {' or '.join(tried)}",
            found="it returned, as if the service had accepted the credential",
            cure=f"{cure} verify must use the secret part of the value.",
        )

    def test_it_sets_no_value_of_another_writer(self, begin: Begin) -> None:
        rotation = self._steady(begin)
        strategy = _built(rotation)
        if not isinstance(strategy, Setter | Replacer):
            return
        value, chosen = rotation.secret.value(), strategy.generate(None).value
        written = chosen if isinstance(chosen, str) else {**value, **chosen}
        rotation.put_by_hand(written if isinstance(written, str) else json.dumps(written))
        done = "Someone stored a value as AWSCURRENT that the service rejects; the secret rotated"
        with self._promised(done, rotation):
            rotation.rotate()
            assert not rotation.service.works(written), "the service accepts the stored value"
            assert_converged(rotation)

    def test_its_check_changes_nothing(self, begin: Begin) -> None:
        rotation = self._steady(begin)
        strategy = _built(rotation)
        if not isinstance(strategy, Replacer):
            return
        current = strategy.parse(rotation.secret.value())
        assert current is not None
        pending = strategy.generate(current)
        done = "check was called with a new value"
        with self._promised(done, rotation):
            for _ in range(2):
                strategy.check(pending, [current])
                assert_current_works(rotation)
        _require(
            not rotation.service.works(pending.value),
            done=done,
            found="the service accepts the new value",
            cure="check must change nothing. replace must set the new value.",
        )

    def test_it_ends_what_may_have_leaked(self, begin: Begin) -> None:
        rotation = self._steady(begin)
        strategy = _built(rotation)
        if not isinstance(strategy, Revoker):
            return
        current = strategy.parse(rotation.secret.value())
        assert current is not None
        done = "end_others was called with the current credential, twice"
        cure = (
            "end_others must end each credential of the owner but the current one, which the "
            "service must accept at any line. The next rotation must work."
        )
        with promised(done, family_of(strategy), self._file(), cure=cure):
            self._watch(rotation, partial(strategy.end_others, current))
            strategy.end_others(current)
            assert_converged(rotation)
            assert not works(rotation, "AWSPREVIOUS"), "the service accepts the previous credential"
            rotation.rotate()
            assert_converged(rotation)

    def test_its_list_shows_what_it_issues(self, begin: Begin) -> None:
        rotation = self._steady(begin)
        issuer = _built(rotation)
        if not isinstance(issuer, Issuer):
            return
        current = issuer.parse(rotation.secret.value())
        assert current is not None
        before = rotation.service.ours()
        with self._promised("inventory was called", rotation):
            held = issuer.inventory()
            assert rotation.service.ours() == before, "the service has other credentials"
            assert_invariants(rotation)
        if not held:
            _require(
                issuer.slots is None and not before,
                done="inventory was called while the owner had two credentials",
                found="it returned none",
                cure="inventory must list each credential of the owner. It may return an empty "
                "list only if slots is None, and the service ends each credential after a time.",
            )
            return
        self._require_listed(issuer, current, held, "inventory was called")
        self._retired(issuer, rotation)
        others = {one.identity for one in issuer.inventory()}
        now = rotation.cloud.time.now
        with self._promised("issue was called", rotation):
            made = issuer.issue(_MARK)
        self._require_own(rotation, made.value, "a value that issue has returned")
        listed = self._require_listed(
            issuer, made, issuer.inventory(), "inventory was called after issue"
        )
        if issuer.slots is None:
            _require(
                listed.mark == _MARK,
                done="inventory was called after issue",
                found="the mark of the new credential is not the one that issue was given",
                cure="issue must store the whole mark with the credential, and inventory must "
                "return it in Issued.mark. A service that keeps no mark needs slots, or inventory "
                "must return an empty list.",
            )
        else:
            _require(
                abs(listed.created - now) <= _LONGEST_CALL,
                done="inventory was called after issue",
                found=f"the new credential was created at {listed.created.isoformat()}, and the "
                f"time of the test is {now.isoformat()}",
                cure="Issued.created must be the time at which the service made the credential, "
                "in UTC. In your test, take the times of the service from account.time.now.",
            )
        with self._promised("retire was given a credential that no version has", rotation):
            issuer.retire(listed, None)
            left = {one.identity for one in issuer.inventory()}
            assert made.identity not in left, "inventory still lists it"
            assert others <= left, "retire has ended another credential"
            assert_invariants(rotation)

    def test_each_step_may_be_delivered_twice(self, begin: Begin) -> None:
        for state, beginning in self._states(begin).items():
            rotation = beginning()
            token = rotation.stage()
            with self._promised(f"Each step was delivered twice, {state}", rotation):
                for step in Step:
                    rotation.step(step, token)
                    self._watch(rotation, partial(rotation.step, step, token))
                self._finish(rotation, token)

    def test_a_second_delivery_may_run_at_any_point(self, begin: Begin) -> None:
        for state, reached, rotation in self._each_point(begin, "second"):
            token = rotation.stage()

            steps = partial(rotation.steps, token)

            def second(rotation: Rotation = rotation, steps: Callable[[], object] = steps) -> None:
                # Its error is its own: the first delivery must not see it.
                with suppress(RotationError):
                    self._watch(rotation, steps)

            with self._promised(f"A second delivery ran {reached[0]}, {state}", rotation):
                with suppress(RotationError):
                    self._watch(rotation, steps, at=reached, then=second)
                self._finish(rotation, token)

    @pytest.mark.parametrize("then", ["it is repeated", "it is cancelled"])
    def test_a_rotation_may_stop_at_any_point(self, begin: Begin, then: str) -> None:
        for state, reached, rotation in self._each_point(begin, then):
            token = rotation.stage()
            process = self._process(rotation, partial(rotation.steps, token), lambda _: None)
            done = f"The function stopped {reached[0]}, {state}; then {then}"
            with self._promised(done, rotation):
                try:
                    process.run_until(reached)
                    assert_invariants(rotation)
                    if then == "it is cancelled":
                        rotation.give_up()
                        rotation.wait_out_the_overlap()
                        token = rotation.stage()
                    self._finish(rotation, token)
                finally:
                    process.bury()

    def test_an_answer_may_be_lost(self, begin: Begin) -> None:
        cases: list[_Loss] = []
        for state, beginning in self._states(begin).items():
            rehearsal = beginning()
            answer = LostAnswer(self._file(), _built(rehearsal), 0, None)
            with answer.lost():
                rehearsal.steps(rehearsal.stage())
            numbers = range(1, len(answer.calls) + 1)
            errors = self._losses(beginning)
            cases += [_Loss(state, beginning, *error, at) for error in errors for at in numbers]
        for case in self._some(cases, "lost"):
            rotation = case.beginning()
            answer = LostAnswer(self._file(), _built(rotation), case.at, case.error)
            before, token = rotation.service.ours(), rotation.stage()
            with answer.lost(), suppress(Exception):
                rotation.steps(token)
            done = f"A call took effect, but its answer was lost, {case.state}: {answer.calls[-1]}"
            with self._promised(done, rotation):
                assert_invariants(rotation)
                if isinstance(_built(rotation), Issuer):
                    made = rotation.service.ours() - before
                    assert len(made) <= 1, "an orphan was left: issue has made two credentials"
                if case.is_open:
                    self._finish(rotation, token)

    def _losses(self, beginning: Begin) -> list[tuple[Exception, bool]]:
        """Return the errors of a lost answer, and whether each leaves open what the call did.

        An error of an outage may mean that the service never got the request.
        """
        unavailable = ServiceUnavailable(action="call", resource="service", answer_lost=True)
        errors: list[tuple[Exception, bool]] = [(TimeoutError(), True), (unavailable, True)]
        rotation = beginning()
        if isinstance(rotation.service, Outages):
            learned = Learned(self._file())
            with rotation.service.outage(), suppress(Exception), learned.watching():
                rotation.steps(rotation.stage())
            errors += [(error, False) for error in learned.errors]
        return errors

    def test_an_outage_is_not_a_rejection(self, begin: Begin) -> None:
        rotation = self._steady(begin)
        strategy, service = _built(rotation), rotation.service
        if not isinstance(service, Outages) or not isinstance(strategy, Setter | Replacer | Issuer):
            return
        for name, method in self._calls(rotation).items():
            with service.outage():
                _require_error(
                    ServiceUnavailable,
                    method,
                    done=f"{name} was called while the service was unreachable",
                    cure=f"{name} must raise ServiceUnavailable if no response arrives: the retry "
                    "may succeed, and the credential may be valid.",
                )
        text, token = rotation.secret.current_text(), rotation.stage()
        with self._promised("A rotation ran during an outage, and was repeated after it", rotation):
            with service.outage(), suppress(RotationError):
                rotation.steps(token)
            assert rotation.secret.current_text() == text, "another value became current"
            self._finish(rotation, token)

    def _calls(
        self, rotation: Rotation, pending: Credential | None = None
    ) -> Mapping[str, Callable[[], object]]:
        """Return the methods that need an answer of the service, with their arguments."""
        strategy = _built(rotation)
        current = strategy.parse(rotation.secret.value())
        if not isinstance(strategy, Setter | Replacer | Issuer) or current is None:
            return {}
        calls: dict[str, Callable[[], object]] = {"verify": partial(strategy.verify, current)}
        if isinstance(strategy, Setter):
            calls["apply"] = partial(strategy.apply, pending or strategy.generate(current), current)
        elif isinstance(strategy, Replacer):
            arguments = (pending or strategy.generate(current), [current])
            calls["check"] = partial(strategy.check, *arguments)
            calls["replace"] = partial(strategy.replace, *arguments)
        elif strategy.inventory():
            calls["inventory"] = strategy.inventory
            calls["issue"] = partial(strategy.issue, _MARK)
            calls["retire"] = partial(strategy.retire, *self._previous(strategy, rotation))
        if isinstance(strategy, Revoker):
            calls["end_others"] = partial(strategy.end_others, current)
        return calls

    def test_nothing_that_it_shows_has_a_secret(self, begin: Begin) -> None:
        # Exit hooks of the libraries that it imports are not its own.
        with output(exit_hooks=False) as written:
            rotation = self._steady(begin)
            written()
        with output() as written:
            shown, values = self._shown(begin)
            shown["its output"] = [written()]
        values += [rotation.secret.value(label) for label in rotation.secret.labels]
        secret = secret_fields(values, self.public)
        for place, texts in shown.items():
            for text in texts:
                names = {name for credential, name in secret.items() if credential in text}
                if names:
                    raise BrokenPromiseError(
                        done="Its reprs, names, errors and output were searched for the secret",
                        found=f"{_named(names)} in {place}",
                        cure=_SHOWN.get(place, _SHOWN[""])
                        + " If everyone may see a field, add its name to `public` of your test.",
                    )

    def _shown(self, begin: Begin) -> tuple[dict[str, list[str]], list[Value]]:
        """Return all that a log may show of a rotation and its errors, and all values."""
        rotation = self._steady(begin)
        strategy, service = _built(rotation), rotation.service
        names, errors, reprs = [strategy.owner, strategy.shape], list[str](), list[str]()
        for label in ("AWSCURRENT", "AWSPREVIOUS"):
            credential = strategy.parse(rotation.secret.value(label))
            if credential is not None:
                names += [credential.identity, credential.owner]
                reprs.append(repr(credential))
        values = rotation.secret.values()
        pending = strategy.generate(None) if isinstance(strategy, Generator) else None
        if pending is not None:
            values.append(pending.value)
        if isinstance(strategy, Setter | Replacer) and pending is not None:
            errors += _texts_of_error(partial(strategy.verify, pending))
        elif isinstance(strategy, Issuer):
            errors += _texts_of_error(partial(strategy.verify, self._retired(strategy, rotation)))
            rotation = self._steady(begin)
            values += rotation.secret.values()
        if isinstance(service, Outages):
            calls = self._calls(rotation, pending)
            with service.outage():
                for method in calls.values():
                    errors += _texts_of_error(method)
        reprs.append(repr(strategy))
        shown = {"its owner, shape or identity": names, "its repr": reprs, "its errors": errors}
        return shown, values

    def test_credentials_of_operators_stay(self, begin: Begin) -> None:
        if not isinstance(begin().service, Shared):
            return
        states: dict[str, Begin] = {
            "before the first rotation": begin,
            "after one rotation": partial(self._rotated, begin, 1),
            "after two rotations": partial(self._rotated, begin, 2),
        }
        any_made = False
        for state, beginning in states.items():
            rotation = beginning()
            service, strategy = rotation.service, _built(rotation)
            assert isinstance(service, Shared)
            made = service.add_foreign()
            any_made |= made is not None
            done = f"An operator made a credential {state}, and the secret rotated twice"
            with self._promised(done, rotation):
                if made is not None and isinstance(strategy, Issuer) and strategy.slots is not None:
                    listed = {one.identity for one in strategy.inventory()}
                    assert made in listed, "inventory does not list the operator's credential"
                for _ in range(2):
                    with suppress(NeverConvergedError):
                        rotation.rotate()
                    assert_foreign_untouched(rotation)
                if made is not None:
                    service.remove_foreign(made)
                rotation.rotate()
                assert_converged(rotation)
        _require(
            any_made,
            done="add_foreign of your test was called before any rotation",
            found="it returned None",
            cure="make a credential as an operator does, and return its identity. Return None only "
            "if the service has no room.",
        )

    def _build(self, options: Mapping[str, object], clients: Clients) -> Generator | Issuer:
        """Load the file again, as a new process does."""
        module = ModuleType(CUSTOM_MODULE)
        file = self._file()
        # dataclasses and typing look up the module of a class.
        with _imported(module):
            exec(_compiled(file, file.read_text(encoding="utf-8")), vars(module))  # noqa: S102 -- the strategy under test
        fields = OptionReader(options, path="options")
        strategy: Generator | Issuer = module.build(fields, clients)
        fields.end()
        return strategy

    def _file(self) -> Path:
        return Path(self.source_file).resolve()

    def _promised(self, done: str, rotation: Rotation) -> AbstractContextManager[None]:
        return promised(done, family_of(_built(rotation)), self._file())

    def _process(
        self, rotation: Rotation, work: Callable[[], object], reach: Callable[[Reached], None]
    ) -> Process:
        return Process(rotation, self._file(), work, reach)

    def _watch(
        self,
        rotation: Rotation,
        work: Callable[[], object],
        *,
        at: Reached | None = None,
        then: Callable[[], object] | None = None,
        thorough: bool = False,
    ) -> None:
        """Do some work, and check the invariants while it runs.

        Args:
            rotation: what is watched.
            work: a part of the rotation.
            at: a point of the work.
            then: happens at that point; the invariants are checked from then on.
            thorough: check at each point, not only where something may have changed: a check asks
                the service.
        """
        found: list[str] = []
        waiting = [then] if then else []

        def reach(reached: Reached) -> None:
            # No handler of the strategy may swallow a failure.
            try:
                if waiting and reached == at:
                    waiting.pop()()
                if not waiting and not found and (thorough or _may_change(reached[0])):
                    assert_invariants(rotation)
            except AssertionError as error:
                found.append(f"{error} ({reached[0]})")

        try:
            self._process(rotation, work, reach).run()
        finally:  # A later error is only its consequence.
            assert not found, found[0]

    def _rotated(self, begin: Begin, times: int) -> Rotation:
        rotation = begin()
        with self._promised("An empty secret rotated, without trouble", rotation):
            for _ in range(times):
                rotation.rotate()
        rotation.wait_out_the_overlap()
        return rotation

    def _steady(self, begin: Begin) -> Rotation:
        """Rotate twice, so that there is a current value and a previous one."""
        return self._rotated(begin, 2)

    def _states(self, begin: Begin) -> Mapping[str, Begin]:
        return {"in the first rotation": begin, "in a later rotation": partial(self._steady, begin)}

    def _each_point(self, begin: Begin, what: str) -> Iterator[tuple[str, Reached, Rotation]]:
        """Return each point of a clean rotation, with a rotation that is about to start."""
        for state, beginning in self._states(begin).items():
            rehearsal = beginning()
            passed: list[Reached] = []
            with self._promised(f"A rotation, {state}, without trouble", rehearsal):
                self._process(
                    rehearsal, partial(rehearsal.steps, rehearsal.stage()), passed.append
                ).run()
            points = [(place, times) for place, times in passed if times <= _TIMES]
            for reached in self._some(points, f"{what} {state}"):
                yield state, reached, beginning()

    def _some(self, cases: Sequence[T], name: str) -> Sequence[T]:
        if self.most is None or self.most >= len(cases):
            return cases
        return random.Random(name).sample(cases, self.most)  # noqa: S311 -- no secret is made

    def _finish(self, rotation: Rotation, token: str) -> None:
        """Retry the rotation until it is done, and rotate again, which an orphan would prevent."""
        self._watch(rotation, partial(rotation.retry, token))
        assert_converged(rotation)
        assert rotation.secret.labels["AWSCURRENT"] == token, "another version is current"
        rotation.rotate()
        assert_converged(rotation)

    def _parsed(self, rotation: Rotation, value: Value) -> Credential | None:
        with self._promised(f"parse was given {_shortened(value)}", rotation):
            parsed: Credential | None = _built(rotation).parse(value)
        return parsed

    def _require_own(self, rotation: Rotation, value: Value, what: str) -> None:
        """Require that parse recognises a value of the strategy."""
        strategy, parsed = _built(rotation), self._parsed(rotation, value)
        found = "parse returned None"
        if parsed is not None:
            found = f"the owner of the credential is {parsed.owner!r}, not {strategy.owner!r}"
            if parsed.owner == strategy.owner:
                found = "the credential has another value"
            _require(
                parsed.expires is None or parsed.expires.tzinfo is not None,
                done=f"parse was given {what}",
                found="the time in expires has no time zone",
                cure="Credential.expires must have a time zone, such as UTC.",
            )
        _require(
            parsed is not None and parsed.owner == strategy.owner and parsed.value == value,
            done=f"parse was given {what}",
            found=found,
            cure="parse must return a Credential with the whole value, unchanged. Its owner must "
            "be the one that the value names, and equal to the owner of the strategy.",
        )

    def _require_listed(
        self, issuer: Issuer, credential: Credential, held: Sequence[Issued], done: str
    ) -> Issued:
        """Require that a list is right, and has a credential."""
        found = next((one for one in held if one.identity == credential.identity), None)
        _require(
            found is not None,
            done=done,
            found=f"it does not list {credential.identity}, which the owner has",
            cure="inventory must list each credential of the owner, with the identity that parse "
            "returns for its value, also if there are several pages.",
        )
        for one in held:
            _require(
                one.owner == issuer.owner,
                done=done,
                found=f"the owner of {one.identity} is {one.owner!r}",
                cure="inventory must list only credentials of the owner of the strategy.",
            )
            _require(
                one.created.tzinfo is not None,
                done=done,
                found=f"the time of {one.identity} has no time zone",
                cure="Issued.created must have a time zone: use datetime.now(UTC) and the like.",
            )
        _require(
            len({one.identity for one in held}) == len(held),
            done=done,
            found="two credentials have the same identity",
            cure="each credential that exists at the same time must have another identity.",
        )
        assert found is not None
        return found

    def _previous(self, issuer: Issuer, rotation: Rotation) -> tuple[Issued, Credential]:
        credential = issuer.parse(rotation.secret.value("AWSPREVIOUS"))
        assert credential is not None
        made = rotation.secret.versions[rotation.secret.labels["AWSPREVIOUS"]].created
        issued = Issued(identity=credential.identity, owner=credential.owner, created=made)
        return issued, credential

    def _retired(self, issuer: Issuer, rotation: Rotation) -> Credential:
        """Retire the previous credential, twice."""
        issued, credential = self._previous(issuer, rotation)
        with self._promised("retire was given the previous credential", rotation):
            issuer.retire(issued, credential)
            assert_invariants(rotation)
        _require(
            not rotation.service.works(rotation.secret.value("AWSPREVIOUS")),
            done="retire was given the previous credential",
            found="the service still accepts it",
            cure="retire must end the credential that it gets: the service must reject it.",
        )
        with self._promised("retire was given the previous credential, twice", rotation):
            issuer.retire(issued, credential)
        return credential

    def _require_slots(self, slots: int, service: Service, done: str) -> None:
        """Require that the service has as many slots as the strategy says."""
        room, place = service.slots, "the service of your test has"
        if room is None and isinstance(service, Shared):
            tries = min(slots, _MOST_SLOTS)
            fitting = sum(service.add_foreign() is not None for _ in range(tries))
            room, place = (fitting or None), "add_foreign of your test found room for"
            if fitting == tries:
                return
        _require(
            room in {None, slots},
            done=done,
            found=f"its slots is {slots}, and {place} {room}",
            cure="slots must be the number of credentials that the service allows at a time.",
        )

    def _require_harmless(self, issuer: Issuer, rotation: Rotation) -> None:
        """Require that retire ends nothing of an operator."""
        service = rotation.service
        made = service.add_foreign() if isinstance(service, Shared) else None
        if made is None or not isinstance(service, Shared):
            return
        done = "retire was given a credential that is gone, while an operator had another one"
        with self._promised(done, rotation):
            issuer.retire(*self._previous(issuer, rotation))
            assert_invariants(rotation)
        service.remove_foreign(made)

    def _seeded(self, strategy: Generator, current: Credential | None) -> Credential:
        random.seed(1)
        return strategy.generate(current)


_STRANGE: Final[Sequence[Value]] = ("", "a text", "[]", {}, {"unknown": "field"})
# The attributes of a strategy, the allowed values, and their test.
_ATTRIBUTES: Final[Sequence[tuple[str, str, Callable[[Any], bool]]]] = (
    ("owner", "a text that is not empty", lambda one: isinstance(one, str) and one != ""),
    ("shape", "a text that is not empty", lambda one: isinstance(one, str) and one != ""),
    (
        "slots",
        "a whole number of at least 2, or None",
        lambda one: one is None or (type(one) is int and one >= 2),
    ),
    ("adopted", "a text, or None", lambda one: one is None or isinstance(one, str)),
    ("adopt_with", "a text, or None", lambda one: one is None or isinstance(one, str)),
    ("settling_seconds", "a whole number of at least 0", lambda one: type(one) is int and one >= 0),
    ("retires_demoted", "True or False", lambda one: isinstance(one, bool)),
)
# The cure for a secret in each place.
_SHOWN: Final[Mapping[str, str]] = {
    "its owner, shape or identity": "owner, shape and the identity of a credential are in the log: "
    "they must be public.",
    "its repr": "set repr=False for secret fields.",
    "its output": "print and log nothing: no output of the file reaches the log of the function.",
    "": "build no message from a response, a request, a value or a cause.",
}


# They must change nothing, and the thorough check finds one that does.
_HARMLESS: Final = re.compile(
    "before the call |(before|after) the call (describe|get|list)_"
    "|before line [0-9]+, in (build|__init__|parse|generate|inventory|verify):"
)


def _may_change(place: str) -> bool:
    return not _HARMLESS.match(place)


def _built(rotation: Rotation) -> Any:  # noqa: ANN401 -- a Generator or an Issuer, maybe incomplete
    return rotation.strategy(rotation.cloud.clients())


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


def _named(names: AbstractSet[str]) -> str:
    return " and ".join(f"the field {name}" if name else "the value" for name in sorted(names))


def _require(holds: bool, *, done: str, found: str, cure: str) -> None:  # noqa: FBT001 -- what must hold
    if not holds:
        raise BrokenPromiseError(done=done, found=found, cure=cure)


def _error_of(work: Callable[[], object]) -> type[BaseException] | None:
    """Return the class alone: the error itself would keep open what its frames have opened."""
    try:
        work()
    except (Exception, SystemExit) as error:  # noqa: BLE001 -- the caller decides
        return type(error)
    return None


def _require_error(
    expected: type[RotationError], work: Callable[[], object], *, done: str, cure: str
) -> None:
    kind = _error_of(work)
    found = "it returned, as if the service had accepted the call"
    if kind is not None:
        found = f"it raised {kind.__name__}"
    _require(kind is not None and issubclass(kind, expected), done=done, found=found, cure=cure)


@contextmanager
def _imported(module: ModuleType) -> Iterator[None]:
    before = sys.modules.get(module.__name__)
    sys.modules[module.__name__] = module
    try:
        yield
    finally:
        del sys.modules[module.__name__]
        if before is not None:
            sys.modules[module.__name__] = before


@cache
def _compiled(file: Path, source: str) -> CodeType:
    return compile(source, file, "exec")


def _texts_of_error(work: Callable[[], object]) -> list[str]:
    """Return all texts that a log may show of the error that some work raises."""
    try:
        work()
    except (Exception, SystemExit) as error:  # noqa: BLE001 -- all of them are searched
        return ["".join(traceback.format_exception(error)), repr(error), repr(vars(error))]
    return []
