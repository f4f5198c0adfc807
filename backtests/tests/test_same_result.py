"""One result, whoever asks and wherever it is computed: command, REST with a worker's task, and the console's form.

The constant is the same on SQLite and on PostgreSQL: both sizes run this file.
"""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from accounts.models import User
from backtests import tasks
from backtests.models import BacktestRun
from marketdata.models import Instrument

pytestmark = [pytest.mark.django_db, pytest.mark.real_data, pytest.mark.embedded]

RB_5M = "SHFE.rb.HOT_5m_2014-2019.csv.gz"
EXPECTED = "2ef60d20c9d810193238aaf8b2eda34def571614becf61b7f3d0b18c7b5568d4"

COSTS = {
    "multiplier": 10.0,
    "commission_rate": 0.0001,
    "commission_per_lot": 0.0,
    "close_today_rate": 0.0001,
    "slippage_ticks": 1,
    "margin_rate": 0.1,
}
BODY = {
    "strategy": "double_ma",
    "instrument": "rb88.SHFE",
    "interval": "5m",
    "parameters": {"fast": 10, "slow": 30},
    "capital": 1_000_000,
    "volume": 1,
    "costs": COSTS,
}


def by_command() -> str:
    """The hash that the command prints."""
    out = StringIO()
    options = [f"--{name.replace('_', '-')}={value}" for name, value in COSTS.items()]
    what = ["double_ma", "--instrument", "rb88.SHFE", "--interval", "5m", "--set", "fast=10", "--set", "slow=30"]
    call_command("run_backtest", *what, *options, "--capital", "1000000", "--volume", "1", "--json", stdout=out)
    return str(json.loads(out.getvalue())["result_hash"])


def by_rest(api: Any, user: User) -> str:
    """The hash that the API tells after a worker's task has computed the run."""
    client = api(user)
    run = client.post("/api/v1/backtests/", BODY).json()["run"]
    tasks.run(run)
    return str(client.get(f"/api/v1/backtests/{run}/").json()["result_hash"])


def by_console(user: User) -> str:
    """The hash on the page of the run that the console's form made."""
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    form = {
        "strategy": "double_ma",
        "instrument": Instrument.objects.get(code="rb88.SHFE").pk,
        "interval": "5m",
        "capital": 1_000_000,
        "volume": 1,
        "double_ma__fast": 10,
        "double_ma__slow": 30,
        **{f"cost_{name}": value for name, value in COSTS.items()},
    }
    address = client.post(reverse("admin:backtests_backtestrun_add"), form).headers["Location"]
    run = BacktestRun.objects.latest("pk")
    tasks.run(run.pk)
    run.refresh_from_db()
    assert run.result_hash in client.get(address).content.decode()
    return run.result_hash


def test_command_rest_and_console_give_the_one_known_result(api: Any, alice: User, shared_data: Path) -> None:
    file = str(shared_data / "bars" / RB_5M)
    call_command("import_bars", file, "--instrument", "rb88.SHFE", "--interval", "5m", "--bar-time", "end")
    assert [by_command(), by_rest(api, alice), by_console(alice)] == [EXPECTED] * 3
