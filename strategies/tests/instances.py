"""Instances for tests, in any state, with evidence: what a test says is what differs from the plain one."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from guardian.shortcuts import assign_perm

from accounts.models import User
from marketdata.instruments import ensure_instrument
from strategies import registry
from strategies.instance_models import OPERATE
from strategies.models import (
    Evidence,
    Signal,
    StrategyDay,
    StrategyGate,
    StrategyInstance,
    StrategyLeg,
    StrategyLog,
    StrategyOrder,
    StrategyPosition,
    StrategyRoll,
)
from strategies.services import Finding, write_evidence
from trading import services as trading
from trading.account_models import TRADE, TradingAccount

CODE = "rb2501.SHFE"
DAY = date(2024, 12, 2)
NOON = datetime(2024, 12, 2, 4, tzinfo=UTC)


def make_account(code: str = "paper", trader: User | None = None, **columns: Any) -> TradingAccount:
    """A simulated account with a million yuan; ``trader`` may trade on it."""
    account = trading.add_account(None, code, capital=Decimal(1_000_000))
    if trader is not None:
        trading.grant_account(None, code, trader, TRADE)
    if columns:
        TradingAccount.objects.filter(pk=account.pk).update(**columns)
        account.refresh_from_db()
    return account


def make_instance(
    key: str = "trend", owner: User | None = None, account: TradingAccount | None = None, **columns: Any
) -> StrategyInstance:
    """A stored instance of ``double_ma`` on rb2501 with default parameters and the present source, past every check."""
    account = account or TradingAccount.objects.filter(code="paper").first() or make_account(trader=owner)
    cls = registry.get(columns.get("strategy", "double_ma"))
    plain = {
        "strategy": cls.name,
        "parameters": cls.Parameters().as_dict(),
        "interval": "5m",
        "source_hash": registry.source_hash(cls),
    }
    instance = StrategyInstance.objects.create(key=key, owner=owner, account=account, **(plain | columns))
    StrategyLeg.objects.create(instance=instance, number=0, instrument=ensure_instrument(CODE, DAY))
    return instance


def at_stage(
    stage: str,
    activity: str = "stopped",
    *,
    key: str = "trend",
    owner: User | None = None,
    approver: User | None = None,
    account: TradingAccount | None = None,
    **columns: Any,
) -> StrategyInstance:
    """An instance as it stands in a stage; an approved or live one needs an ``approver``."""
    account = account or TradingAccount.objects.filter(code="paper").first() or make_account(trader=owner)
    if stage in {"approved", "live"}:
        live = TradingAccount.objects.filter(code="real").first() or make_account("real", owner, live_enabled=True)
        columns |= {"live_account": live, "approved_by": approver, "approved_at": NOON}
        account = live if stage == "live" else account
    return make_instance(key, owner, account, stage=stage, activity=activity, **columns)


def show(instance: StrategyInstance, *, paper_days: int = 5) -> None:
    """All the evidence that the default gates ask for, of the instance's present source and parameters."""
    for kind in ("backtest", "look_ahead"):
        write_evidence(
            None, Finding(kind=kind, strategy=instance.strategy, passed=True, parameters=instance.parameters)
        )
    for number in range(paper_days):
        write_evidence(
            None,
            Finding(
                kind="paper_day",
                strategy=instance.strategy,
                passed=True,
                parameters=instance.parameters,
                interval=instance.interval,
                instance_id=instance.pk,
                trading_day=date(2024, 12, 2 + number),
            ),
        )


def open_gates() -> None:
    """No stage asks for evidence."""
    StrategyGate.objects.update(is_active=False)


def everything_of(instance: StrategyInstance, operator: User) -> dict[str, str]:
    """A row of each kind of the instance, which ``operator`` may operate; the keys by which addresses find them."""
    assign_perm(OPERATE, operator, instance)
    leg = instance.legs.get()
    rows = {"instance": instance, "instrument": leg.instrument}
    signal = Signal.objects.create(**rows, number=1, decided_at=NOON, target=1.0, values={"fast": 3_300.5})
    order = StrategyOrder.objects.create(
        **rows, number=1, cause="target", direction="buy", type="market", lots=1, decided_at=NOON, refused_code="risk"
    )
    line = StrategyLog.objects.create(instance=instance, kind="test", text="A line.")
    position = StrategyPosition.objects.create(**rows)
    day = StrategyDay.objects.create(instance=instance, trading_day=DAY)
    roll = StrategyRoll.objects.create(
        instance=instance, from_instrument=leg.instrument, to_instrument=leg.instrument, lots=1, state="done"
    )
    evidence = Evidence.objects.create(
        kind="paper_day", strategy=instance.strategy, source_hash=instance.source_hash, instance=instance, passed=True
    )
    return {
        "strategyinstance": str(instance.pk),
        "strategies": str(instance.pk),
        "signal": str(signal.pk),
        "signals": str(signal.pk),
        "strategyorder": str(order.pk),
        "strategylog": str(line.pk),
        "strategyposition": str(position.pk),
        "strategyday": str(day.pk),
        "strategyroll": str(roll.pk),
        "evidence": str(evidence.pk),
        "strategygate": str(StrategyGate.objects.earliest("pk").pk),
        "strategy-library": "double_ma",
    }
