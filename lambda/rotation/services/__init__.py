"""The services that strategies talk to. Nothing here knows the engine.

A function's package holds only those modules that its strategy imports. So the `__init__` of a
package here must not import another module of it.
"""

from __future__ import annotations


class NoReplyError(Exception):
    """No reply arrived; `lost` says whether the request may have been carried out."""

    def __init__(self, *, lost: bool) -> None:
        super().__init__()
        self.lost = lost
