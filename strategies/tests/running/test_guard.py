"""The time limit of strategies that share the runner's process: what it ends, and that nothing of it is left over."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from quantsite.common.errors import RuleError
from quantsite.testing.patience import SOON
from strategies.running import making
from strategies.running.guard import Guard, OverBudgetError

BUDGET = 0.1
PLENTY = 60.0


@pytest.fixture
def guard() -> Iterator[Guard]:
    """One that watches this thread."""
    made = Guard()
    yield made
    made.close()


def forever() -> None:
    """As a strategy with an error in its loop."""
    while True:
        pass


def stubborn() -> str:
    """Catches whatever comes, once."""
    try:
        forever()
    except BaseException:  # noqa: BLE001 - that is what it is about
        return "went on"
    return "never"


def deaf() -> None:
    """Catches whatever comes, twice, and goes on as before."""
    stubborn()
    stubborn()
    forever()


@pytest.mark.parametrize("work", [forever, stubborn, deaf])
def test_what_does_not_come_back_is_ended_even_where_it_catches_everything(guard: Guard, work: object) -> None:
    with pytest.raises(OverBudgetError):
        guard.run(work, BUDGET)  # type: ignore[arg-type]
    assert guard.run(lambda: sum(range(100_000)), PLENTY) == 4_999_950_000


TRACED = """
import sys
from strategies.running.guard import Guard, OverBudgetError

def forever():
    while True:
        pass

def deaf():
    for again in range(2):
        try:
            forever()
        except BaseException:
            pass

guard = Guard()
sys.settrace(lambda *told: None)
for work in (forever, deaf):
    try:
        guard.run(work, 0.1)
    except OverBudgetError:
        print("ended", flush=True)
guard.run(lambda: [abs(each) for each in range(1000)], 60)
guard.close()
print("goes on")
"""


def test_traced_code_is_ended_too_and_what_follows_goes_on() -> None:
    done = subprocess.run([sys.executable, "-c", TRACED], capture_output=True, text=True, timeout=SOON, check=False)
    told = [line for line in done.stdout.splitlines() if "does not come back" not in line]
    assert told == ["ended", "ended", "goes on"], done.stderr


def test_what_it_gives_and_raises_goes_through(guard: Guard) -> None:
    assert guard.run(lambda: 7, PLENTY) == 7
    with pytest.raises(ZeroDivisionError):
        guard.run(lambda: 1 // 0, PLENTY)
    assert guard.run(lambda: 8, PLENTY) == 8


def test_a_host_that_is_never_made_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "BEGIN_SECONDS", BUDGET)
    with pytest.raises(RuleError, match="did not come back") as caught:
        making._in_time("hangs", forever)  # type: ignore[arg-type]
    assert caught.value.code == "over_budget"
