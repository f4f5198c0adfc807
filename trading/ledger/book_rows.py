"""Between rows and the domain: an account's book out of its rows, orders and positions into theirs."""

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from marketdata.domain.calendar import to_day_number
from marketdata.models import Instrument
from quantsite.common.errors import MissingError
from quantsite.common.times import ns_to_utc, utc_to_ns
from trading.account_models import AccountState, TradingAccount
from trading.books_models import BookAdoption
from trading.choices import CashKind, OffsetName, SideName
from trading.domain.account_book import AccountBook, BrokerTerms
from trading.domain.account_orders import BookOrder, Part
from trading.domain.account_positions import PositionFigures
from trading.domain.account_working import Frozen
from trading.domain.balance import Funds, ProfitAlgorithm
from trading.domain.gateway import Outgoing
from trading.domain.margin import MarginPriceType
from trading.domain.offsets import Direction, Offset
from trading.domain.order import FINAL, OrderState, OrderStatus, OrderType, Trade
from trading.ledger.facts import Facts
from trading.ledger_models import BalanceSnapshot, CashEntry, Position
from trading.order_models import Fill, Order
from trading.shapes import FUNDS, Shape, day

PLACES = 6
"""Decimals of the columns of money."""

UNKNOWN = (math.nan, math.nan)

DIRECTIONS = {each.name.lower(): each for each in Direction}
OFFSETS: dict[str, Offset | None] = {each.name.lower(): each for each in Offset} | {OffsetName.AUTO.value: None}
TYPES = {each.value: each for each in OrderType}
"""As a row names them. Looked up with every order: an enum by its name takes ten times as long."""


@dataclass(slots=True)
class Tracked:
    """A working order: its row, and where it stands."""

    row: Order
    state: OrderState

    @property
    def over(self) -> bool:
        """Whether nothing more is to come of it: it has ended, and every lot that was told has been filled."""
        return self.state.status in FINAL and self.state.missing <= 0

    def show(self, frozen: Frozen, at: int) -> None:
        """Bring the row to where the order stands."""
        row, state = self.row, self.state
        row.status = state.status.value
        row.traded = state.traded
        row.average_price = None if not state.traded else Decimal(repr(round(state.average_price, PLACES)))
        row.cancel_requested = state.cancel_requested
        row.reason_code, row.reason_text = state.reason_code, state.reason_text
        row.exchange_order_id = state.exchange_order_id
        row.frozen_margin = cents(frozen.margin)
        row.frozen_commission = cents(frozen.commission)
        if state.status in FINAL and row.finished_at is None:
            row.finished_at = ns_to_utc(at)


def broker_terms(account: TradingAccount) -> BrokerTerms:
    """What the broker chose for the account."""
    return BrokerTerms(
        MarginPriceType(account.margin_price), ProfitAlgorithm(account.profit_algorithm), account.include_close_profit
    )


def read_book(
    account: TradingAccount, day: date | None, broker: BrokerTerms, facts: Facts, without: BalanceSnapshot | None = None
) -> tuple[date | None, AccountBook]:
    """The last settled day, and the ledger out of its base and the entries after it, in their order.

    The base is the last settlement, or the broker's figures where they were adopted since. ``without``: as if this
    settlement had been undone already.
    """
    settled = BalanceSnapshot.objects.filter(account=account, undone_at=None)
    if without is not None:
        settled = settled.exclude(pk=without.pk)
    snapshot = settled.order_by("-seq").first()
    base = _newer(snapshot, BookAdoption.objects.filter(account=account).order_by("-seq").first())
    book = AccountBook(0.0, broker) if base is None else AccountBook.from_document(base.book, broker)
    after = 0 if base is None else base.seq
    entries: list[tuple[int, int, CashEntry | Fill]] = [
        (row.seq, 0, row) for row in CashEntry.objects.filter(account=account, seq__gt=after)
    ]
    fills = Fill.objects.filter(account=account, seq__gt=after).select_related("instrument")
    entries += [(row.seq, row.part, row) for row in fills]
    costed = _cost_again(book, day, facts) if base is not None and day and _costs_anew(base, day) else set()
    for _seq, _part, entry in sorted(entries, key=lambda one: one[:2]):
        if isinstance(entry, CashEntry):
            book_cash(book, entry)
            continue
        code = entry.instrument.code
        if code not in costed:
            cost(book, code, day or entry.trading_day, facts)
            costed.add(code)
        _book_fill(book, entry)
    return (None if snapshot is None else snapshot.trading_day), book


def _newer(snapshot: BalanceSnapshot | None, adoption: BookAdoption | None) -> BalanceSnapshot | BookAdoption | None:
    if snapshot is None or adoption is None:
        return snapshot or adoption
    return snapshot if snapshot.seq > adoption.seq else adoption


def _costs_anew(base: BalanceSnapshot | BookAdoption, day: date) -> bool:
    """Whether the terms of the base are not those of the running day: rates may be told after an adoption."""
    return isinstance(base, BookAdoption) or day > base.trading_day


def book_cash(book: AccountBook, entry: CashEntry) -> None:
    """Book a stored entry: it was possible when it was made."""
    if entry.kind == CashKind.DEPOSIT:
        book.deposit(float(entry.amount))
    else:
        book.withdraw_anyway(float(entry.amount))


def cost(book: AccountBook, code: str, day: date, facts: Facts) -> None:
    """Cost an instrument by its terms of a trading day. Raises ``MissingError`` where there are none."""
    book.set_terms(code, facts.contract(code).exchange, day, facts.terms(code, day))


def _cost_again(book: AccountBook, day: date, facts: Facts) -> set[str]:
    """What was carried into the running day is costed by that day's terms; gives the instruments that were.

    Where nobody tells them any more, those of the settlement hold on.
    """
    held = {row.instrument for row in book.positions()}
    for code in held:
        with suppress(MissingError):
            cost(book, code, day, facts)
    return held


def _book_fill(book: AccountBook, fill: Fill) -> None:
    """Book a stored fill; what was paid for it was paid, whatever the rates have become meanwhile."""
    at, day = utc_to_ns(fill.traded_at), to_day_number(fill.trading_day)
    direction, offset = Direction[fill.direction.upper()], Offset[fill.offset.upper()]
    booked = book.foreign_fill(fill.instrument.code, direction, offset, float(fill.price), fill.volume, at, day)
    paid, computed = float(fill.commission), sum(row.commission for row in booked)
    if round(computed, PLACES) != paid:
        book.correct_commission(paid - computed)


def track(row: Order) -> Tracked:
    """Where a stored order stands."""
    state = OrderState(
        row.pk,
        row.volume,
        status=OrderStatus(row.status),
        traded=row.traded,
        reported=row.traded,
        cancel_requested=row.cancel_requested,
        triggered=bool(row.matching.get("triggered")),
        exchange_order_id=row.exchange_order_id,
        reason_code=row.reason_code,
        reason_text=row.reason_text,
    )
    if row.traded:
        state.trades = _trades(row)
    if state.status in FINAL:
        state.ended_at = row.traded
    return Tracked(row, state)


def _trades(row: Order) -> dict[str, Trade]:
    """The fills of an order, those of one trade over several kinds of lots put together."""
    trades: dict[str, Trade] = {}
    for fill in row.fills.all():
        before = trades.get(fill.trade_id)
        trades[fill.trade_id] = Trade(float(fill.price), fill.volume + (before.volume if before else 0))
    return trades


def book_order(row: Order, limits: tuple[float, float] = UNKNOWN, volume: int | None = None) -> BookOrder:
    """An order as the book takes it; ``limits`` are the day's upper and lower price limits."""
    return BookOrder(
        row.pk,
        row.instrument.code,
        DIRECTIONS[row.direction],
        OFFSETS[row.offset],
        TYPES[row.type],
        or_nan(row.price),
        row.volume if volume is None else volume,
        limits[0],
        limits[1],
    )


def restored_order(tracked: Tracked) -> tuple[BookOrder, list[Part], Frozen]:
    """A working order with the parts that its fills have left, and what these hold back."""
    row = tracked.row
    left = _parts_left(row, tracked.state.traded)
    frozen = Frozen(float(row.frozen_margin), float(row.frozen_commission))
    return book_order(row, volume=tracked.state.left), left, frozen


def _parts_left(row: Order, filled: int) -> list[Part]:
    """The parts less the lots filled: of several each by its own fills, for the exchange trades them in any order."""
    parts = [Part(Offset(offset), volume) for offset, volume in row.parts]
    if len(parts) > 1:
        today = sum(fill.volume for fill in row.fills.all() if fill.offset == OffsetName.CLOSE_TODAY)
        taken = [today if part.offset is Offset.CLOSE_TODAY else filled - today for part in parts]
    else:
        taken = [filled] * len(parts)
    left = [Part(part.offset, part.volume - gone) for part, gone in zip(parts, taken, strict=True)]
    return [part for part in left if part.volume > 0]


def order_row(tracked: Tracked, parts: Sequence[Part] | None = None) -> Outgoing:
    """The order as a gateway takes it."""
    row = tracked.row
    stored = tuple(Part(Offset(offset), volume) for offset, volume in row.parts)
    return Outgoing(
        order_id=row.pk,
        instrument=row.instrument.code,
        direction=Direction[row.direction.upper()],
        type=OrderType(row.type),
        price=or_nan(row.price),
        stop_price=or_nan(row.stop_price),
        volume=row.volume,
        parts=stored if parts is None else tuple(parts),
        cancel_requested=row.cancel_requested,
        traded=row.traded,
        foreign=row.foreign,
        memory=row.matching,
    )


def position_row(account: TradingAccount, instrument: Instrument, figures: PositionFigures) -> Position:
    """The row that shows a side of an instrument."""
    return Position(
        account=account,
        instrument=instrument,
        side=SideName[figures.side.name],
        volume=figures.volume,
        today=figures.today,
        frozen=figures.frozen,
        frozen_today=figures.frozen_today,
        open_price=cents(figures.open_price),
        base_price=cents(figures.base_price),
        last_price=None if math.isnan(figures.last_price) else cents(figures.last_price),
        margin=cents(figures.margin),
        position_profit=cents(figures.position_profit),
        open_profit=cents(figures.open_profit),
        position_cost=cents(figures.position_cost),
        open_cost=cents(figures.open_cost),
    )


def told_funds(funds: Funds, trading_day: date | None) -> Shape:
    """The account's funds as programs see them: what :func:`state_funds` makes columns of."""
    degree = funds.risk_degree
    told: Shape = {"trading_day": day(trading_day)}
    for name in FUNDS:
        told[name] = round(getattr(funds, name), PLACES)
    told["risk_degree"] = None if math.isinf(degree) else degree
    return told


def state_funds(state: AccountState, told: Shape) -> None:
    """Bring the state's columns of money to what was told."""
    for name in FUNDS:
        setattr(state, name, cents(told[name]))
    state.risk_degree = told["risk_degree"]


def cents(value: float) -> Decimal:
    """A sum or price as its column keeps it: six decimals."""
    return Decimal(repr(round(value, PLACES)))


def or_nan(value: Decimal | None) -> float:
    """A price that the domain takes."""
    return math.nan if value is None else float(value)
