"""A request to end the credentials that may have leaked, in a tag of the secret.

    leaked VERSION TIME     a responder writes it, then rotates the secret
    done VERSION TIME       the function writes it when all older credentials have ended

The secret's resource policy lets only the function's role and the responders write this tag. The
function checks the request again. It never ends the only credential that works: first the successor
is current, then the others end.

Reads of Secrets Manager and of issuers may show an earlier state. A read that comes late enough
after the successor was stored shows all older versions and credentials. So the function waits for
that time, and ends only what is older: an invocation that was suspended meanwhile cannot end the
credential of a later rotation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from rotation.attempt import LONGEST
from rotation.aws import LONGEST_CALL_SECONDS
from rotation.errors import ConfigurationError, NotYet, ProtocolError
from rotation.ownership import Stored, parse_ours, sort_out
from rotation.proof import LAG, accepts
from rotation.response import TIME_FORMAT, parse_time
from rotation.secret import REVOCATION_TAG, Stage
from rotation.strategy import Issued, Issuer, Replacer, Revoker, Setter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from rotation.pending import Pending
    from rotation.secret import Description, Version
    from rotation.strategy import Credential

LEAKED: Final = "leaked"
_DONE: Final = "done"

# A request that no rotation could carry out for so long is not carried out by surprise.
_LONGEST_WAIT = timedelta(days=1)
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 4
# A service without a list, or which locks an account after some rejected credentials.
_MOST_UNLISTED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The version whose credential has leaked, and when that was reported."""

    version_id: str
    time: datetime


def parse(text: str | None) -> Request | None:
    """Parse a tag's value; None: there is no request, or no responder of ours wrote it."""
    found = re.fullmatch(rf"{LEAKED} ([A-Za-z0-9-]{{32,64}}) (\S+)", text or "")
    time = parse_time(found[2]) if found else None
    return Request(version_id=found[1], time=time) if found and time else None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Revocation:
    """The part of one rotation that answers a request."""

    pending: Pending
    # Whether the rotation was started for a request, which then must be there.
    is_required: bool

    def allows(self, description: Description) -> bool:
        """Say whether the rotation may end the overlap of older credentials early."""
        if self.is_required:
            return True
        return self._valid_request(description) is not None

    def require(self) -> None:
        """Check the request for which this rotation was started, before anything has changed.

        Raises:
            ProtocolError: There is none, or it is refused. The rotation is cancelled, so that the
                schedule goes on with another one.
            ConfigurationError: The strategy cannot end a credential. Every rotation says so, and
                not only the one after a leak.
        """
        self._require_revoker()
        if not self.is_required:
            return
        found = self.pending.wait_for(self._valid_now)
        if found is None:
            secret = self.pending.secret
            secret.cancel(self.pending.token)
            raise _no_request(secret.arn)

    def run(self) -> bool:
        """End each older credential of ours, after the promotion. Say whether that is done.

        Raises:
            NotYet: A service still accepts a credential that was ended. The retry checks again.
        """
        successor = self.pending.value()
        self._wait_until(successor.created + LAG)
        description = self.pending.wait_for(self._current_description)
        request = self._valid_request(description) if description else None
        if request is None:
            return False
        self._end_older(request, successor)
        now = self.pending.clock.now().strftime(TIME_FORMAT)
        self.pending.secret.tag(REVOCATION_TAG, f"{_DONE} {request.version_id} {now}")
        return True

    def _wait_until(self, time: datetime) -> None:
        clock = self.pending.clock
        left = (time - clock.now()).total_seconds()
        if left > 0:
            clock.sleep(left)

    def _valid_now(self) -> Request | None:
        return self._valid_request(self.pending.secret.describe())

    def _current_description(self) -> Description | None:
        """Read the labels, which must show the promotion."""
        description = self.pending.secret.describe()
        return description if description.holder(Stage.CURRENT) == self.pending.token else None

    def _valid_request(self, description: Description) -> Request | None:
        """Return the request in the tag, if it is for this rotation and valid."""
        request = parse(description.revocation)
        if request is None or request.version_id == self.pending.token or self._cannot_end():
            return None
        now = self.pending.clock.now()
        if not now - _LONGEST_WAIT <= request.time <= now + LONGEST:
            return None
        # It may have lost its label since the request.
        is_labelled = request.version_id in description.stages
        exists = is_labelled or self.pending.secret.read(request.version_id) is not None
        return request if exists else None

    def _cannot_end(self) -> bool:
        strategy = self.pending.strategy
        return isinstance(strategy, Setter) and not isinstance(strategy, Revoker)

    def _require_revoker(self) -> None:
        if self._cannot_end():
            self.pending.secret.cancel(self.pending.token)
            raise _not_revocable()

    def _end_older(self, request: Request, successor: Version) -> None:
        kept = Stored(version=successor, credential=self.pending.require_ours(successor))
        strategy = self.pending.strategy
        ended: list[Credential] = []
        if isinstance(strategy, Issuer):
            ended = self._retire(strategy, kept)
        elif isinstance(strategy, Revoker):
            strategy.end_others(kept.credential)
        if not isinstance(strategy, Issuer | Setter | Replacer):
            return
        leaked = self.pending.secret.read(request.version_id)
        credential = parse_ours(strategy, leaked) if leaked else None
        for one in [*ended, *([credential] if credential and credential not in ended else [])]:
            # An operator may have put one credential into both, even in values that differ.
            is_kept = isinstance(strategy, Issuer) and one.identity == kept.credential.identity
            if not is_kept:
                self._require_refused(strategy, one)

    def _retire(self, issuer: Issuer, kept: Stored) -> list[Credential]:
        """Retire what older versions of the secret have; return those with a value."""
        from rotation.issuing import facts_of, find_ours  # Other packages don't have it.

        held = issuer.inventory()
        if not held and issuer.slots is None:
            return self._retire_unlisted(issuer, kept)
        facts = facts_of(issuer, self.pending.secret.arn, held, kept, None)
        claims = sort_out(facts)
        for version in self._older(kept.version) if claims.leftovers() else ():
            facts = facts.with_version(version.version_id, find_ours(issuer, version, held))
            claims = sort_out(facts)
            if not claims.leftovers():
                break
        retired = {one: claims.ours[one.identity] for one in held if one.identity in claims.ours}
        for issued, credential in retired.items():
            issuer.retire(issued, credential)
        return [one for one in retired.values() if one is not None]

    def _retire_unlisted(self, issuer: Issuer, kept: Stored) -> list[Credential]:
        """Retire the credentials of a service that lists none, until the first that has expired."""
        retired: list[Credential] = []
        for version in self._older(kept.version):
            credential = parse_ours(issuer, version)
            if credential is None or credential.value == kept.credential.value:
                continue
            expired = credential.expires and credential.expires <= self.pending.clock.now()
            if expired or len(retired) == _MOST_UNLISTED:
                break
            issued = Issued(
                identity=credential.identity, owner=credential.owner, created=version.created
            )
            issuer.retire(issued, credential)
            retired.append(credential)
        return retired

    def _older(self, successor: Version) -> Iterator[Version]:
        """Read the versions that are older than the successor, the newest first."""
        created = {
            one: time
            for one, time in self.pending.secret.versions().items()
            if time < successor.created and one != successor.version_id
        }
        for one in sorted(created, key=created.__getitem__, reverse=True):
            # Everyone who may put a version can put thousands.
            if self.pending.clock.left() < LONGEST_CALL_SECONDS:
                return
            version = self.pending.secret.read(one)
            if version is not None:
                yield version

    def _require_refused(
        self, strategy: Issuer | Setter | Replacer, credential: Credential
    ) -> None:
        """Wait until the service rejects a credential, which takes a while with some."""
        clock = self.pending.clock
        pause = _FIRST_PAUSE_SECONDS
        while accepts(strategy, credential):
            if clock.left() < pause + LONGEST_CALL_SECONDS:
                raise _still_accepted(credential)
            clock.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def _no_request(secret: str) -> ProtocolError:
    return ProtocolError(
        f"Tag {REVOCATION_TAG} of {secret} has no valid request. It must be '{LEAKED} VERSION "
        "TIME', with a version of an earlier rotation and a UTC time of the last day. The rotation "
        "was cancelled, and nothing was changed. Set the tag, then rotate again."
    )


def _not_revocable() -> ConfigurationError:
    return ConfigurationError(
        "This strategy cannot end a credential, because it has no end_others. The rotation was "
        "cancelled, and nothing was changed. Add end_others to the file, or set revocation to "
        "null, apply, then rotate again. If a credential has leaked, end it at its service."
    )


def _still_accepted(credential: Credential) -> NotYet:
    return NotYet(
        f"{credential.owner} still accepts credential {credential.identity}, which was ended. Its "
        "successor is current. The retry of the rotation checks again."
    )
