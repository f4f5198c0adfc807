"""Users' strategies through every door: listed, run, searched and checked; broken ones are told beside them."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from accounts.models import User
from backtests import services
from backtests.models import BacktestRun, RunStatus
from backtests.optimise.checks import check_optimization
from backtests.optimise.requests import OptimizationRequest
from backtests.requests import RunRequest
from backtests.runner import execute
from backtests.tests.optimisations import optimized
from backtests.tests.runs import finished, taken
from marketdata.models import Instrument
from quantsite.common.errors import RuleError
from strategies import registry
from strategies.tests.user_files import plain, using, write

pytestmark = pytest.mark.django_db

URL = "/api/v1/backtests/"
FORMS = ["backtestrun", "optimizationrun", "walkforwardrun"]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with a sound and a broken strategy."""
    with using(write(tmp_path, rising=plain("rising"), wrong="x = 1\ny = x / 0\n")):
        yield tmp_path


@pytest.fixture
def own(asked: RunRequest, folder: Path) -> RunRequest:
    """The usual request, of the user's strategy."""
    return replace(asked, strategy="rising", parameters={"up": 3})


def loaded_here() -> list[str]:
    """Modules of users in this process."""
    return [name for name in sys.modules if name.startswith("user_strategies_")]


def forget() -> None:
    """Nothing of users is loaded in this process."""
    for name in loaded_here():
        del sys.modules[name]


def test_a_run_of_a_users_strategy_is_asked_for_without_loading_it_and_computed(alice: User, own: RunRequest) -> None:
    forget()
    run = services.run_backtest(alice, own)
    assert run.parameters == {"up": 3, "down": 1}
    assert loaded_here() == []
    execute(taken(run))
    run.refresh_from_db()
    assert (run.status, run.error) == (RunStatus.SUCCEEDED, "")
    assert run.fill_count is not None
    assert run.fill_count > 100
    assert run.source_hash == registry.source_hash("rising")


def test_its_refusals_stand_beside_their_inputs(alice: User, own: RunRequest) -> None:
    with pytest.raises(RuleError) as refusal:
        services.run_backtest(alice, replace(own, parameters={"up": 1, "down": 4}))
    assert refusal.value.fields == {"down": "down (4) must not be above up (1)."}
    with pytest.raises(RuleError, match=r"There is no parameter 'upp'. Did you mean 'up'\?"):
        services.run_backtest(alice, replace(own, parameters={"upp": 1}))
    with pytest.raises(RuleError, match=r"wrong\.py:2: .*ZeroDivisionError") as refusal:
        services.run_backtest(alice, replace(own, strategy="wrong", parameters={}))
    assert refusal.value.code == "broken_strategy"
    assert not BacktestRun.objects.exists()


def test_one_that_breaks_while_its_run_waits_fails_with_the_line(alice: User, own: RunRequest, folder: Path) -> None:
    run = services.run_backtest(alice, own)
    write(folder, rising="(")
    execute(taken(run))
    run.refresh_from_db()
    assert run.status == RunStatus.FAILED
    assert "rising.py:1: it is no Python" in run.error


def test_a_changed_strategy_runs_as_it_is_now(alice: User, own: RunRequest, folder: Path) -> None:
    before = finished(alice, own)
    write(folder, rising=plain("rising").replace("Signal(1.0", "Signal(-1.0"))
    after = finished(alice, own)
    assert before.source_hash != after.source_hash
    assert before.result_hash != after.result_hash
    write(folder, rising=plain("rising"))
    again = finished(alice, own)
    assert (again.source_hash, again.result_hash) == (before.source_hash, before.result_hash)


def test_the_api_lists_users_strategies_and_the_broken_ones(api: Any, alice: User, folder: Path) -> None:
    forget()
    answer = api(alice).get(f"{URL}strategies/").json()
    known = {row["name"]: row for row in answer["results"]}
    assert (known["rising"]["origin"], known["rising"]["trusted"]) == ("user", False)
    assert (known["double_ma"]["origin"], known["double_ma"]["trusted"]) == ("library", True)
    assert known["rising"]["source_hash"] == registry.source_hash("rising")
    assert [row["name"] for row in known["rising"]["parameters"]] == ["up", "down"]
    (broken,) = answer["broken"]
    assert (broken["name"], broken["line"]) == ("wrong", 2)
    assert broken["path"] == str(folder / "wrong.py")
    assert "ZeroDivisionError" in broken["error"]
    assert loaded_here() == []


def test_the_api_runs_them(api: Any, alice: User, own: RunRequest) -> None:
    body = {"strategy": "rising", "instrument": own.instrument, "interval": "5m", "parameters": {"up": 2}}
    answer = api(alice).post(URL, body, format="json")
    assert answer.status_code == 202, answer.json()
    refused = api(alice).post(URL, {**body, "strategy": "wrong"}, format="json")
    assert refused.status_code == 400
    assert "wrong.py:2" in json.dumps(refused.json())


@pytest.mark.parametrize("page", FORMS)
def test_the_forms_of_the_console_show_both(alice: User, sim: Instrument, folder: Path, page: str) -> None:
    forget()
    client = Client()
    client.force_login(alice, "django.contrib.auth.backends.ModelBackend")
    shown = client.get(reverse(f"admin:backtests_{page}_add")).content.decode()
    assert 'name="rising__up"' in shown
    assert "Strategy wrong cannot be run" in shown
    assert f"{folder / 'wrong.py'}:2: it cannot be imported: ZeroDivisionError" in shown
    assert loaded_here() == []


def test_the_console_makes_a_run(alice: User, own: RunRequest, sim: Instrument) -> None:
    client = Client()
    client.force_login(alice, "django.contrib.auth.backends.ModelBackend")
    filled = {"strategy": "rising", "instrument": sim.pk, "interval": "5m", "capital": 1e6, "volume": 1}
    refused = client.post(reverse("admin:backtests_backtestrun_add"), {**filled, "rising__up": 1, "rising__down": 2})
    assert "down (2) must not be above up (1)." in refused.content.decode()
    client.post(reverse("admin:backtests_backtestrun_add"), {**filled, "rising__up": 4})
    assert BacktestRun.objects.get().parameters == {"up": 4, "down": 1}


def test_the_commands_run_and_check_them(own: RunRequest) -> None:
    bars = ["--instrument", own.instrument, "--interval", "5m"]
    out = StringIO()
    call_command("run_backtest", "rising", *bars, "--set", "up=3", "--json", stdout=out)
    stored = BacktestRun.objects.get(pk=json.loads(out.getvalue())["run"])
    assert stored.source_hash == registry.source_hash("rising")
    out = StringIO()
    call_command("check_strategy", "rising", *bars, "--cuts", "4", stdout=out)
    assert "No look-ahead was found" in out.getvalue()
    with pytest.raises(CommandError, match=r"wrong\.py:2: "):
        call_command("run_backtest", "wrong", *bars)


def test_they_are_searched_by_their_own_rules(alice: User, own: RunRequest) -> None:
    request = OptimizationRequest(replace(own, parameters={}), {"up": "1:4:1", "down": "1:4:1"})
    forget()
    assert check_optimization(request).total == 16
    assert loaded_here() == []
    run = optimized(alice, request)
    assert (run.done, run.skipped) == (10, 6)
    assert run.source_hash == registry.source_hash("rising")
