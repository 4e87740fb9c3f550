"""The checks that every rotation strategy must pass, and their messages."""

from __future__ import annotations

import json
import random
import traceback
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar, runtime_checkable

import pytest

from rotation.api import (
    Credential,
    CredentialRejected,
    Generator,
    Issued,
    Issuer,
    OptionReader,
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
from rotation_conformance.rotator import (
    NeverConvergedError,
    Rotation,
    Service,
    assert_converged,
    assert_foreign_untouched,
    assert_invariants,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import CodeType

    from rotation.api import Clients

T = TypeVar("T")
Begin = Callable[[], Rotation]

# If a loop reaches a place many times, only the first times count.
_TIMES = 2
# A shorter text may be found by chance.
_SHORTEST = 8


class ServiceUnderTest(Service, Protocol):
    """The service that accepts the credentials, with a way to reset it."""

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


class BrokenPromiseError(AssertionError):
    """A strategy did something that no strategy may do."""

    def __init__(self, *, done: str, found: object, cure: str) -> None:
        """Explain the failure.

        Args:
            done: what the suite did with the strategy.
            found: what happened.
            cure: what the strategy must do instead.
        """
        super().__init__(f"{done}.\nWhat happened: {found}\nWhat to do: {cure}")


_CONVERGE = (
    "start each method by finding out what is already done, so that it can run again after it "
    "stopped at any line. apply must set the accepted credentials and add none. retire must "
    "succeed if the credential is gone. issue must ask the service only once."
)
_KEEP = (
    "the service must accept the current value until its successor is promoted. apply gets both "
    "credentials, and retire must end only the one that it gets."
)


@contextmanager
def _promised(done: str, cure: str) -> Iterator[None]:
    """Explain what the suite did if a check in the block fails."""
    try:
        yield
    except NeverConvergedError as error:
        found = f"{error}. Its message: {error.last}"
        raise BrokenPromiseError(done=done, found=found, cure=cure) from None
    except AssertionError as error:
        raise BrokenPromiseError(done=done, found=error, cure=cure) from None
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        found = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
        cure = "raise an error class of rotation.api instead, so that the engine can react to it."
        raise BrokenPromiseError(done=done, found=found, cure=cure) from error


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
        strategy = rotation.strategy(rotation.cloud.clients())
        family, missing = missing_members(strategy)
        if missing:
            raise BrokenPromiseError(
                done=f"build returned a {type(strategy).__name__}",
                found=f"it has no {', '.join(missing)}, which each {family} must have",
                cure="see rotation/strategy.py for what each member does.",
            )

    def test_its_rotations_are_clean(self, begin: Begin) -> None:
        rotation, seen = begin(), set[str]()
        for which in ("first", "second", "third"):
            where = ["before it began"]

            def reach(reached: Reached, where: list[str] = where) -> None:
                where[0] = reached[0]
                assert_invariants(rotation)

            with _promised(f"The {which} rotation, without any trouble", _KEEP):
                rotation.wait_out_the_overlap()
                work = partial(rotation.steps, rotation.stage())
                try:
                    self._process(rotation, work, reach).run()
                except AssertionError as error:
                    message = f"{error} ({where[0]})"
                    raise AssertionError(message) from None
                assert_converged(rotation)
                text = rotation.secret.current_text() or ""
                assert text not in seen, "the rotation made a value that existed before"
                seen.add(text)

    def test_it_recognises_its_own_values_and_no_others(self, begin: Begin) -> None:
        rotation = self._steady(begin)
        strategy = rotation.strategy(rotation.cloud.clients())
        strange: list[Value] = ["", "a text", {}, {"unknown": "field"}]
        for value in strange:
            with _promised(
                f"parse was given {value!r}", "return None for a value of another form."
            ):
                parsed = strategy.parse(value)
                assert parsed is None or isinstance(value, str), "parse returned a credential"
        with _promised(
            "parse was given the current value",
            "return a Credential with the owner of the strategy.",
        ):
            parsed = strategy.parse(rotation.secret.value())
            assert parsed is not None, "parse returned None"
            assert parsed.owner == strategy.owner, f"its owner is {parsed.owner}"

    def test_it_rejects_what_the_service_does_not_accept(self, begin: Begin) -> None:
        rotation = self._steady(begin)
        strategy = rotation.strategy(rotation.cloud.clients())
        refused = None
        if isinstance(strategy, Issuer):
            refused = self._retired(strategy, rotation)
        elif isinstance(strategy, Setter):
            refused = strategy.generate(strategy.parse(rotation.secret.value()))
        if refused is None or not isinstance(strategy, Setter | Issuer):
            return
        _require_error(
            CredentialRejected,
            partial(strategy.verify, refused),
            done="verify was given a credential that the service does not accept",
            cure="use the credential as an application does, and raise CredentialRejected if the "
            "service rejects it. A returned bool is ignored.",
        )

    def test_each_step_may_be_delivered_twice(self, begin: Begin) -> None:
        for state, beginning in self._states(begin).items():
            rotation = beginning()
            token = rotation.stage()
            with _promised(f"Each step was delivered twice, {state}", _CONVERGE):
                for step in Step:
                    rotation.step(step, token)
                    rotation.step(step, token)
                self._finish(rotation, token)

    def test_a_second_delivery_may_run_at_any_point(self, begin: Begin) -> None:
        for state, reached, rotation in self._each_point(begin, "second"):
            token = rotation.stage()

            def reach(
                now: Reached, at: Reached = reached, on: Rotation = rotation, token: str = token
            ) -> None:
                if now == at:
                    on.steps(token)

            with _promised(f"A second delivery ran {reached[0]}, {state}", _CONVERGE):
                with suppress(RotationError):
                    self._process(rotation, partial(rotation.steps, token), reach).run()
                self._finish(rotation, token)

    @pytest.mark.parametrize("then", ["it is repeated", "it is cancelled"])
    def test_a_rotation_may_stop_at_any_point(self, begin: Begin, then: str) -> None:
        for state, reached, rotation in self._each_point(begin, then):
            token = rotation.stage()
            process = self._process(rotation, partial(rotation.steps, token), lambda _: None)
            done = f"The function stopped {reached[0]}, {state}; then {then}"
            with _promised(done, _CONVERGE):
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

    def test_an_outage_is_no_rejection(self, begin: Begin) -> None:
        rotation = self._steady(begin)
        strategy, service = rotation.strategy(rotation.cloud.clients()), rotation.service
        if not isinstance(service, Outages) or not isinstance(strategy, Setter | Issuer):
            return
        current = strategy.parse(rotation.secret.value())
        assert current is not None
        with service.outage():
            _require_error(
                ServiceUnavailable,
                partial(strategy.verify, current),
                done="verify was given the current credential while the service was unreachable",
                cure="raise ServiceUnavailable if no response arrives: the retry may succeed, and "
                "the credential may be valid.",
            )
        text, token = rotation.secret.current_text(), rotation.stage()
        with _promised("A rotation ran during an outage, and was repeated after it", _CONVERGE):
            with service.outage(), suppress(RotationError):
                rotation.steps(token)
            assert rotation.secret.current_text() == text, "another value became current"
            self._finish(rotation, token)

    def test_nothing_that_it_shows_has_a_secret(self, begin: Begin) -> None:
        rotation = self._steady(begin)
        strategy, service = rotation.strategy(rotation.cloud.clients()), rotation.service
        shown, values = [repr(strategy), strategy.owner, strategy.shape], list[Value]()
        for label in ("AWSCURRENT", "AWSPREVIOUS"):
            credential = strategy.parse(rotation.secret.value(label))
            shown += [repr(credential), *([credential.identity] if credential else [])]
        if isinstance(strategy, Setter):
            unknown = strategy.generate(None)
            values.append(unknown.value)
            shown += _texts_of_error(strategy.verify, unknown)
        if isinstance(service, Outages):
            with service.outage():
                shown += _texts_of_error(rotation.steps, rotation.stage())
        texts = [version.text for version in rotation.secret.versions.values() if version.text]
        values += [json.loads(text) for text in texts]
        for secret in _secrets(values, self.public):
            if any(secret in text for text in shown):
                raise BrokenPromiseError(
                    done="Its reprs, names and errors were searched for the values of the secret",
                    found="one of them has a field of a value",
                    cure="set repr=False for secret fields. Use public data for the identity of a "
                    "credential. Build no message from a response, a request or a cause.",
                )

    def test_credentials_of_operators_stay(self, begin: Begin) -> None:
        rotation = self._steady(begin)
        service = rotation.service
        if not isinstance(service, Shared):
            return
        made = service.add_foreign()
        with _promised("An operator made a credential, and the secret rotated twice", _KEEP):
            for _ in range(2):
                with suppress(NeverConvergedError):
                    rotation.rotate()
            assert_foreign_untouched(rotation)
            if made is not None:
                service.remove_foreign(made)
            rotation.rotate()
            assert_converged(rotation)

    def _build(self, options: Mapping[str, object], clients: Clients) -> Generator | Issuer:
        """Load the file again, as a new process does."""
        module = ModuleType(CUSTOM_MODULE)
        exec(_compiled(self._file()), vars(module))  # noqa: S102 -- the strategy under test
        fields = OptionReader(options, path="options")
        strategy: Generator | Issuer = module.build(fields, clients)
        fields.end()
        return strategy

    def _file(self) -> Path:
        return Path(self.source_file).resolve()

    def _process(
        self, rotation: Rotation, work: Callable[[], object], reach: Callable[[Reached], None]
    ) -> Process:
        return Process(rotation, self._file(), work, reach)

    def _steady(self, begin: Begin) -> Rotation:
        """Rotate twice, so that there is a current value and a previous one."""
        rotation = begin()
        rotation.rotate()
        rotation.rotate()
        rotation.wait_out_the_overlap()
        return rotation

    def _states(self, begin: Begin) -> Mapping[str, Begin]:
        return {"in the first rotation": begin, "in a later rotation": partial(self._steady, begin)}

    def _each_point(self, begin: Begin, what: str) -> Iterator[tuple[str, Reached, Rotation]]:
        """Return each point of a clean rotation, with a rotation that is about to start."""
        for state, beginning in self._states(begin).items():
            rehearsal = beginning()
            passed: list[Reached] = []
            self._process(
                rehearsal, partial(rehearsal.steps, rehearsal.stage()), passed.append
            ).run()
            for reached in self._drawn(passed, f"{what} {state}"):
                yield state, reached, beginning()

    def _drawn(self, passed: Sequence[Reached], name: str) -> Sequence[Reached]:
        points = [(place, times) for place, times in passed if times <= _TIMES]
        if self.most is None or self.most >= len(points):
            return points
        return random.Random(name).sample(points, self.most)  # noqa: S311 -- no secret is made

    def _finish(self, rotation: Rotation, token: str) -> None:
        """Retry the rotation until it is done, and rotate again, which an orphan would prevent."""
        rotation.retry(token)
        assert_converged(rotation)
        assert rotation.secret.labels["AWSCURRENT"] == token, "another version is current"
        rotation.rotate()
        assert_converged(rotation)

    def _retired(self, issuer: Issuer, rotation: Rotation) -> Credential:
        """Retire the previous credential, twice."""
        credential = issuer.parse(rotation.secret.value("AWSPREVIOUS"))
        assert credential is not None
        made = rotation.secret.versions[rotation.secret.labels["AWSPREVIOUS"]].created
        issued = Issued(identity=credential.identity, owner=credential.owner, created=made)
        with _promised("retire was given the previous credential, twice", _CONVERGE):
            issuer.retire(issued, credential)
            issuer.retire(issued, credential)
        return credential


def _require_error(
    expected: type[RotationError], verify: Callable[[], object], *, done: str, cure: str
) -> None:
    found = "it returned, as if the service had accepted the credential"
    try:
        verify()
    except expected:
        return
    except Exception as error:  # noqa: BLE001 -- any other class is wrong
        found = f"it raised {type(error).__name__}"
    raise BrokenPromiseError(done=done, found=found, cure=cure)


@cache
def _compiled(file: Path) -> CodeType:
    return compile(file.read_text(encoding="utf-8"), file, "exec")


def _texts_of_error(work: Callable[[T], object], argument: T) -> list[str]:
    """Return all texts that a log may show of the error that some work raises."""
    try:
        work(argument)
    except Exception as error:  # noqa: BLE001 -- all of them are searched
        return ["".join(traceback.format_exception(error)), repr(error), repr(vars(error))]
    return []


def _secrets(values: Sequence[Value], public: AbstractSet[str]) -> set[str]:
    """Return the texts that differ from value to value, without the public ones."""
    texts: list[set[str]] = [
        {
            text
            for name, text in value.items()
            if isinstance(text, str) and len(text) >= _SHORTEST and name not in public
        }
        for value in values
        if not isinstance(value, str)
    ]
    return set[str]().union(*texts) - set[str].intersection(*texts)
