"""Why an order stands where it stands, in the words of whoever asks: a row's text is for all who see its account."""

from math import nan
from typing import TYPE_CHECKING

from quantsite.web.retold import retold
from trading.choices import CommandKind, DirectionName
from trading.domain.risk.rules import Rule
from trading.domain.risk.self_trade import Standing, self_trade_reason
from trading.ledger.orders import MET
from trading.ledger.risk_view import is_opening
from trading.order_models import Order

if TYPE_CHECKING:
    from accounts.models import User


def told_reason(order: Order, viewer: "User") -> str:
    """The reason in the reader's language; '' where there is none.

    Of an order that was refused because it would have met one of another account, that one is named to whoever may
    see its account.
    """
    met = _met(order, viewer) if order.reason_code == Rule.SELF_TRADE else None
    return retold(order.reason_text) if met is None else self_trade_reason(_standing(met), named=True).text


def _met(order: Order, viewer: "User") -> Order | None:
    command = order.commands.filter(kind=CommandKind.PLACE).only("result").first()
    number = command.result.get(MET) if command is not None else None
    seen = Order.objects.visible_to(viewer).select_related("account", "instrument")
    return None if number is None else seen.filter(pk=number).first()


def _standing(order: Order) -> Standing:
    return Standing(
        order_id=order.pk,
        account=order.account.code,
        instrument=order.instrument.code,
        buying=order.direction == DirectionName.BUY,
        opening=is_opening(order),
        price=nan if order.price is None else float(order.price),
    )
