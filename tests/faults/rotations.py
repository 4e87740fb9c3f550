"""Rotations that meet a fault."""

from typing import Final

from rotation import errors
from testing.harness.account import NeverHappenedError, Rotation, eventually, step_records
from tests.faults.proxy import Fault, Proxy
from tests.load.account import Account
from tests.load.deployment import Deployed

# The retry may wait for the lease of an invocation, and create a credential after that.
_PATIENCE_SECONDS: Final = 300
# The errors that a fault may cause.
_NAMES: Final = {name for name, value in vars(errors).items() if isinstance(value, type)}


def failures(account: Account, deployed: Deployed, rotation: Rotation) -> list[str]:
    """Return the errors of a rotation."""
    name = f"/aws/lambda/{deployed.function_name}"
    return [
        record["error"]
        for record in step_records(account.aws, name)
        if record.get("version_id") == rotation.token and record["outcome"] == "failed"
    ]


def rotate(account: Account, deployed: Deployed) -> list[str]:
    """Rotate while an application uses the secret, and return the errors of the rotation."""
    rotation = deployed.secret.rotate()

    def rotated() -> bool:
        deployed.send()
        return deployed.secret.has_rotated(rotation)

    try:
        eventually("The rotation", rotated, patience=_PATIENCE_SECONDS)
    except NeverHappenedError as error:
        error.add_note(f"Its steps failed with {failures(account, deployed, rotation)}.")
        raise
    deployed.require_converged(account.aws)
    return failures(account, deployed, rotation)


def rotate_with_fault(
    account: Account, between: Proxy, deployed: Deployed, which: int | str, fault: Fault
) -> None:
    """Rotate while one call fails, which the proxy knows by its number or its operation."""
    between.strike(which, fault)
    found = rotate(account, deployed)
    # A rotation may verify a new credential less often than the one whose calls were counted.
    assert between.struck > 0 or (isinstance(which, int) and len(between.calls) < which)
    assert set(found) <= _NAMES - {"InternalError", "RotationError"}
    if fault is Fault.LATE:
        assert found == []
