"""Who runs in the race, on which case and how many bars: the one list of it."""

from collections.abc import Iterator
from dataclasses import dataclass

from strategies.domain.forms import forms
from strategies.registry import get

CASES = ("double_ma", "grid", "pairs200")
SIZES = {"double_ma": (100_000, 1_000_000), "grid": (100_000, 1_000_000), "pairs200": (100_000,)}
LIMIT = "numba_limit"


@dataclass(frozen=True)
class Entry:
    """One measurement: ``home`` names the peer's environment ('' is our own), ``words`` the program and its words.

    ``slow`` ones run once. What needs ``full`` is left out unless everything is asked for: it takes minutes.
    """

    engine: str
    case: str
    bars: int
    words: tuple[str, ...]
    home: str = ""
    slow: bool = False
    full: bool = False


def entries(case: str, bars: int, *, peers: bool) -> Iterator[Entry]:
    """Everyone who takes part on this case with this number of bars, ourselves first, then the limit."""
    strategy = "grid" if case == "grid" else "double_ma"
    for form in forms(get(strategy)):
        many = case == "pairs200" and form == "plain"
        yield Entry(form, case, bars, ("benchmarks.race.ours", form), slow=many, full=many)
    yield Entry(LIMIT, case, bars, ("benchmarks.race.limits",))
    if peers:
        yield from _peers(case, bars)


def _peers(case: str, bars: int) -> Iterator[Entry]:
    """Leanest first. vectorbt knows no resting orders; 200 runs of backtrader would take half an hour."""
    long, many = bars > 100_000, case == "pairs200"
    if case != "grid":
        yield Entry("vectorbt", case, bars, ("benchmarks.peers.run_vectorbt",), "vectorbt")
    yield Entry("vnpy", case, bars, ("benchmarks.peers.run_vnpy", "lean"), "vnpy", slow=True)
    if case != "grid":
        array = ("benchmarks.peers.run_vnpy", "array")
        yield Entry("vnpy_array", case, bars, array, "vnpy", slow=True, full=many)
    backtesting = ("benchmarks.peers.run_backtesting",)
    yield Entry("backtesting.py", case, bars, backtesting, "backtesting", slow=True, full=many)
    if not many:
        yield Entry("backtrader", case, bars, ("benchmarks.peers.run_backtrader",), "backtrader", slow=True, full=long)
