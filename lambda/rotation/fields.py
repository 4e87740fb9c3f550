"""The fields of a JSON value beside those of its credential, which survive every rotation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from rotation.ownership import Stored
    from rotation.strategy import Strategy, Value


def kept_fields(strategy: Strategy, current: Stored | None, new: Value) -> Mapping[str, object]:
    """Return the fields of the current value that the next one has too, in their order.

    A field that the strategy names as its own belongs to the old credential. If the new credential
    doesn't have it, it is dropped: a key without an expiration must not get that of the old one.
    """
    if current is None or not isinstance(current.credential.value, Mapping):
        return {}
    own: Collection[str] = getattr(strategy, "own_fields", ())
    return {
        name: field
        for name, field in current.credential.value.items()
        if name in new or name not in own
    }
