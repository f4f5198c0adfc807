"""What an order would do to an account before anybody places it: margin, limits, and who would refuse it why."""

from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from marketdata.domain.ticks import Tick
from marketdata.instruments import find_instrument
from marketdata.quotes.services import get_realtime_data
from quantsite.common.errors import RuleError
from trading.account_models import TradingAccount
from trading.choices import DirectionName, SideName
from trading.domain.checks import Reason
from trading.domain.risk.figures import Asked, DayCounts, Quote
from trading.domain.risk.limits import Limit, effective, table_of
from trading.domain.risk.rules import RULES, Rule
from trading.domain.risk.switches import stop_reason
from trading.domain.risk.what_if import WhatIf, what_if
from trading.ledger.day_counts import DayCounters
from trading.ledger.facts import contract_facts, order_day
from trading.ledger.keeper import Keeper
from trading.ledger.risk_view import RiskView, is_opening, risk_order
from trading.ledger.stop_effects import order_scopes
from trading.limit_models import KillSwitch, RiskLimit
from trading.order_models import Order
from trading.permissions import find_account
from trading.risk_models import AccountRisk
from trading.verbs.new_order import NewOrder
from trading.verbs.placing import check_form, check_order, works_as_limit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accounts.models import User


@dataclass(frozen=True)
class Foreseen:
    """``stop``: why a stop would refuse the order; ``outcome`` is computed all the same."""

    stop: Reason | None
    outcome: WhatIf


def what_if_order(actor: "User | None", account_code: str, asked: NewOrder, *, strategy_key: str = "") -> Foreseen:
    """The account without and with the order, as if it were filled at once; nothing is written.

    Rates of orders and bursts are not foreseen. Raises ``MissingError`` for an account that the actor cannot see or an
    unknown instrument, ``RuleError`` for what is wrong whatever the market does, or where no price is known.
    """
    account = find_account(actor, account_code)
    check_form(asked)
    instrument = find_instrument(asked.instrument)
    facts = contract_facts(instrument)
    check_order(asked, facts, instrument, aggressive=works_as_limit(account, asked))
    columns = {**asked.columns(facts.price_tick), "strategy_key": strategy_key}
    order = Order(account=account, instrument=instrument, created_by=actor, **columns)
    scopes = order_scopes(account, order)
    limits = effective(table_of(row.to_domain() for row in RiskLimit.objects.all()), scopes)
    stops = [row.to_domain() for row in KillSwitch.objects.active()]
    told, released = _asked(account, order, limits)
    return Foreseen(stop_reason(stops, scopes, opening=is_opening(order)), what_if(told, limits, released))


def _asked(account: TradingAccount, order: Order, limits: "Mapping[Rule, Limit]") -> tuple[Asked, float]:
    """What the rules would be asked, from rows; and the margin in yuan that a closing order would free."""
    tick = next(iter(get_realtime_data(None, [order.instrument])), None)
    keeper = _kept(account, order, tick)
    view = RiskView(keeper)
    peak = AccountRisk.objects.filter(account=account).values_list("peak", flat=True).first()
    contract = view.contract(order.instrument.code)
    quote = _quote(tick)
    asked = Asked(
        order=risk_order(order, contract),
        quote=quote,
        view=view.before(order, peak, (quote.upper, quote.lower)) if is_opening(order) else view.now(peak),
        counts=_counts(keeper, order.instrument.code, limits.get(Rule.LARGE_CANCELS)),
    )
    return asked, _released(keeper, order)


def _kept(account: TradingAccount, order: Order, tick: Tick | None) -> Keeper:
    """The account rebuilt in memory, marked at the newest price of the order's instrument."""
    keeper = Keeper(account)
    keeper.load()
    code = order.instrument.code
    if keeper.state.trading_day is None:
        keeper.state.trading_day = order_day(order.instrument)
    if keeper.state.trading_day is None:
        told = _("The account has not traded yet, and nobody publishes %(code)s: its trading day is not known.")
        raise RuleError("no_market", told % {"code": code})
    keeper.know_or_keep(code)
    if tick is not None:
        if tick.pre_settlement > 0 and code not in keeper.pre_settlements:
            keeper.settled_before(code, tick.pre_settlement)
        keeper.price(code, tick.last)
    return keeper


def _quote(tick: Tick | None) -> Quote:
    if tick is None:
        return Quote()
    return Quote(tick.last, tick.pre_settlement or nan, tick.upper_limit or nan, tick.lower_limit or nan)


def _counts(keeper: Keeper, code: str, limit: Limit | None) -> DayCounts:
    """What the account's control group has sent of the instrument on the running day."""
    usual = RULES[Rule.LARGE_CANCELS].params["volume"]
    large = float(usual if limit is None else limit.params.get("volume", usual))
    counters = DayCounters()
    group = TradingAccount.objects.filter(control_group=keeper.account.control_group_id)
    counters.load(list(group.values_list("pk", flat=True)), keeper.trading_day)
    return counters.of(code, large)


def _released(keeper: Keeper, order: Order) -> float:
    """The part of a side's margin that its lots leave free once they are closed."""
    if is_opening(order):
        return 0.0
    side = SideName.LONG if order.direction == DirectionName.SELL else SideName.SHORT
    row = keeper.positions.get((order.instrument.code, side.value))
    return 0.0 if row is None else float(row.margin) * min(order.volume, row.volume) / row.volume
