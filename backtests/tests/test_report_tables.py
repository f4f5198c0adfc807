"""The CSV files of a run, to the letter."""

import io

from backtests.reports.tables import write_equity_csv, write_fills_csv
from backtests.tests.report_cases import bars, empty_input, fills, result

FILLS = """\
datetime,trading_day,instrument,direction,offset,price,volume,commission
2024-03-01 21:10:00,2024-03-04,rb88.SHFE,buy,open,4001.2,1,4.0012
2024-03-01 21:45:00,2024-03-04,rb88.SHFE,sell,close_today,4002,1,4.002
2024-03-01 21:45:00,2024-03-04,rb88.SHFE,sell,open,4002,1,4.002
2024-03-01 22:40:00,2024-03-05,rb88.SHFE,buy,close,4007,1,4.007
"""
EQUITY = """\
trading_day,equity,net_profit,commission,slippage,drawdown
2024-03-04,99995.5,-4.5,12.0052,6,-0.000045
2024-03-05,99941.9878,-53.5122,4.007,2,-0.000580122
"""


def test_fills_carry_the_start_of_the_bar_and_the_trading_day() -> None:
    file = io.StringIO()
    write_fills_csv(file, fills(bars()), "rb88.SHFE")
    assert file.getvalue() == FILLS


def test_equity_has_one_row_a_trading_day() -> None:
    file = io.StringIO()
    write_equity_csv(file, result(bars()).days)
    assert file.getvalue() == EQUITY


def test_a_run_without_fills_has_headers_only() -> None:
    file = io.StringIO()
    run = empty_input()
    write_fills_csv(file, run.fills, run.instrument)
    write_equity_csv(file, run.days)
    assert file.getvalue().splitlines() == [FILLS.splitlines()[0], EQUITY.splitlines()[0]]
