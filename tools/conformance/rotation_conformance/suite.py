"""The checks that every rotation strategy has to pass, and what they say of one that does not."""

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

# Of a place that a loop passes, the first times.
_TIMES = 2
# A shorter text stands somewhere by chance.
_SHORTEST = 8


class ServiceUnderTest(Service, Protocol):
    """That which accepts the credentials, and can begin anew."""

    def reset(self, account: Account) -> Mapping[str, object]:
        """Bring the service to the state before the first rotation; return the strategy's options.

        Args:
            account: a new one; what the strategy reads of AWS is put there.
        """


@runtime_checkable
class Outages(Protocol):
    """A service that can be out of reach for a while."""

    def outage(self) -> AbstractContextManager[object]:
        """Be out of reach for the length of the block."""


@runtime_checkable
class Shared(Protocol):
    """A service at which people make credentials too."""

    def add_foreign(self) -> str | None:
        """Let a person make one, where there is room, and name it."""

    def remove_foreign(self, identity: str) -> None:
        """Let the person end it."""


class BrokenPromiseError(AssertionError):
    """A strategy did something that no strategy may do."""

    def __init__(self, *, done: str, found: object, cure: str) -> None:
        """Say it in words.

        Args:
            done: what was done with the strategy.
            found: what came of it.
            cure: what the strategy has to do instead.
        """
        super().__init__(f"{done}.\nWhat came of it: {found}\nWhat to do: {cure}")


_CONVERGE = (
    "begin each method by looking at what is done already, so that it may run again after a death "
    "at any line: apply sets what is to be accepted and adds nothing to it, retire takes what is "
    "gone for done, and issue asks the service once."
)
_KEEP = (
    "let the service accept the current value until its successor is promoted: apply is given "
    "both, and retire is never to end what it was not given."
)


@contextmanager
def _promised(done: str, cure: str) -> Iterator[None]:
    """Say in words what was done when something in the block was not as promised."""
    try:
        yield
    except NeverConvergedError as error:
        found = f"{error}, which says: {error.last}"
        raise BrokenPromiseError(done=done, found=found, cure=cure) from None
    except AssertionError as error:
        raise BrokenPromiseError(done=done, found=error, cure=cure) from None
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        found = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
        cure = "raise a class of rotation.errors instead; the engine knows how to react to those."
        raise BrokenPromiseError(done=done, found=found, cure=cure) from error


class Conformance:
    """Inherit from it beside a fixture `service`, and pytest makes every check of your strategy.

    A service that has the methods of `Outages` or `Shared` is asked for more.
    """

    source_file: ClassVar[str | Path]
    """The strategy: the file that `rotation.custom.source_file` names."""
    most: ClassVar[int | None] = None
    """How many of the points are drawn for each check that takes all; None: all of them."""
    public: ClassVar[AbstractSet[str]] = frozenset()
    """The fields of a value that may be shown, beside those that never change."""

    @pytest.fixture
    def service(self) -> ServiceUnderTest:
        """Return that which accepts the credentials; to be overridden."""
        raise NotImplementedError

    @pytest.fixture
    def begin(self, service: ServiceUnderTest) -> Begin:
        """Return what begins anew: a secret without a value, and the service as it was before."""

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

    def test_it_has_all_that_its_family_has(self, begin: Begin) -> None:
        rotation = begin()
        strategy = rotation.strategy(rotation.cloud.clients())
        family, lacks = missing_members(strategy)
        if lacks:
            raise BrokenPromiseError(
                done=f"build returned a {type(strategy).__name__}",
                found=f"it lacks {', '.join(lacks)}, which a {family} has to have",
                cure="see rotation/strategy.py for what each of them does.",
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
                assert text not in seen, "the rotation made a value that was there before"
                seen.add(text)

    def test_it_recognises_its_own_values_and_no_others(self, begin: Begin) -> None:
        rotation = self._steady(begin)
        strategy = rotation.strategy(rotation.cloud.clients())
        strange: list[Value] = ["", "a text", {}, {"unknown": "field"}]
        for value in strange:
            with _promised(f"parse was given {value!r}", "return None for what is no value of it."):
                parsed = strategy.parse(value)
                assert parsed is None or isinstance(value, str), "it was taken for a value"
        with _promised(
            "parse was given the current value",
            "return a Credential whose owner is that of the strategy.",
        ):
            parsed = strategy.parse(rotation.secret.value())
            assert parsed is not None, "parse does not know it"
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
            cure="use the credential as an application does, and raise CredentialRejected where "
            "the service says no; a bool is not looked at.",
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

    def test_a_second_delivery_may_run_whole_at_any_point(self, begin: Begin) -> None:
        for state, reached, rotation in self._each_point(begin, "second"):
            token = rotation.stage()

            def reach(
                now: Reached, at: Reached = reached, on: Rotation = rotation, token: str = token
            ) -> None:
                if now == at:
                    on.steps(token)

            with _promised(f"A second delivery ran whole {reached[0]}, {state}", _CONVERGE):
                with suppress(RotationError):
                    self._process(rotation, partial(rotation.steps, token), reach).run()
                self._finish(rotation, token)

    @pytest.mark.parametrize("then", ["it is repeated", "it is given up"])
    def test_a_rotation_may_die_at_any_point(self, begin: Begin, then: str) -> None:
        for state, reached, rotation in self._each_point(begin, then):
            token = rotation.stage()
            process = self._process(rotation, partial(rotation.steps, token), lambda _: None)
            done = f"The function died {reached[0]}, {state}; then {then}"
            with _promised(done, _CONVERGE):
                try:
                    process.run_until(reached)
                    assert_invariants(rotation)
                    if then == "it is given up":
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
                done="verify was given the current credential while the service was out of reach",
                cure="raise ServiceUnavailable where no answer came: the retry may succeed, and a "
                "credential that nobody could ask about is not a wrong one.",
            )
        text, token = rotation.secret.current_text(), rotation.stage()
        with _promised("A rotation came into an outage, and was repeated after it", _CONVERGE):
            with service.outage(), suppress(RotationError):
                rotation.steps(token)
            assert rotation.secret.current_text() == text, "another value became current"
            self._finish(rotation, token)

    def test_nothing_that_it_shows_holds_a_secret(self, begin: Begin) -> None:
        rotation = self._steady(begin)
        strategy, service = rotation.strategy(rotation.cloud.clients()), rotation.service
        shown, values = [repr(strategy), strategy.owner, strategy.shape], list[Value]()
        for label in ("AWSCURRENT", "AWSPREVIOUS"):
            credential = strategy.parse(rotation.secret.value(label))
            shown += [repr(credential), *([credential.identity] if credential else [])]
        if isinstance(strategy, Setter):
            unknown = strategy.generate(None)
            values.append(unknown.value)
            shown += _told_by(strategy.verify, unknown)
        if isinstance(service, Outages):
            with service.outage():
                shown += _told_by(rotation.steps, rotation.stage())
        texts = [version.text for version in rotation.secret.versions.values() if version.text]
        values += [json.loads(text) for text in texts]
        for secret in _secrets(values, self.public):
            if any(secret in text for text in shown):
                raise BrokenPromiseError(
                    done="Its reprs, names and errors were searched for the values of the secret",
                    found="a field of a value stands in one of them",
                    cure="give fields that hold a secret repr=False, name a credential by what "
                    "is public, and build no message from an answer, a request or a cause.",
                )

    def test_what_a_person_made_stays(self, begin: Begin) -> None:
        rotation = self._steady(begin)
        service = rotation.service
        if not isinstance(service, Shared):
            return
        made = service.add_foreign()
        with _promised("A person made a credential, and the secret rotated twice", _KEEP):
            for _ in range(2):
                with suppress(NeverConvergedError):
                    rotation.rotate()
            assert_foreign_untouched(rotation)
            if made is not None:
                service.remove_foreign(made)
            rotation.rotate()
            assert_converged(rotation)

    def _build(self, options: Mapping[str, object], clients: Clients) -> Generator | Issuer:
        """Load the file as a new process does, with nothing left of the last one."""
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
        """Return each point of a clean rotation, and a rotation that is about to begin."""
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
        """Repeat the rotation until it is done, and rotate again, which an orphan would stop."""
        rotation.retry(token)
        assert_converged(rotation)
        assert rotation.secret.labels["AWSCURRENT"] == token, "another version is current"
        rotation.rotate()
        assert_converged(rotation)

    def _retired(self, issuer: Issuer, rotation: Rotation) -> Credential:
        """End the previous credential, twice."""
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
    found = "it returned, as if the service had accepted it"
    try:
        verify()
    except expected:
        return
    except Exception as error:  # noqa: BLE001 -- whatever it is, it is the wrong one
        found = f"it raised {type(error).__name__}"
    raise BrokenPromiseError(done=done, found=found, cure=cure)


@cache
def _compiled(file: Path) -> CodeType:
    return compile(file.read_text(encoding="utf-8"), file, "exec")


def _told_by(work: Callable[[T], object], argument: T) -> list[str]:
    """Return all that may be shown of the error that some work ends in."""
    try:
        work(argument)
    except Exception as error:  # noqa: BLE001 -- each is looked at
        return ["".join(traceback.format_exception(error)), repr(error), repr(vars(error))]
    return []


def _secrets(values: Sequence[Value], public: AbstractSet[str]) -> set[str]:
    """Return the texts in the values that are another one in each, but what may be shown."""
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
