"""What is known of an account's risk from its rows alone, where no gateway has it in hand.

Positions stand at the prices that they were marked at last; price limits and market clocks are not known, so that the
margin stress and orders that rest outside the session are left to the gateway.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date

from marketdata.daily_returns import daily_returns, days_before
from marketdata.domain.bars import FloatColumn
from marketdata.domain.calendar import TradingCalendar
from marketdata.instruments import trading_calendar
from quantsite.common.errors import MissingError
from trading.account_models import AccountState, TradingAccount
from trading.choices import DirectionName, OffsetName, SideName
from trading.domain.ledger import Terms
from trading.domain.risk.account_limits import AccountLimits
from trading.domain.risk.actions import Action
from trading.domain.risk.figures import AccountView, DayCounts
from trading.domain.risk.holdings import NO_RATES, Holding
from trading.domain.risk.limits import large_volume
from trading.domain.risk.measuring import Known, tail_days
from trading.domain.risk.peak import Peak
from trading.ledger.day_actions import sent_on
from trading.ledger.day_counts import DayCounters
from trading.ledger.facts import Facts
from trading.ledger.stop_effects import reaches
from trading.ledger_models import Position
from trading.limit_models import KillSwitch
from trading.order_models import Order


class RowRisk:
    """One account as its rows have it now; reads ``state``, ``desk`` and ``control_group`` of it."""

    def __init__(self, account: TradingAccount) -> None:
        self.account = account
        self.state = AccountState.objects.get(account=account)
        self._facts = Facts(account)
        self._positions = list(Position.objects.filter(account=account).select_related("instrument__product"))
        self._orders = list(Order.objects.filter(account=account).working().select_related("instrument__product"))

    @property
    def exposed(self) -> bool:
        """Whether anything is held, or may still fill."""
        return bool(self._positions or self._orders)

    @property
    def working(self) -> int:
        """Orders that may still fill."""
        return len(self._orders)

    @property
    def balance(self) -> float:
        """In yuan."""
        return float(self.state.balance)

    def known(self, limits: AccountLimits, peak: Peak) -> Known:
        """Everything that rows tell."""
        day, holdings = self.state.trading_day, self._holdings()
        calendar = trading_calendar() if holdings else None
        counts, products = self._counts(limits)
        return Known(
            view=self._view(holdings, peak),
            holdings=holdings,
            products={**products, **self._products()},
            day=day,
            calendar=calendar,
            returns=self._returns(holdings, calendar, day, tail_days(limits.of())),
            counts=counts,
            actions=self._actions(),
            working_orders=len(self._orders),
            orders_today=sum(count.orders for count in counts.values()),
            switches=[stop.pk for stop in KillSwitch.objects.active() if reaches(stop, self.account)],
            ages=dict.fromkeys(sorted(self._products()), math.inf),
        )

    def _products(self) -> dict[str, str]:
        instruments = [row.instrument for row in self._positions] + [row.instrument for row in self._orders]
        return {row.code: str(row.product) for row in instruments}

    def _view(self, holdings: Sequence[Holding], peak: Peak) -> AccountView:
        state = self.state
        long: defaultdict[str, int] = defaultdict(int)
        short: defaultdict[str, int] = defaultdict(int)
        for row in holdings:
            long[row.instrument] += row.long
            short[row.instrument] += row.short
        value = sum(row.value for row in holdings)
        last = {row.instrument: row.last for row in holdings}
        for order in self._orders:
            if order.offset == OffsetName.OPEN:
                code = order.instrument.code
                (long if order.direction == DirectionName.BUY else short)[code] += order.left
                price = last.get(code, math.nan if order.price is None else float(order.price))
                value += order.left * float(order.instrument.multiplier) * price
        return AccountView(
            balance=self.balance,
            available=float(state.available),
            margin=float(state.margin),
            frozen_margin=float(state.frozen_margin),
            day_profit=float(state.position_profit + state.close_profit - state.commission),
            drawdown=peak.drawdown(self.balance),
            notional=value,
            long=_lots(long),
            short=_lots(short),
            long_product=self._by_product(long),
            short_product=self._by_product(short),
        )

    def _by_product(self, lots: Mapping[str, int]) -> dict[str, int]:
        products, found = self._products(), defaultdict[str, int](int)
        for code, count in lots.items():
            found[products[code]] += count
        return _lots(found)

    def _holdings(self) -> list[Holding]:
        by_code: defaultdict[str, dict[str, Position]] = defaultdict(dict)
        for row in self._positions:
            by_code[row.instrument.code][row.side] = row
        return [self._holding(code, sides) for code, sides in sorted(by_code.items())]

    def _holding(self, code: str, sides: Mapping[str, Position]) -> Holding:
        any_side = next(iter(sides.values()))
        instrument, terms = any_side.instrument, self._terms(code)
        long, short = sides.get(SideName.LONG), sides.get(SideName.SHORT)
        return Holding(
            instrument=code,
            product=str(instrument.product),
            long=long.volume if long else 0,
            short=short.volume if short else 0,
            multiplier=float(instrument.multiplier),
            last=math.nan if any_side.last_price is None else float(any_side.last_price),
            long_margin=float(long.margin) if long else 0.0,
            short_margin=float(short.margin) if short else 0.0,
            margins=terms.margins if terms else NO_RATES,
            larger_side=terms.larger_side if terms else False,
            margin_group=terms.margin_group if terms else "",
            expires=instrument.expires,
        )

    def _terms(self, code: str) -> Terms | None:
        """What the instrument costs on the running day; None where nobody tells."""
        with suppress(MissingError):
            return None if self.state.trading_day is None else self._facts.terms(code, self.state.trading_day)
        return None

    def _returns(
        self, holdings: Sequence[Holding], calendar: TradingCalendar | None, day: date | None, count: int
    ) -> dict[str, FloatColumn] | None:
        if calendar is None or day is None:
            return {}
        days = days_before(calendar, day, count + 1)
        return {row.instrument: daily_returns(row.instrument, days) for row in holdings}

    def _group(self) -> list[int]:
        group = TradingAccount.objects.filter(control_group=self.account.control_group_id)
        return list(group.values_list("pk", flat=True))

    def _counts(self, limits: AccountLimits) -> tuple[dict[str, DayCounts], dict[str, str]]:
        """Orders and cancels of the control group by instrument, and the product of each."""
        counters = DayCounters()
        counters.load(self._group(), self.state.trading_day)
        products = {code: str(self._facts.row(code).product) for code in sorted(counters.codes())}
        return {
            code: counters.of(code, large_volume(limits.of(product))) for code, product in products.items()
        }, products

    def _actions(self) -> list[Action]:
        day = self.state.trading_day
        return [] if day is None else sent_on(self._group(), day)


def _lots(held: Mapping[str, int]) -> dict[str, int]:
    return {subject: lots for subject, lots in held.items() if lots}
