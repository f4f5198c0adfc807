"""A new order as a fast write: one query asks whether it may be placed, one statement places it.

``verbs.placing.create_order`` with its view is the definition: whatever would be refused there, is stored already, or
is said otherwise than programs say it, is left to it. ``quantsite/tests/test_fast_orders.py`` holds both against each
other.
"""

from datetime import date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from typing import Annotated, Any, NamedTuple

import msgspec
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone
from msgspec import Meta

from accounts.fast_caller import caller, holds
from accounts.models import User
from marketdata.live_models import FeedState, InstrumentFeed, Subscription
from marketdata.models import Instrument, Product
from quantsite.web import request_id
from quantsite.web.fast_pool import connection
from quantsite.web.fast_writes import FastWrite, Written
from quantsite.web.renderers import dumps
from trading.account_models import (
    TRADE,
    TRADE_EVERY,
    VIEW,
    VIEW_EVERY,
    AccountState,
    TradingAccount,
    TradingAccountGroupObjectPermission,
    TradingAccountUserObjectPermission,
)
from trading.choices import StatusName
from trading.domain.checks import ContractFacts, static_reason
from trading.ledger.facts import contract_facts, day_within_life
from trading.ledger.placed import placed_statement, placed_values
from trading.order_models import Order
from trading.serializers import HIGHEST_PRICE, MOST_LOTS
from trading.shapes import order_shape
from trading.verbs.new_order import NewOrder
from trading.wake import wake_soon

Price = Annotated[float, Meta(ge=-HIGHEST_PRICE, le=HIGHEST_PRICE)]


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """What ``serializers.NewOrderSerializer`` takes, where it is said without a blank and with the usual types."""

    account: Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{1,32}\Z")]
    instrument: Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_.-]{1,64}\Z")]
    direction: str
    offset: str
    type: str
    volume: Annotated[int, Meta(ge=1, le=MOST_LOTS)]
    client_order_id: Annotated[str, Meta(pattern=r"\A[\x21-\x7e]{1,64}\Z")]
    price: Price | None = None
    stop_price: Price | None = None

    def to_order(self) -> NewOrder:
        """The order as services take it."""
        return NewOrder(
            instrument=self.instrument,
            direction=self.direction,
            offset=self.offset,
            type=self.type,
            volume=self.volume,
            client_order_id=self.client_order_id,
            price=self.price,
            stop_price=self.stop_price,
        )


class Found(NamedTuple):
    """The one row of the query: who calls, and what of account and instrument an order needs."""

    username: str
    user: int
    account: int
    account_code: str
    clock: datetime | None
    instrument: int
    code: str
    exchange: str
    kind: str
    price_tick: Decimal
    min_limit_volume: int
    max_limit_volume: int | None
    min_market_volume: int
    max_market_volume: int | None
    listed: date | None
    expires: date | None


async def place(claims: dict[str, Any], body: bytes) -> Written | None:
    """The answer to an order that was placed; None, and nothing is written, where Django is to answer."""
    try:
        asked = _decoder.decode(body)
    except msgspec.MsgspecError:
        return None
    claims.update(account=asked.account, instrument=asked.instrument)
    async with connection() as link:
        row = await link.fetch(_question(), claims)
        order = None if row is None else _new_order(Found._make(row), asked)
        if order is None:
            return None
        stored = await link.fetch(placed_statement(), placed_values(order, request_id.current()[:64]))
    if row is None or stored is None:
        raise RuntimeError(f"account {asked.account} has no state")
    wake_soon(order.account_id)
    order.pk = stored[0]
    location = reverse("order-detail", args=[order.pk])
    return Written(row[0], 201, dumps(order_shape(order)), [(b"location", location.encode())])


_decoder = msgspec.json.Decoder(Body)


def _new_order(found: Found, body: Body) -> Order | None:
    """The row to be stored; None where something is against the order, or may be. See ``facts.order_day``."""
    account, instrument, facts = _known(found[2:4], found[5:])
    now, asked = timezone.now(), body.to_order()
    day = None if found.clock is None else day_within_life(facts, found.clock)
    if (found.clock is not None and day is None) or static_reason(asked.draft(), facts, day) is not None:
        return None
    return Order(
        account=account,
        instrument=instrument,
        created_by_id=found.user,
        created_at=now,
        status=StatusName.PENDING.value,
        strategy_key="",
        **asked.columns(facts.price_tick),
    )


@lru_cache(1_024)
def _known(
    of_account: tuple[Any, ...], of_instrument: tuple[Any, ...]
) -> tuple[TradingAccount, Instrument, ContractFacts]:
    """What the rows say, as objects: they say the same every time until somebody changes them."""
    number, code, exchange, *columns = of_instrument
    names = Found._fields[-len(columns) :]
    product = Product(exchange_id=exchange)
    instrument = Instrument(pk=number, code=code, product=product, **dict(zip(names, columns, strict=True)))
    return TradingAccount(pk=of_account[0], code=of_account[1]), instrument, contract_facts(instrument)


@cache
def _question() -> str:
    """The query: no row where the caller may not trade on the account, or something is missing that an order needs.

    As ``api._caller_with``, ``permissions.find_account`` and ``permissions.demand_trade`` ask. The instrument must be
    subscribed for the account already, as it is from the first order on.
    """
    view_order, view, every = "trading.view_order", f"trading.{VIEW}", f"trading.{VIEW_EVERY}"
    trade, trade_every = f"trading.{TRADE}", f"trading.{TRADE_EVERY}"
    own, shared = TradingAccountUserObjectPermission, TradingAccountGroupObjectPermission
    facts = ", ".join(f"i.{name}" for name in Found._fields[8:])
    return f"""
WITH {caller(view_order, view, every, trade, trade_every)},
granted AS MATERIALIZED (
  SELECT p.codename FROM caller JOIN {own._meta.db_table} g ON g.user_id = caller.id
  JOIN {TradingAccount._meta.db_table} a ON a.id = g.content_object_id AND a.code = %(account)s
  JOIN {Permission._meta.db_table} p ON p.id = g.permission_id
  UNION ALL
  SELECT p.codename FROM caller JOIN {User.groups.through._meta.db_table} m ON m.user_id = caller.id
  JOIN {shared._meta.db_table} g ON g.group_id = m.group_id
  JOIN {TradingAccount._meta.db_table} a ON a.id = g.content_object_id AND a.code = %(account)s
  JOIN {Permission._meta.db_table} p ON p.id = g.permission_id
)
SELECT caller.username, caller.id, a.id, a.code,
  (SELECT t.market_time FROM {InstrumentFeed._meta.db_table} f
   JOIN {FeedState._meta.db_table} t ON t.source = f.source AND t.epoch = f.epoch WHERE f.instrument_id = i.id),
  i.id, i.code, product.exchange_id, {facts}
FROM caller
JOIN {TradingAccount._meta.db_table} a ON a.code = %(account)s AND a.is_active
JOIN {AccountState._meta.db_table} s ON s.account_id = a.id
JOIN {Instrument._meta.db_table} i ON i.code = %(instrument)s
JOIN {Product._meta.db_table} product ON product.id = i.product_id
WHERE {holds(view_order)} AND {holds(view)}
  AND ({holds(every)} OR EXISTS (SELECT FROM granted WHERE codename IN ('{VIEW}', '{TRADE}')))
  AND ({holds(trade_every)} OR {holds(trade)} AND EXISTS (SELECT FROM granted WHERE codename = '{TRADE}'))
  AND EXISTS (SELECT FROM {Subscription._meta.db_table} w
              WHERE w.owner = 'account:' || a.id AND w.instrument_id = i.id)"""


WRITES = [FastWrite("/api/v1/orders/", "order-list", place)]
