"""The sweep over accounts that no gateway watches: what it computes from rows, what it leaves alone."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.leases import take
from accounts.models import Alarm
from quantsite.web.metrics import exposition
from trading import risk_sweep, services
from trading.domain.risk.measuring import measured
from trading.domain.risk.rules import BreachAction, Rule
from trading.ledger.apply import lease_of
from trading.limit_models import KillSwitch
from trading.models import AccountRisk, RiskEvent, TradingAccount
from trading.tasks import sweep_risk
from trading.tests.loop_bench import CAPITAL, HC, RB, Bench, bench
from trading.tests.risk_table import limit, stop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.embedded]

OF_ROWS = (
    "balance", "available", "day_profit", "margin", "risk_degree", "notional", "margin_by_product", "net_exposure",
    "exposure_by_product", "concentration", "working_orders", "orders_today", "cancels", "cancel_budget", "bursts",
    "expiries", "drawdown", "peak", "paid_in", "switches", "limits", "trading_day", "levels",
)  # fmt: skip
"""What needs no live market: the sweep must say of it what the gateway said."""


@pytest.fixture
def table() -> Iterator[Bench]:
    """An account with lots of two products on both sides, a cancelled order and one at work."""
    with bench() as made:
        made.street.tick(4000.0, code=HC)
        made.placed("buy", "open", 4001.0, 5)
        made.placed("sell", "open", 3999.0, 2)
        made.placed("sell", "open", 3999.0, 3, instrument=HC)
        services.cancel_order(None, made.placed("buy", "open", 3990.0, 2).pk)
        made.placed("buy", "open", 3980.0, 4)
        made.ticked(4010.0)
        yield made


def last_look(table: Bench) -> dict[str, Any]:
    """What the gateway says before it is killed."""
    table.loop.commands.heed()
    table.now_everything()
    AccountRisk.objects.update(updated_at=timezone.now() - timedelta(minutes=1))
    told: dict[str, Any] = AccountRisk.objects.get(account=table.account).figures
    return told


def rounded(value: Any) -> Any:
    """Figures as far as columns of money keep them."""
    if isinstance(value, float):
        return round(value, 5)
    if isinstance(value, dict):
        return {name: rounded(part) for name, part in value.items()}
    return [rounded(part) for part in value] if isinstance(value, list) else value


def test_it_says_from_rows_what_the_gateway_said(table: Bench) -> None:
    limit(Rule.POSITION_PRODUCT, 100.0)
    limit(Rule.RISK_DEGREE, 0.5)
    stop(1, "desk", table.account.desk.code)  # type: ignore[arg-type]
    before = last_look(table)
    assert sweep_risk() == 1
    told = AccountRisk.objects.get(account=table.account).figures
    for name in OF_ROWS:
        assert rounded(told[name]) == rounded(before[name]), name
    assert (told["gateway"], told["data_age"]["by_instrument"]) == ("unwatched", {HC: None, RB: None})
    alarm = Alarm.objects.open().get()
    assert (alarm.code, alarm.subject, alarm.severity) == ("risk_unwatched", "T1", "critical")
    assert alarm.values == {"account": "T1", "lots": "10", "orders": "1"}


def test_a_limit_acts_from_rows_too_and_once(table: Bench) -> None:
    last_look(table)
    row = limit(Rule.CONCENTRATION_PRODUCT, 0.5)
    row.action = BreachAction.CANCEL.value
    row.save()
    assert [sweep_risk(), sweep_risk()] == [1, 1]
    assert (KillSwitch.objects.get().strength, RiskEvent.objects.get(kind="breach").count) == (2, 1)
    assert set(Alarm.objects.open().values_list("code", flat=True)) == {"risk_unwatched", "risk_breach"}


def test_an_account_that_its_gateway_watches_is_left_alone_and_its_alarm_goes(table: Bench) -> None:
    last_look(table)
    assert sweep_risk() == 1
    held = take(lease_of(table.account), "a gateway")
    table.loop.monitor.look()
    before = AccountRisk.objects.get().figures
    assert sweep_risk() == 0
    assert AccountRisk.objects.get().figures == before
    assert not Alarm.objects.open().exists()
    held.release()
    assert sweep_risk() == 1  # it says that it runs, and holds nothing


def test_what_has_nothing_to_lose_is_no_ones_business(db: None) -> None:
    services.add_account(None, "idle", capital=CAPITAL)
    assert sweep_risk() == 0
    assert not AccountRisk.objects.exists()


def test_a_gateway_that_comes_meanwhile_is_not_written_over(table: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    last_look(table)

    def overtaken(*given: Any) -> Any:
        AccountRisk.objects.update(updated_at=timezone.now(), figures={"gateway": "running"})
        return measured(*given)

    monkeypatch.setattr(risk_sweep, "measured", overtaken)
    assert sweep_risk() == 0
    assert AccountRisk.objects.get().figures == {"gateway": "running"}
    assert not Alarm.objects.open().exists()


def test_one_account_that_fails_hides_no_other(table: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    last_look(table)
    broken: TradingAccount = services.add_account(None, "A0", capital=CAPITAL)
    true = risk_sweep._look

    def look(account: TradingAccount, *given: Any) -> bool:
        if account.pk == broken.pk:
            raise ZeroDivisionError("its rows contradict")
        return true(account, *given)

    monkeypatch.setattr(risk_sweep, "_look", look)
    assert sweep_risk() == 2
    assert Alarm.objects.open().get().subject == "T1"


def test_metrics_tell_how_old_each_picture_is_and_what_is_broken(table: Bench) -> None:
    limit(Rule.CONCENTRATION_PRODUCT, 0.5)
    last_look(table)
    told = exposition()[0].decode()
    age = next(
        line for line in told.splitlines() if line.startswith('quantsite_risk_picture_age_seconds{account="T1"}')
    )
    assert float(age.split()[-1]) >= 60
    assert 'quantsite_risk_limits_broken{account="T1"} 1.0' in told
