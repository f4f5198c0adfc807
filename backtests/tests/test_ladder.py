"""The whole way of a strategy: every gate of it is opened by what was really run, and nothing is written by hand."""

from collections.abc import Sequence
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command

from accounts.models import User
from marketdata.domain.ticks import Tick
from marketdata.models import Instrument
from marketdata.tests.domain.recorded import needs_data
from quantsite.common.errors import ConflictError
from strategies import services, tasks
from strategies.domain.lifecycle import Stage
from strategies.models import Evidence, StrategyDay, StrategyGate, StrategyInstance
from strategies.services import NewInstance
from strategies.tests.live_day import live_day
from trading import services as trading
from trading.account_models import TRADE, TradingAccount
from trading.tests.recorded_ticks import FILES, ticks_of

pytestmark = [pytest.mark.django_db(transaction=True), needs_data, pytest.mark.real_data]

CODE = FILES[0].code
CHOSEN = {"fast": 2, "slow": 3}
EVERY = 40
"""Of the ticks of a day so many go by between two that are played."""


def days() -> list[Sequence[Tick]]:
    """Two trading days, thinned; the second one begins with its night session."""
    return [ticks_of(file)[::EVERY] for file in FILES[:2]]


def shut(instance: StrategyInstance) -> list[str]:
    """What is missing before the approval."""
    return [verdict.missing for verdict in services.gates_for(instance, Stage.APPROVED) if verdict.missing]


def test_from_draft_to_live_by_what_was_run(sim: Instrument, bob: User, rita: User) -> None:
    StrategyGate.objects.filter(kind="paper_day").update(minimum=2)
    rows = days()
    with live_day([CODE], rows[0][0], intervals=("5m",)) as day:
        day.add_account("paper")
        trading.grant_account(None, "paper", bob, TRADE)
        new = NewInstance("trend", "double_ma", (CODE,), "paper", "5m", parameters=CHOSEN)
        instance = services.create_instance(bob, new)
        named = ["double_ma", "--instrument", sim.code, "--interval", "5m", "--set", "fast=2", "--set", "slow=3"]
        call_command("run_backtest", *named, stdout=StringIO())
        call_command("check_strategy", *named, "--cuts", "2", stdout=StringIO())
        for _stage in ("backtested", "paper"):
            services.promote(bob, instance.pk)
        services.start(bob, instance.pk)
        day.begin()
        day.play(rows[0])
        assert tasks.show_paper_days() == 0, "the day is not over"
        day.finish_day()
        day.play(rows[1][:20])
        assert (tasks.show_paper_days(), tasks.show_paper_days()) == (1, 0)
        first = Evidence.objects.get(kind="paper_day")
        assert (first.passed, first.facts["faults"]) == (True, [])
        assert len(shut(instance)) == 1
        with pytest.raises(ConflictError) as error:
            services.ask_approval(bob, instance.pk, "paper", "One day.")
        assert "1 of 2" in error.value.text
        day.play(rows[1][20:])
        day.finish_day()
        day.end()
    assert tasks.show_paper_days() == 1
    told = list(Evidence.objects.filter(kind="paper_day").order_by("trading_day").values_list("passed", "facts"))
    assert [passed for passed, _facts in told] == [True, True], told
    assert StrategyDay.objects.filter(instance=instance, signals__gt=0).count() == 2
    instance.refresh_from_db()
    assert shut(instance) == []
    services.stop(bob, instance.pk, then="leave") if instance.activity != "stopped" else None
    trading.add_account(None, "real", capital=Decimal(1_000_000))
    trading.grant_account(None, "real", bob, TRADE)
    TradingAccount.objects.filter(code="real").update(live_enabled=True)
    services.ask_approval(bob, instance.pk, "real", "Two good days.")
    services.approve(rita, instance.pk, "Agreed.")
    assert StrategyInstance.objects.get().stage == "approved"
