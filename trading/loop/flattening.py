"""Carries out the plans that close an account's positions: step by step, slice by slice, each an order of its own.

What has been done of a plan stands in its row, stored in one transaction with the order that does it, under the row's
lock: a plan that somebody stops makes no further order, and one whose gateway is killed goes on with the order it had.
"""

import math
import time

import structlog
from django.db import transaction
from django.utils import timezone

from quantsite.common.errors import RuleError
from quantsite.web.database import DATABASE_AWAY
from trading.choices import DirectionName, OffsetName, SideName
from trading.domain.account_positions import PositionFigures
from trading.domain.checks import session_reason
from trading.domain.risk.figures import Quote
from trading.domain.risk.flatten import slice_price, slice_volume
from trading.ledger.keeper import Keeper
from trading.loop.exchange import Exchange
from trading.loop.market import Market
from trading.loop.placing import Placing
from trading.loop.risk_desk import RiskDesk
from trading.metrics import PLAN_FAILURES
from trading.order_models import Order
from trading.risk_choices import PlanStatus
from trading.risk_models import FlattenPlan
from trading.verbs.flatten import OPEN
from trading.verbs.flatten_progress import (
    Step,
    begin_plan,
    book_slice,
    close_slice,
    fail_plan,
    finish_plan,
    plan_of,
)

log = structlog.get_logger(__name__)

REST_SECONDS = 5.0
"""So long a slice may rest before it is withdrawn and the next one priced anew."""
PAUSE_SECONDS = 3.0
"""After an order that was refused."""
MOST_REFUSED = 10
"""Orders in a row that close nothing, after which a person must look."""
CLOSED, NO_PRICE, FROZEN = "closed", "no_price", "frozen"
"""Why a step waits: the exchange takes no orders, no fresh price is known, other orders hold the lots."""


class Flattening:
    """The plans of one account."""

    def __init__(self, keeper: Keeper, market: Market, exchange: Exchange, placing: Placing, desk: RiskDesk) -> None:
        self._keeper = keeper
        self._market = market
        self._exchange = exchange
        self._placing = placing
        self._desk = desk
        self._revision = -1
        self._open: set[int] = set()
        self._again_at: dict[tuple[int, int], float] = {}

    def tend(self) -> None:
        """Once a second, and as soon as a plan is made or stopped: see how far each has come."""
        if not self._open and self._revision == self._desk.revision:
            return
        self._revision = self._desk.revision
        plans = FlattenPlan.objects.filter(account=self._keeper.account, status__in=OPEN).order_by("pk")
        self._open = set(plans.values_list("pk", flat=True))
        self._withdraw([order for order in self._at_work() if plan_of(order) not in {None, *self._open}])
        for number in sorted(self._open):
            self._tend(number)

    def _tend(self, number: int) -> None:
        """One plan, its row locked: whoever stops it waits for this, or this sees that it was stopped."""
        rows = FlattenPlan.objects.select_for_update(of=("self",)).select_related("account")
        late: list[Order] = []
        try:
            with transaction.atomic():
                plan = rows.get(pk=number)
                if plan.status == PlanStatus.WAITING and plan.starts_at <= timezone.now():
                    begin_plan(plan)
                late = self._go_on(plan) if plan.status == PlanStatus.RUNNING else []
        except DATABASE_AWAY:
            raise
        except Exception:  # the account's loop has orders to cancel: the plan is tried again in a second
            PLAN_FAILURES.inc()
            log.exception("plan not carried out", account=self._keeper.account.code, plan=number)
        self._withdraw(late)

    def _go_on(self, plan: FlattenPlan) -> list[Order]:
        """Have the plan take its next step; gives the orders that are to be withdrawn for that."""
        number = next((index for index, step in enumerate(plan.steps) if not self._is_over(step)), None)
        if number is None:
            finish_plan(plan)
            return []
        order = plan.steps[number].get("order")
        if order is None:
            return self._next_slice(plan, number)
        row = Order.objects.select_related("instrument").get(pk=order)
        if row.is_working or row.pk in self._keeper.orders:
            return [row] if self._rests_too_long(row) else []
        book_slice(plan, number, row)
        if plan.steps[number]["refused"] >= MOST_REFUSED:
            fail_plan(plan, row.reason_text)
            return []
        if plan.steps[number]["refused"]:
            self._again_at[plan.pk, number] = time.monotonic() + PAUSE_SECONDS
        return self._next_slice(plan, number)

    def _next_slice(self, plan: FlattenPlan, number: int) -> list[Order]:
        """Order what is next of a step, or note why that has to wait."""
        step: Step = plan.steps[number]
        free, price = self._free(step), self._price(step)
        lots = min(free, slice_volume(min(step["volume"] - step["done"], self._held(step)), 0, step["slice"]))
        waits = price if isinstance(price, str) else "" if lots else FROZEN
        if lots <= 0 and not self._held(step):
            return []  # gone by other ways: the step is over
        if not waits and time.monotonic() >= self._again_at.get((plan.pk, number), 0.0):
            self._order(plan, number, lots, float(price))
        elif step.get("waits", "") != waits:
            step["waits"] = waits
            plan.save(update_fields=["steps"])
        return self._holders(step) if waits == FROZEN else []

    def _order(self, plan: FlattenPlan, number: int, lots: int, price: float) -> None:
        try:
            with transaction.atomic():
                close_slice(plan, number, lots, price)
        except RuleError as error:  # an account that was closed, a contract that has expired
            step = plan.steps[number]
            step.update(refused=step.get("refused", 0) + 1, reason=error.text)
            plan.save(update_fields=["steps"])
            self._again_at[plan.pk, number] = time.monotonic() + PAUSE_SECONDS
            if step["refused"] >= MOST_REFUSED:
                fail_plan(plan, error.text)

    def _is_over(self, step: Step) -> bool:
        if step.get("order") is not None:
            return False
        return bool(step["done"] >= step["volume"] or not self._held(step))

    def _held(self, step: Step) -> int:
        """Lots that are held of what the step closes."""
        return sum(row.volume for row in self._rows(step))

    def _free(self, step: Step) -> int:
        """Those that no order holds back."""
        return sum(row.volume - row.frozen for row in self._rows(step))

    def _rows(self, step: Step) -> list[PositionFigures]:
        return [
            row for row in self._keeper.book.positions([step["instrument"]]) if row.side.name.lower() == step["side"]
        ]

    def _price(self, step: Step) -> float | str:
        """The limit of the next order in yuan, or why there is none."""
        code = step["instrument"]
        now, tick = self._market.now(code), self._market.tick(code)
        if now is None or tick is None or not self._market.read_lately(code):
            return NO_PRICE
        contract = self._keeper.facts.contract(code)
        if session_reason(contract.table, now) is not None:
            return CLOSED
        quote = Quote(
            tick.last, tick.pre_settlement or math.nan, tick.upper_limit or math.nan, tick.lower_limit or math.nan
        )
        price = slice_price(step["side"] == SideName.SHORT, quote, step["collar"], contract.price_tick)
        return price if math.isfinite(price) else NO_PRICE

    def _rests_too_long(self, order: Order) -> bool:
        """Whether a slice is to be priced anew; not while its exchange is closed, nor where that was asked already."""
        code = order.instrument.code
        now = self._market.now(code)
        waited = (timezone.now() - order.created_at).total_seconds()
        if waited < REST_SECONDS or order.cancel_requested or now is None:
            return False
        return session_reason(self._keeper.facts.contract(code).table, now) is None

    def _holders(self, step: Step) -> list[Order]:
        """Other orders that hold the lots of a step back: they rest, and what is to be closed may not wait for them."""
        direction = DirectionName.SELL if step["side"] == SideName.LONG else DirectionName.BUY
        return [
            row
            for row in self._at_work()
            if row.instrument.code == step["instrument"]
            and row.offset != OffsetName.OPEN
            and row.direction == direction
            and plan_of(row) not in self._open
        ]

    def _at_work(self) -> list[Order]:
        working = [tracked.row for tracked in self._keeper.orders.values() if tracked.row.is_working]
        return [*working, *(hold.row for hold in self._placing.holds.values())]

    def _withdraw(self, orders: list[Order]) -> None:
        """Ask for the withdrawal of orders, once each."""
        asked = [row for row in orders if not row.cancel_requested]
        for row in asked:
            if not self._placing.withdraw_held(row.pk) and row.pk in self._keeper.orders:
                now = self._placing.told_now(row.instrument.code)
                self._placing.withdraw(row.pk, now)
        if asked:
            self._exchange.store()
            self._exchange.send_cancels()
            self._exchange.store_reports()
