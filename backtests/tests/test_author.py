"""What authors' tests are made of: markets, deals, faults; and the files of new_strategy through command and check."""

import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

from backtests import author
from backtests.tests.conftest import FIRST, LAST
from marketdata.models import Instrument
from marketdata.services import store_simulated_bars
from strategies import registry
from strategies.scaffolding import Sort
from strategies.tests.user_files import plain, using, write


def test_made_markets_are_the_same_each_time_and_differ_by_seed() -> None:
    one, same, other = (author.made_bars(seed=seed).legs[0].bars.close.tolist() for seed in (1, 1, 2))
    assert one == same != other
    first, second = (author.made_ticks(seed=seed).days for seed in (1, 2))
    assert first == author.made_ticks(seed=1).days
    assert first != second


def test_deals_by_hand() -> None:
    cls = registry.get("double_ma")
    market = author.market_of([[10, 10, 9, 12, 12, 12]])
    found = author.deals(lambda: cls(cls.Parameters.from_mapping({"fast": 1, "slow": 3})), market)
    # The close of the fourth bar crosses above its average of three: bought with the open of the fifth.
    at = author.NINE + 4 * author.NS_PER_BAR
    assert found == [[author.Deal(at, 0, 1.0, 12.0)]] * 3


def test_a_broken_file_fails_with_its_line(tmp_path: Path) -> None:
    folder = write(tmp_path, mine=plain("mine"), wrong="x = 1\ny = x / 0\n")
    assert author.strategy_class(folder / "mine.py").name == "mine"
    with pytest.raises(AssertionError, match=r"wrong\.py:2: .*ZeroDivisionError"):
        author.strategy_class(folder / "wrong.py")


def test_it_needs_neither_django_nor_a_database(tmp_path: Path) -> None:
    code = "import sys; import backtests.author; print(sorted({'django', 'psycopg', 'pandas'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=settings.BASE_DIR, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.django_db
@pytest.mark.parametrize("sort", [sort for sort in Sort if sort is not Sort.TICKS])
def test_a_new_strategy_is_checked_and_runs(sim: Instrument, tmp_path: Path, sort: Sort) -> None:
    other = store_simulated_bars(None, "simrb2405.SIM", "5m", first=FIRST, last=LAST, seed=11).instrument
    codes = [sim.code, other.code] if sort is Sort.LEGS else [sim.code]
    named = [option for code in codes for option in ("--instrument", code)]
    with using(tmp_path):
        call_command("new_strategy", "my_rule", "--form", sort, stdout=StringIO())
        out = StringIO()
        call_command("check_strategy", "my_rule", *named, "--interval", "5m", "--cuts", "4", stdout=out)
        assert "No look-ahead was found" in out.getvalue()
        out = StringIO()
        call_command("run_backtest", "my_rule", *named, "--interval", "5m", stdout=out)
        assert "total return" in out.getvalue()
