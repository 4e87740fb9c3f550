"""A process of its own for a rotation: `python -m tests.unit.process STATE TOKEN [NUMBER SIDE]`.

It reads the cloud from the file STATE and writes it back there, also if it stops at the call. Then
no further line of Python runs, as when Lambda ends a sandbox.
"""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rotation_conformance.rotator import watched

if TYPE_CHECKING:
    from rotation_conformance.account import Side
    from tests.unit.rotator import Rotation

DEATH = 9


def main(path: Path, token: str, *death: str) -> None:
    rotation: Rotation = pickle.loads(path.read_bytes())  # noqa: S301 -- the test wrote it

    def write() -> None:
        rotation.cloud.fuse.arm()
        path.write_bytes(pickle.dumps(rotation))

    def die(number: int, _name: str, side: Side) -> None:
        if (str(number), side) == death:
            write()
            os._exit(DEATH)

    rotation.cloud.fuse.arm(watched(rotation), die)
    rotation.retry(token)
    write()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
