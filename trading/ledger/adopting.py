"""A broker's figures in the ledger: adopted as a whole, its cash of the day, and its rates with what they correct."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import date
from typing import Any

import structlog

from marketdata.domain.instrument import FeeRates, MarginRates
from quantsite.common.errors import MissingError, RuleError
from quantsite.common.texts import say
from trading.account_models import TradingAccount
from trading.books_models import BookAdoption, BrokerRate
from trading.choices import CashKind, CashSource
from trading.domain.account_book import AccountBook
from trading.domain.ctp.adoption import adopted_document
from trading.domain.ctp.picture import BrokerFunds, BrokerPicture
from trading.domain.ctp.rates import ToldRates
from trading.domain.fees import commission, fee_pair
from trading.domain.offsets import Offset
from trading.ledger.book_rows import PLACES, book_order, cents, restored_order, told_funds
from trading.ledger.keeper import Keeper
from trading.ledger_models import BalanceSnapshot, CashEntry
from trading.order_models import AccountCommand, Fill
from trading.shapes import FUNDS, fill_shape

log = structlog.get_logger(__name__)

ADOPTED, RATES = "adopted", "rates_told"
"""The events that tell of it."""
HALF_A_CENT = 0.005
LOTS = ("volume", "today")
SUMS = ("open_price", "base_price", "margin")


def is_empty(account: TradingAccount) -> bool:
    """Whether nothing was ever booked: then the broker's figures are where the ledger begins."""
    books = (BookAdoption, BalanceSnapshot, CashEntry, Fill)
    return not any(model.objects.filter(account=account).exists() for model in books)


def adopt(keeper: Keeper, picture: BrokerPicture, command: AccountCommand | None = None) -> BookAdoption:
    """Stand where the broker does from now on; what that changed is stored with the document to rebuild from.

    What nobody here knows stays out, and stays a difference. Raises ``RuleError``: ``other_trading_day`` unless the
    picture is of the running day; ``picture_incomplete`` where it tells too little.
    """
    day = picture.trading_day
    if keeper.trading_day != day:
        text = say("The broker's figures are of %(theirs)s, the account trades on %(ours)s.",
                   theirs=day, ours=keeper.trading_day)  # fmt: skip
        raise RuleError("other_trading_day", text)
    before = figures_of(keeper)
    try:
        document = adopted_document(_known(keeper, picture), lambda code: keeper.facts.terms(code, day))
    except ValueError as error:
        text = say("The broker's figures cannot be adopted: %(reason)s.", reason=error)
        raise RuleError("picture_incomplete", text) from error
    _stand_on(keeper, document)
    changes = changed(before, figures_of(keeper))
    row = BookAdoption(
        account=keeper.account,
        trading_day=day,
        book=document,
        changes=changes,
        command=command,
        adopted_by=command.actor if command else None,
    )
    codes = {code for code, _side in keeper.positions} | {code for code, _side in picture.positions}
    row.seq = keeper.event(ADOPTED, codes=sorted(codes), trading_day=day.isoformat(), changes=changes)
    keeper.changes.adoptions.append(row)
    return row


def _known(keeper: Keeper, picture: BrokerPicture) -> BrokerPicture:
    """The picture without what has no terms here."""
    known = {}
    for key, held in picture.positions.items():
        try:
            keeper.facts.terms(key[0], picture.trading_day)
        except MissingError as error:
            log.error("position not adopted", account=keeper.account.code, instrument=key[0], reason=error.text)
        else:
            known[key] = held
    told = {name: getattr(picture, name) for name in ("funds", "settlements", "close_profit_by_trade")}
    return BrokerPicture(picture.trading_day, picture.asked_at, picture.done_at, positions=known, **told)


def _stand_on(keeper: Keeper, document: dict[str, Any]) -> None:
    """Go on from a document: working orders are put back, and what they hold back with them."""
    marks = {row.instrument: row.last_price for row in keeper.book.positions()}
    keeper.book = AccountBook.from_document(document, keeper.broker)
    for code in sorted({*keeper.held_codes(), *keeper.working_codes()}):
        keeper.know_or_keep(code)
        if code not in document["instruments"] and code in marks:
            keeper.price(code, marks[code])
    for tracked in keeper.orders.values():
        keeper.book.restore(*restored_order(tracked))


def figures_of(keeper: Keeper) -> dict[str, Any]:
    """Funds and positions as plain figures, by their names."""
    told = told_funds(keeper.book.funds, keeper.trading_day)
    found = {name: told[name] for name in FUNDS}
    for row in keeper.book.positions():
        subject = f"{row.instrument} {row.side.name.lower()}"
        found |= {f"{subject} {name}": getattr(row, name) for name in LOTS}
        found |= {f"{subject} {name}": round(getattr(row, name), PLACES) for name in SUMS}
    return found


def changed(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    """What differs, name by name; None where there was, or is, nothing."""
    names = [*before, *(name for name in after if name not in before)]
    return [
        {"what": name, "before": before.get(name), "after": after.get(name)}
        for name in names
        if before.get(name) != after.get(name)
    ]


def book_cash_of(keeper: Keeper, told: BrokerFunds) -> bool:
    """Book what came or went at the broker on the running day and is not in the ledger yet; whether there was any.

    Only the broker sees transfers between a bank and the account. A sum that fell is booked by nobody: it stays a
    difference.
    """
    own, booked = keeper.book.funds, False
    for kind, theirs, ours in (
        (CashKind.DEPOSIT, told.deposit, own.deposit),
        (CashKind.WITHDRAW, told.withdraw, own.withdraw),
    ):
        more = round((theirs or 0.0) - ours, PLACES)
        if more > HALF_A_CENT:
            _book_cash(keeper, kind, more)
            booked = True
    return booked


def _book_cash(keeper: Keeper, kind: CashKind, amount: float) -> None:
    if kind is CashKind.DEPOSIT:
        keeper.book.deposit(amount)
    else:
        keeper.book.withdraw_anyway(amount)
    told = {"kind": kind.value, "amount": amount, "note": "", "source": CashSource.BROKER.value}
    entry = CashEntry(
        account=keeper.account,
        kind=kind,
        amount=cents(amount),
        source=CashSource.BROKER,
        trading_day=keeper.trading_day,
        seq=keeper.event(kind.value, cash=told),
    )
    keeper.changes.cash.append(entry)


def take_rates(keeper: Keeper, told: Iterable[ToldRates]) -> None:
    """Store what the broker charges, and cost the running day by it, fills of before included.

    Call it with nothing left to store: it reads the day's fills.
    """
    for rates in told:
        instrument = keeper.facts.row(rates.instrument)
        rows = BrokerRate.objects.filter(account=keeper.account, instrument=instrument)
        newest = rows.filter(trading_day__lte=rates.trading_day).order_by("-trading_day").first()
        if (rates.fees is None and rates.margins is None) or (newest is not None and newest.says(rates)):
            continue
        values = {"fees": _plain(rates.fees), "margins": _plain(rates.margins)}
        rows.update_or_create(
            account=keeper.account, instrument=instrument, trading_day=rates.trading_day, defaults=values
        )
        keeper.facts.forget_terms(rates.instrument)
        if keeper.trading_day == rates.trading_day and rates.instrument in keeper.book.known:
            _cost_again(keeper, rates.instrument, rates.trading_day)


def _cost_again(keeper: Keeper, code: str, day: date) -> None:
    keeper.know(code)
    for tracked in keeper.orders.values():
        left = keeper.book.parts_left(tracked.row.pk)
        if tracked.row.instrument.code == code and left:
            frozen = keeper.book.frozen(tracked.row.pk)
            keeper.book.release(tracked.row.pk)
            order = book_order(tracked.row, volume=sum(part.volume for part in left))
            try:
                keeper.book.restore(order, left)
            except RuleError:  # no price to freeze at: as before
                keeper.book.restore(order, left, frozen)
            tracked.show(keeper.book.frozen(tracked.row.pk), keeper.market_now)
            keeper.changes.orders[tracked.row.pk] = tracked.row
    more, fills = _corrected(keeper, code, day)
    told: dict[str, Any] = {"fills": [fill_shape(fill) for fill in fills]} if fills else {}
    keeper.event(RATES, codes=[code], instrument=code, corrected=more, **told)


def _corrected(keeper: Keeper, code: str, day: date) -> tuple[float, list[Fill]]:
    """Charge the day's fills since the ledger's base what the broker charges: how much more in yuan, and which."""
    terms, more, wrong = keeper.book.terms(code), 0.0, []
    base = BookAdoption.objects.filter(account=keeper.account).order_by("-seq").values_list("seq", flat=True).first()
    fills = Fill.objects.filter(account=keeper.account, instrument__code=code, trading_day=day, seq__gt=base or 0)
    for fill in fills.select_related("account", "instrument").order_by("pk"):
        pair = fee_pair(terms.fees, Offset[fill.offset.upper()])
        paid = commission(float(fill.price), fill.volume, terms.multiplier, *pair)
        if cents(paid) != fill.commission:
            more += paid - float(fill.commission)
            fill.commission = cents(paid)
            keeper.changes.corrected[fill.pk] = fill
            wrong.append(fill)
    if more:
        keeper.book.correct_commission(more)
    return round(more, PLACES), wrong


def _plain(rates: FeeRates | MarginRates | None) -> dict[str, float] | None:
    return None if rates is None else asdict(rates)
