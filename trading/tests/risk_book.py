"""A desk of accounts with a picture of their risk each, made by the rules' own functions from invented positions."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import numpy as np
from django.urls import reverse
from django.utils import timezone

from marketdata.domain.instrument import MarginRates
from trading import services
from trading.account_models import TRADE, AccountState, TradingAccount
from trading.domain.risk.bursts import programme_days
from trading.domain.risk.expiry import Expiring
from trading.domain.risk.figures import AccountView, DayCounts
from trading.domain.risk.holdings import Holding
from trading.domain.risk.levels import usages
from trading.domain.risk.limits import Limit, effective, table_of
from trading.domain.risk.picture import Measurements, picture
from trading.domain.risk.rules import Rule
from trading.domain.risk.scopes import PLATFORM, Scope, ScopeKind, scopes_of
from trading.domain.risk.standing import account_values, count_values, holding_values, position_values
from trading.domain.risk.stress import margin_stress
from trading.domain.risk.tail_risk import tail_risk
from trading.ledger_models import Position
from trading.limit_models import KillSwitch
from trading.order_models import Order
from trading.risk_choices import RiskEventKind
from trading.risk_models import AccountRisk, RiskEvent
from trading.tests.desk import CODE, make_desk
from trading.verbs.risk_events import Found, found

RB, HC, IO = "rb2501.SHFE", "hc2501.SHFE", "i2505.DCE"
RATES = MarginRates(0.1, 0.1)
HELD = (
    Holding(RB, "rb.SHFE", 60, 5, 10.0, 3_300.0, 3_510.0, 3_050.0, 198_000.0, 16_500.0, RATES),
    Holding(HC, "hc.SHFE", 0, 20, 10.0, 3_400.0, 3_600.0, 3_200.0, 0.0, 68_000.0, RATES),
    Holding(IO, "i.DCE", 8, 0, 100.0, 780.0, 842.0, 718.0, 62_400.0, 0.0, RATES),
)
LIMITS = (
    Limit(Rule.MARGIN, Scope(ScopeKind.DESK, "main"), 600_000.0),
    Limit(Rule.RISK_DEGREE, PLATFORM, 0.8),
    Limit(Rule.DAILY_LOSS, Scope(ScopeKind.DESK, "main"), 50_000.0),
    Limit(Rule.DRAWDOWN, PLATFORM, 0.15),
    Limit(Rule.POSITION_PRODUCT, Scope(ScopeKind.PRODUCT, "rb.SHFE"), 100.0),
    Limit(Rule.CONCENTRATION_PRODUCT, PLATFORM, 0.75),
    Limit(Rule.VALUE_AT_RISK, PLATFORM, 120_000.0),
    Limit(Rule.AVAILABLE, PLATFORM, 100_000.0),
)


def figures_of(
    account: TradingAccount, *, scale: int = 1, profit: float = 5_000.0, cancels: int = 312
) -> dict[str, Any]:
    """The picture of an account that holds :data:`HELD` so many times over, with what its gateway would add."""
    held = [
        replace(
            row,
            long=row.long * scale,
            short=row.short * scale,
            long_margin=row.long_margin * scale,
            short_margin=row.short_margin * scale,
        )
        for row in HELD
    ]
    margin = sum(row.margin for row in held)
    balance = 1_000_000.0 + profit
    view = AccountView(
        balance,
        balance - margin,
        margin,
        0.0,
        profit,
        max(0.0, -profit) / 1_000_000.0,
        sum(row.value for row in held),
        long={row.instrument: row.long for row in held if row.long},
        short={row.instrument: row.short for row in held if row.short},
        long_product={row.product: row.long for row in held if row.long},
        short_product={row.product: row.short for row in held if row.short},
    )
    stress = margin_stress(balance, held)
    chance = np.random.default_rng(7)
    returns = {row.instrument: chance.normal(0.0, 0.012, 250) for row in held}
    tail = tail_risk(
        {row.instrument: row.exposure for row in held}, returns, confidence=0.99, shortfall_confidence=0.975
    )
    counts = {RB: DayCounts(640, cancels), HC: DayCounts(40, 12)}
    measured = [
        *account_values(view),
        *position_values(view),
        *count_values(counts),
        *holding_values(held, stress, tail),
    ]
    limits = effective(table_of(LIMITS), scopes_of(desk=account.desk.code, account=account.code, product="rb.SHFE"))
    seen = Measurements(
        view,
        usages(measured, limits),
        held,
        stress,
        tail,
        working_orders=7,
        orders_today=680,
        counts=counts,
        expiring=[Expiring(RB, date(2025, 1, 15), 9, held[0].long, held[0].short)],
        programme=programme_days([]),
        ages={RB: 0.4, HC: 0.4, IO: 0.9},
    )
    return picture(seen)


def show(account: TradingAccount, *, at: datetime | None = None, gateway: str = "running", **given: Any) -> AccountRisk:
    """Write the picture as the gateway of the account would, as of ``at`` (now)."""
    now = at or timezone.now()
    figures = {
        **figures_of(account, **given),
        "gateway": gateway,
        "as_of": now.isoformat(),
        "market_time": now.isoformat(),
    }
    AccountState.objects.filter(account=account).update(
        gateway=gateway, balance=Decimal(str(figures["balance"])), margin=Decimal(str(figures["margin"]))
    )
    row, _made = AccountRisk.objects.update_or_create(
        account=account, defaults={"figures": figures, "updated_at": now, "market_time": now}
    )
    return row


def filled_desk(trader: Any, officer: Any) -> list[TradingAccount]:
    """Eight accounts on two desks: some far from their limits, one beyond one, one whose gateway is silent."""
    soon = timezone.now() + timedelta(minutes=3)
    made = [
        services.add_account(None, f"A{number}", capital=Decimal(1_000_000), desk=desk, name=f"Book {number}")
        for number, desk in enumerate(("main", "main", "main", "arb", "arb", "main", "arb", "main"), 1)
    ]
    services.grant_account(None, "A1", trader, TRADE)
    for number, account in enumerate(made):
        at = timezone.now() - timedelta(minutes=2) if number == 5 else soon
        show(account, scale=1 + number % 3, profit=(-38_000.0, 12_500.0, 0.0)[number % 3], cancels=40 * number, at=at)
    _waiting(made[0], officer)
    return made


def filled_pages(trader: Any, officer: Any) -> dict[str, str]:
    """The addresses of every page about risk, with something on each of them."""
    first, *_others = filled_desk(trader, officer)
    held = make_desk("held", trader, orders=5)
    Position.objects.filter(account=held.account).update(last_price=3_318, margin=16_500, position_profit=870)
    Order.objects.filter(account=held.account).update(strategy_key="double_ma")
    plan = services.make_plan(officer, "held", reason="Close before the holiday")
    loosened = services.set_limit(officer, "max_order_volume", "account", "held", 5, reason="small steps")
    proposal = services.set_limit(officer, "max_order_volume", "account", "held", 50, reason="a larger client").proposal
    assert loosened.limit is not None
    assert proposal is not None
    event, stop = RiskEvent.objects.filter(rule="max_risk_degree").latest("pk"), KillSwitch.objects.latest("pk")
    order = {"account": "held", "instrument": CODE, "direction": "buy", "offset": "open", "type": "limit"}
    return {
        "desk": reverse("risk-desk"),
        "account": reverse("admin:trading_tradingaccount_change", args=[first.pk]),
        "products": reverse("risk-product"),
        "product": f"{reverse('risk-product')}?product=rb.SHFE",
        "strategies": reverse("risk-strategy"),
        "strategy": f"{reverse('risk-strategy')}?key=double_ma",
        "plan": reverse("risk-plan", args=[plan.pk]),
        "plans": reverse("admin:trading_flattenplan_changelist"),
        "limits": reverse("admin:trading_risklimit_changelist"),
        "limits-account": f"{reverse('admin:trading_risklimit_changelist')}?scope=account:held",
        "limit": f"{reverse('admin:trading_risklimit_set')}?rule=max_order_volume&scope=account:held",
        "limit-past": reverse("admin:trading_risklimit_past"),
        "proposals": reverse("admin:accounts_proposal_changelist"),
        "proposal": reverse("admin:accounts_proposal_change", args=[proposal.pk]),
        "stops": reverse("admin:trading_killswitch_changelist"),
        "stop": reverse("admin:trading_killswitch_change", args=[stop.pk]),
        "stop-ask": f"{reverse('admin:trading_killswitch_set')}?scope=account:held&strength=3",
        "events": reverse("admin:trading_riskevent_changelist"),
        "event": reverse("admin:trading_riskevent_change", args=[event.pk]),
        "timeline": f"{reverse('admin:trading_riskevent_timeline')}?of=account:{first.code}",
        "programme": reverse("admin:trading_riskevent_programme"),
        "what-if": f"{reverse('risk-what-if')}?{urlencode({**order, 'price': 3_300, 'volume': 40})}",
    }


def _waiting(account: TradingAccount, officer: Any) -> None:
    """A breach that nobody has taken, a warning, and a stop."""
    share = {"share": "81.0 %"}
    for kind, level in ((RiskEventKind.BREACH, 1.2), (RiskEventKind.WARNING, 0.81)):
        found(
            Found(
                kind,
                "The risk degree is %(value)s.",
                {"value": share["share"]},
                account=account,
                rule=Rule.RISK_DEGREE.value,
                level=level,
            )
        )
    services.set_switch(officer, "account", account.code, 2, "Orders look wrong: two desks trade against each other")
