"""Lots and values of an account by instrument and product, kept up to date by what has moved."""

from trading.domain.account_exposure import Exposure
from trading.domain.account_working import NOTHING_FROZEN, Frozen
from trading.domain.balance import Funds
from trading.domain.exact_sum import ExactSum
from trading.domain.risk.figures import AccountView

NONE = Exposure(0, 0, 0.0)


class Sums:
    """Lots by instrument and by product of both sides, and the value of everything."""

    def __init__(self) -> None:
        self.long: dict[str, int] = {}
        self.short: dict[str, int] = {}
        self.long_product: dict[str, int] = {}
        self.short_product: dict[str, int] = {}
        self._known: dict[str, Exposure] = {}
        self._value = ExactSum()

    @property
    def value(self) -> float:
        """In yuan."""
        return self._value.value

    def put(self, code: str, product: str, now: Exposure) -> None:
        """An instrument stands like this now."""
        before = self._known.get(code, NONE)
        self._known[code] = now
        self._value.change(before.value, now.value)
        if now.long != before.long or now.short != before.short:  # else only its price has moved
            self.long[code], self.short[code] = now.long, now.short
            self.long_product[product] = self.long_product.get(product, 0) + now.long - before.long
            self.short_product[product] = self.short_product.get(product, 0) + now.short - before.short


def account_view(funds: Funds, sums: Sums, peak: float | None, need: Frozen = NOTHING_FROZEN) -> AccountView:
    """The account as its rules see it, before an order that needs so much.

    ``peak`` is the balance from which the drawdown counts. The lots are those of ``sums`` itself: look, do not keep.
    """
    balance = funds.balance
    return AccountView(
        balance,
        funds.available,
        funds.margin,
        funds.frozen_margin,
        funds.position_profit + funds.close_profit - funds.commission,
        max(peak - balance, 0.0) / peak if peak is not None and peak > 0 else 0.0,
        sums.value,
        need.margin,
        need.commission,
        sums.long,
        sums.short,
        sums.long_product,
        sums.short_product,
    )
