"""A rotator of the user's own: the example for Redis."""

from pathlib import Path

from tests.strategies import RotatorUnderTest

_EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "custom"

STRATEGY = RotatorUnderTest(
    name="custom",
    options={"source_file": str(_EXAMPLE / "rotate.py")},
)
