"""``manage.py run_backtest``."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import AuditEntry, User
from backtests.models import BacktestRun, RunStatus
from backtests.requests import RunRequest
from backtests.result_rows import read_fills
from backtests.tests.runs import finished

pytestmark = pytest.mark.django_db

COSTS = ["--multiplier", "10", "--price-tick", "1", "--commission-rate", "0.0001", "--slippage-ticks", "1"]
ARGUMENTS = ["double_ma", "--instrument", "simrb88.SIM", "--interval", "5m", "--set", "fast=3", "--set", "slow=8"]


def run(*arguments: str) -> str:
    """What the command prints."""
    out = StringIO()
    call_command("run_backtest", *ARGUMENTS, *arguments, stdout=out)
    return out.getvalue()


def test_json_is_one_object_and_the_run_is_the_one_that_a_worker_makes(asked: RunRequest) -> None:
    expected = finished(None, asked)
    printed: dict[str, Any] = json.loads(run(*COSTS, "--margin-rate", "0.1", "--json"))
    stored = BacktestRun.objects.get(pk=printed["run"])
    assert printed["result_hash"] == stored.result_hash == expected.result_hash
    assert (stored.status, stored.owner, stored.attempt) == (RunStatus.SUCCEEDED, None, 1)
    assert printed["fills"] == expected.fill_count
    assert printed["statistics"] == json.loads(json.dumps(expected.statistics))
    assert printed["end_equity"] == round(expected.end_equity or 0, 6)
    assert AuditEntry.objects.filter(verb="backtest.run", object_id=str(stored.pk), actor=None).count() == 1


def test_files_hold_every_fill_and_every_day(asked: RunRequest, tmp_path: Path) -> None:
    suffixes = {"fills": "csv", "equity": "csv", "report": "html"}
    files = {name: tmp_path / f"{name}.{suffix}" for name, suffix in suffixes.items()}
    options = [part for name, path in files.items() for part in (f"--{name}", str(path))]
    run(*COSTS, *options)
    stored = BacktestRun.objects.get()
    fills = files["fills"].read_text().splitlines()
    assert fills[0] == "datetime,trading_day,instrument,direction,offset,price,volume,commission"
    assert len(fills) == 1 + len(read_fills(stored))
    equity = files["equity"].read_text().splitlines()
    assert equity[0] == "trading_day,equity,net_profit,commission,slippage,drawdown"
    assert len(equity) == 1 + stored.days.count()
    assert stored.result_hash in files["report"].read_text()


def test_people_read_a_table(asked: RunRequest) -> None:
    printed = run(*COSTS)
    stored = BacktestRun.objects.get()
    for text in (f"Backtest run {stored.pk}", "1,770 bars", "total return", "max drawdown", stored.result_hash):
        assert text in printed


def test_it_acts_for_the_person_named(alice: User, bob: User, asked: RunRequest) -> None:
    run(*COSTS, "--user", "alice")
    assert BacktestRun.objects.get().owner == alice
    with pytest.raises(CommandError, match="bob"):
        run(*COSTS, "--user", "bob")
    with pytest.raises(CommandError, match="no active person named nobody"):
        run(*COSTS, "--user", "nobody")
    assert BacktestRun.objects.count() == 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--set", "fasst=3"], "Did you mean 'fast'?"),
        (["--interval", "1m"], "Stored: 5m."),
        (["--set", "fast"], "name=value"),
        (["--start", "2024-13-01"], "no day such as"),
        (["--commission-rate=-1"], "0 or more"),
        (["--fills", "/nowhere/at/all.csv"], "does not exist"),
        (["--report", "/"], "is a folder"),
        (["--capital", "0"], "above 0"),
    ],
)
def test_refused_input_is_one_sentence_and_leaves_nothing(asked: RunRequest, arguments: list[str], text: str) -> None:
    with pytest.raises(CommandError, match=text) as refusal:
        run(*arguments)
    assert "\n" not in str(refusal.value)
    assert not BacktestRun.objects.exists()
