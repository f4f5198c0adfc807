"""What is asked of risk before an order is handed over: stops first, then the rules, on figures that are fresh.

Only an opening order can be refused here, but for a price that the exchange itself would refuse. Whatever fails in a
check refuses openings, and openings only.
"""

import math
import time
from collections.abc import Iterator

import structlog
from django.utils import timezone

from marketdata.domain.ticks import BACKWARD, STALE, Tick
from quantsite.common.errors import RuleError
from quantsite.common.texts import say, sentences
from quantsite.common.times import NS_PER_SECOND, ns_to_utc, utc_to_ns
from quantsite.web.database import DATABASE_AWAY
from trading.domain.checks import Reason
from trading.domain.risk.figures import Asked, Quote, RiskOrder
from trading.domain.risk.findings import Finding
from trading.domain.risk.order_rules import failed, judged_by, price_limit_reason
from trading.domain.risk.rules import Rule
from trading.domain.risk.sent import HORIZON, SentOrders
from trading.ledger.keeper import Keeper
from trading.ledger.risk_view import RiskView, is_opening, risk_order
from trading.limit_models import KillSwitch
from trading.loop.desk_rules import NO_PRICE, Moment, no_price, price_limits
from trading.loop.market import Market
from trading.loop.risk_desk import RiskDesk, Standing
from trading.loop.risk_tell import UNKNOWN, RiskTeller
from trading.metrics import CHECKS_FAILED, DECISION_SECONDS
from trading.order_models import AccountEvent, Order

log = structlog.get_logger(__name__)


class RiskCheck:
    """Stops and rules before an order of one account; ``teller`` hears of limits that are near."""

    def __init__(self, keeper: Keeper, market: Market, desk: RiskDesk, teller: RiskTeller) -> None:
        self.view = RiskView(keeper)
        self._teller = teller
        self._broken: Finding | None = None
        self._last: tuple[Order | None, RiskOrder | None] = (None, None)
        self._keeper = keeper
        self._market = market
        self._desk = desk
        self._sent = SentOrders()

    def load(self) -> None:
        """At the loop's start: what was sent within the longest window that a limit may look at."""
        self._sent = SentOrders()
        since = time.time_ns() - int(HORIZON * NS_PER_SECOND)
        for order, at in self._sent_since(since):
            self._sent.note(at, self._taken(order).fingerprint)

    def note_sent(self, order: Order) -> None:
        """An order is about to be handed over."""
        self._sent.note(time.time_ns(), self._taken(order).fingerprint)

    def demand(self, order: Order, moment: Moment) -> None:
        """Raise ``RuleError`` where a stop or a rule is against the order, or nobody can tell."""
        began = time.perf_counter()
        self._broken = None
        try:
            reason = (self._opening_reason if is_opening(order) else self._price_reason)(order, moment)
        except (*DATABASE_AWAY, RuleError):
            raise
        except Exception as error:
            CHECKS_FAILED.inc()
            log.exception("risk check failed", account=self._keeper.account.code, order=order.pk)
            reason = failed(error) if is_opening(order) else None
        finally:
            DECISION_SECONDS.observe(time.perf_counter() - began)
        if reason is not None:
            raise RuleError(reason.code, reason.text)

    def forbids_meeting(self, order: Order) -> bool:
        """Whether an order may not meet others of its control group; so too where nobody can tell."""
        try:
            contract = self.view.contract(order.instrument.code)
            return Rule.SELF_TRADE in self._desk.standing(order, contract.product).limits
        except DATABASE_AWAY:
            raise
        except Exception:  # what cannot be told must not end the loop, nor keep anybody from closing
            CHECKS_FAILED.inc()
            log.exception("risk check failed", account=self._keeper.account.code, order=order.pk)
            return True

    def tell_refusal(self, order: Order, error: RuleError) -> None:
        """The order that was asked about last is refused."""
        self._teller.refused(order, error, self._broken)

    def _price_reason(self, order: Order, moment: Moment) -> Reason | None:
        """What the exchange itself would say to the price of a closing order."""
        taken = self._taken(order)
        return price_limit_reason(taken, self._quote(taken.instrument, moment))

    def _opening_reason(self, order: Order, moment: Moment) -> Reason | None:
        if not self._desk.known:
            text = say("Positions cannot be opened: limits and stops could not be read for some seconds.")
            return Reason(UNKNOWN, text)
        taken = self._taken(order)
        code = taken.instrument
        standing = self._desk.standing(order, taken.product)
        if standing.stop is not None and standing.stop_reason is not None:
            return stopped(standing.stop, standing.stop_reason)
        quote = self._quote(code, moment)
        if not self._priced(code, quote, moment):
            return Reason(NO_PRICE, no_price(code))
        return self._judge(order, standing, quote)

    def _judge(self, order: Order, standing: Standing, quote: Quote) -> Reason | None:
        taken = self._taken(order)
        code = taken.instrument
        asked = Asked(
            taken,
            quote,
            self.view.before(order, self._desk.peak, price_limits(self._market, code)),
            self._desk.counts(code, standing.limits),
            self._sent,
            time.time_ns(),
        )
        reason, findings = judged_by(asked, standing.asks)
        for finding in findings:
            self._teller.near(order, finding)
        self._broken = findings[-1] if findings and findings[-1].broken else None
        return reason

    def _taken(self, order: Order) -> RiskOrder:
        """The order as the rules take it: made once, for a row is asked about more than once on its way."""
        row, taken = self._last
        if taken is None or row is not order:
            taken = risk_order(order, self.view.contract(order.instrument.code))
            self._last = order, taken
        return taken

    def _priced(self, code: str, quote: Quote, moment: Moment) -> bool:
        """Whether a price of the order's trading day is known, from a stream that is being read.

        Before the day's opening there is none: then the rules that need one refuse by themselves.
        """
        if not self._market.read_lately(code):
            return False
        return quote is not NO_QUOTE or moment.now < self._opens(code, moment)

    def _opens(self, code: str, moment: Moment) -> int:
        return self._keeper.facts.contract(code).table.plan(moment.day).opens

    def _quote(self, code: str, moment: Moment) -> Quote:
        """What the newest tick of the order's trading day says, if it can be relied on; else :data:`NO_QUOTE`."""
        tick = self._market.tick(code)
        if tick is None or not _usable(tick, moment.day):  # yesterday's limits are not today's
            return NO_QUOTE
        limits = tick.upper_limit or math.nan, tick.lower_limit or math.nan
        return Quote(tick.last, tick.pre_settlement or math.nan, *limits)

    def _sent_since(self, since: int) -> Iterator[tuple[Order, int]]:
        events = AccountEvent.objects.filter(account=self._keeper.account, kind="submitting")
        lately = events.filter(seq__gt=self._keeper.committed - RECENT_EVENTS, created_at__gt=ns_to_utc(since))
        for event in lately.select_related("order__instrument").order_by("seq"):
            if event.order is not None:
                yield event.order, utc_to_ns(event.created_at)


NO_QUOTE = Quote()
RECENT_EVENTS = 20_000
"""More than an account has within :data:`HORIZON`: events are found by their number, not by their time."""


def stopped(stop: KillSwitch, reason: Reason) -> Reason:
    """The reason, and who set the stop, when and why."""
    when = timezone.localtime(stop.set_at).strftime("%m-%d %H:%M:%S")
    who = stop.set_by.username if stop.set_by else "-"
    told = say("It was set by %(who)s on %(when)s: %(reason)s", who=who, when=when, reason=stop.reason)
    return reason._replace(text=sentences(reason.text, told))


def _usable(tick: Tick, day: int) -> bool:
    return tick.trading_day == day and not tick.flags & (BACKWARD | STALE)
