"""Checks that a rotation strategy of your own must pass: a class for pytest to inherit from.

    from rotation_conformance import Conformance, ServiceUnderTest

    class Service(ServiceUnderTest):
        ...  # the service that accepts the credentials

    class TestRotation(Conformance):
        source_file = "rotate.py"

        @pytest.fixture
        def service(self):
            return Service()

The suite runs clean rotations, delivers steps twice, and stops the function at each line of the
strategy and at each call of Secrets Manager. It loses answers, takes the service away, and makes
credentials as an operator does. A check that fails says what the suite did, what happened, and what
to do instead.

Time is virtual: a pause of the engine is over at once. So the service must know a change
immediately, and take its times from `account.time.now`.
"""

from rotation_conformance.account import Account
from rotation_conformance.suite import Begin, Conformance, ServiceUnderTest
from rotation_conformance.words import BrokenPromiseError

__all__ = ["Account", "Begin", "BrokenPromiseError", "Conformance", "ServiceUnderTest"]
