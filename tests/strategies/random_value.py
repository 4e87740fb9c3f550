"""A random value."""

from tests.strategies import RotatorUnderTest

STRATEGY = RotatorUnderTest(
    name="random_value",
    options={},
)
