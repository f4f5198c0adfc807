"""The verbs of orders: place, cancel, cancel all, close a position. Everything with a lasting effect is a row.

What a request is refused for at once is what no waiting can change: an unknown instrument, a price off the grid, a type
that the exchange does not take. What depends on the clock, the book or the funds is decided by the account's gateway,
and comes as a ``rejected`` event of the order.
"""

import uuid
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.audit import record
from accounts.permissions import require
from marketdata.instruments import find_instrument
from marketdata.live_models import Subscription
from marketdata.models import Instrument
from quantsite.common.errors import ConflictError, RuleError
from trading.account_models import VIEW, TradingAccount
from trading.broker_models import BrokerLogin
from trading.choices import AccountKind, CommandKind, DirectionName, OffsetName, OrderTypeName, SideName, StatusName
from trading.domain.checks import ContractFacts, static_reason
from trading.ledger.changes import tell
from trading.ledger.facts import contract_facts, order_day
from trading.ledger.placed import PLACED
from trading.ledger.row_writes import row_exists
from trading.ledger.verbs import CLOSED
from trading.ledger_models import Position
from trading.order_models import AccountCommand, Order
from trading.permissions import demand_reduce, demand_trade, find_account, find_order, may_reduce, visible_orders
from trading.verbs.inbox import enqueue
from trading.verbs.new_order import CLIENT_ID, NewOrder, same_or_conflict

if TYPE_CHECKING:
    from accounts.models import User


MOST_LOTS = 1_000_000_000
"""More than any exchange takes; a column keeps twice as much."""


def create_order(
    actor: "User | None", account_code: str, asked: NewOrder, *, strategy_key: str = ""
) -> tuple[Order, bool]:
    """The order of ``asked.client_order_id``, stored as pending and on its way; False beside it where it was before.

    Raises ``MissingError`` for an account that the actor cannot see or an unknown instrument, ``RefusedError``,
    ``RuleError`` for what is wrong whatever the market does, ``ConflictError`` where the id names another order.
    """
    account = find_account(actor, account_code)
    demand_trade(actor, account)
    return _place(actor, account, asked, strategy_key)


def cancel_order(actor: "User | None", order_id: int) -> Order:
    """Ask the gateway to withdraw an order; one that has ended already stays as it is.

    Raises ``MissingError``, ``RefusedError``; ``ConflictError`` ``order_final`` where there is nothing to withdraw.
    """
    order = find_order(actor, order_id)
    demand_reduce(actor, order.account)
    if not order.is_working:
        text = _("Order %(id)s is %(status)s: there is nothing left to cancel.")
        raise ConflictError("order_final", text % {"id": order.pk, "status": order.get_status_display()})
    with transaction.atomic():
        _ask_to_cancel(actor, order)
    return order


def cancel_all(
    actor: "User | None", account_code: str = "", *, instrument: str = "", strategy_key: str | None = None
) -> list[AccountCommand]:
    """Ask for the withdrawal of every working order that the actor may cancel: of one account or all, as narrowed.

    Raises ``MissingError`` for an account that the actor cannot see, ``RefusedError`` for one without the right.
    """
    require(actor, f"trading.{VIEW}")
    orders = visible_orders(actor).working().order_by("pk")
    if account_code:
        account = find_account(actor, account_code)
        demand_reduce(actor, account)
        orders = orders.filter(account=account)
    if instrument:
        orders = orders.filter(instrument=find_instrument(instrument))
    if strategy_key is not None:
        orders = orders.filter(strategy_key=strategy_key)
    allowed: dict[int, bool] = {}
    commands = []
    with transaction.atomic():
        for order in orders:
            if order.account_id not in allowed:
                allowed[order.account_id] = may_reduce(actor, order.account)
            if allowed[order.account_id]:
                commands.append(_ask_to_cancel(actor, order))
        narrowed = {
            "account": account_code,
            "instrument": instrument,
            "orders": [command.order_id for command in commands],
        }
        record(actor, "orders.cancel_all", account_code or "*", after=narrowed)
    return commands


def close_position(
    actor: "User | None",
    account_code: str,
    instrument: str,
    side: str,
    volume: int | None = None,
    *,
    price: float | None = None,
    client_order_id: str = "",
) -> Order:
    """An order that closes a side of an instrument, all that is not frozen unless ``volume`` is given.

    With a ``price`` it is a limit order, else the most aggressive type that the exchange takes. Whoever may reduce may
    do this, without the right to trade. Raises as :func:`create_order`; ``ConflictError`` ``nothing_to_close``.
    """
    account = find_account(actor, account_code)
    demand_reduce(actor, account)
    direction = DirectionName.SELL if side == SideName.LONG else DirectionName.BUY
    known = _stored(account, client_order_id) if CLIENT_ID.fullmatch(client_order_id) else None
    if known is not None:  # asked for again: what it froze or closed meanwhile is its own
        volume = known.volume if volume is None else volume
    held = Position.objects.filter(account=account, instrument__code=instrument, side=side).first()
    free = 0 if held is None else held.volume - held.frozen
    if known is None and (free <= 0 or (volume is not None and volume > free)):
        text = _("%(free)s lots of %(instrument)s %(side)s can be closed on %(account)s: cancel orders that hold more.")
        given = {"free": free, "instrument": instrument, "side": side, "account": account.code}
        raise ConflictError("nothing_to_close" if free <= 0 else "close_exceeds_position", text % given)
    asked = NewOrder(
        instrument=instrument,
        direction=direction,
        offset=OffsetName.AUTO,
        type=OrderTypeName.LIMIT if price is not None else OrderTypeName.MARKET,
        volume=free if volume is None else volume,
        client_order_id=client_order_id or f"close-{uuid.uuid4().hex}",
        price=price,
    )
    order, _new = _place(actor, account, asked, "", aggressive=price is None)
    return order


def _place(
    actor: "User | None", account: TradingAccount, asked: NewOrder, strategy_key: str, *, aggressive: bool = False
) -> tuple[Order, bool]:
    check_form(asked)
    instrument = find_instrument(asked.instrument)
    facts = contract_facts(instrument)
    columns = {**asked.columns(facts.price_tick), "strategy_key": strategy_key}
    try:
        if not account.is_active:
            closed = _(CLOSED) % {"account": account.code}
            raise ConflictError("account_closed", closed)
        check_order(asked, facts, instrument, aggressive=aggressive or works_as_limit(account, asked))
        with transaction.atomic():
            order = Order(
                account=account, instrument=instrument, created_by=actor, status=StatusName.PENDING, **columns
            )
            write_placed(order)
            subscribe(account, instrument)
    except (IntegrityError, RuleError):  # of an order that is there already nothing is checked again
        found = _stored(account, asked.client_order_id)
        if found is None:
            raise
        text = _("The client order id %(id)s of account %(account)s names another order: choose a new one.")
        named = {"id": repr(asked.client_order_id), "account": account.code}
        return same_or_conflict(found, columns, instrument.pk, text % named), False
    return order, True


def write_placed(order: Order) -> None:
    """A new order, the event that tells of it and the command that hands it to its gateway."""
    order.save(force_insert=True)
    tell(order.account, PLACED, order)
    enqueue(order.created_by, order.account, CommandKind.PLACE, order=order)


def check_form(asked: NewOrder) -> None:
    """Raise for what no row can keep."""
    if not CLIENT_ID.fullmatch(asked.client_order_id):
        told = _("A client order id is one to 64 printable ASCII characters without a blank.")
        raise RuleError("invalid_client_order_id", told, fields={"client_order_id": told})
    if asked.volume > MOST_LOTS:
        told = _("No order has more than %(most)d lots.") % {"most": MOST_LOTS}
        raise RuleError("volume_out_of_bounds", told, fields={"volume": told})


def check_order(asked: NewOrder, facts: ContractFacts, instrument: Instrument, *, aggressive: bool = False) -> None:
    """Raise for what no waiting can change. A close at any price may be of a type that its gateway works as another."""
    check_draft(asked, facts, order_day(instrument), aggressive=aggressive)


def check_draft(asked: NewOrder, facts: ContractFacts, day: date | None, *, aggressive: bool = False) -> None:
    """As :func:`check_order`, on a trading day that the caller knows; None where no market tells it."""
    draft = asked.draft()
    reason = static_reason(draft, facts, day)
    if aggressive and reason is not None and reason.code == "type_not_taken":
        # Its gateway works it as a limit order at the edge: asked about as a stop order, which any exchange gets so.
        reason = static_reason(replace(draft, type=OrderTypeName.STOP, stop_price=facts.price_tick), facts, day)
    if reason is not None:
        raise RuleError(reason.code, reason.text, fields={reason.field: reason.text} if reason.field else None)


def works_as_limit(account: TradingAccount, asked: NewOrder) -> bool:
    """Whether the account's login at its broker lets a market order go as a limit order where there are none."""
    if account.kind != AccountKind.CTP or asked.type != OrderTypeName.MARKET:
        return False
    return BrokerLogin.objects.filter(account=account, market_as_limit=True).exists()


def _stored(account: TradingAccount, client_order_id: str) -> Order | None:
    orders = Order.objects.select_related("account", "instrument")
    return orders.filter(account=account, client_order_id=client_order_id).first()


def _ask_to_cancel(actor: "User | None", order: Order) -> AccountCommand:
    return enqueue(actor, order.account, CommandKind.CANCEL, order=order)


def subscribe(account: TradingAccount, instrument: Instrument) -> None:
    """Have the ticks of what is traded published; asking again changes nothing."""
    owner = f"account:{account.pk}"
    if not row_exists(Subscription, owner=owner, instrument_id=instrument.pk):
        Subscription.objects.get_or_create(owner=owner, instrument=instrument)
