import pytest

from rotation_conformance.account import Killed
from tests.unit.cases import FailedCasesError, run_each


def test_each_failing_case_is_named_and_the_others_run() -> None:
    ran, counted = list[str](), list[int]()

    def case(name: str, error: BaseException | None) -> bool:
        ran.append(name)
        if error:
            raise error
        return name != "known"

    arguments: dict[str, tuple[str, BaseException | None]] = {
        "good": ("good", None),
        "wrong": ("wrong", AssertionError("two keys\nand more")),
        "dead": ("dead", Killed()),
        "known": ("known", None),
    }
    with pytest.raises(FailedCasesError) as raised:
        run_each(case, arguments, counted.append)
    _, *lines = str(raised.value).splitlines()
    assert lines == ["wrong: AssertionError: two keys", "dead: Killed: "]
    assert ran == [*arguments]
    assert counted == [3]
