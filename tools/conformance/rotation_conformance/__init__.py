"""Checks that a rotation strategy of your own has to pass: one class to inherit from, for pytest.

    from rotation_conformance import Conformance, ServiceUnderTest

    class Service(ServiceUnderTest):
        ...  # the other side of the strategy: what accepts the credentials

    class TestRotation(Conformance):
        source_file = "rotate.py"

        @pytest.fixture
        def service(self):
            return Service()

The strategy is put through clean rotations, deliveries that come twice, deaths at each of its lines
and at each call of Secrets Manager, outages, and people who make credentials of their own. A check
that fails says in words what was done, what came of it, and what to do instead.

Time is virtual: a pause of the engine takes none, so that a service has to learn at once.
"""

from rotation_conformance.account import Account
from rotation_conformance.suite import Begin, BrokenPromiseError, Conformance, ServiceUnderTest

__all__ = ["Account", "Begin", "BrokenPromiseError", "Conformance", "ServiceUnderTest"]
