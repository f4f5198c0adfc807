"""The limits that hold for the figures of one account, and how much of each is used.

A figure is held against what is set for its account, its desk and the platform; one that is about an instrument or a
product also against what is set for the product, alone or on the account. Limits of persons and strategies are about
orders: an account's figures are not theirs.
"""

from collections.abc import Iterable, Mapping

from trading.domain.risk.levels import Usage, usages, worst_first
from trading.domain.risk.limits import Limit, Table, effective
from trading.domain.risk.rules import Rule
from trading.domain.risk.scopes import scopes_of
from trading.domain.risk.standing import Measured


class AccountLimits:
    """What of a table of limits concerns one account; a new one for each table."""

    def __init__(self, table: Table, *, desk: str, account: str) -> None:
        self._table = table
        self._desk = desk
        self._account = account
        self._known: dict[str, Mapping[Rule, Limit]] = {}

    def of(self, product: str = "") -> Mapping[Rule, Limit]:
        """The limit of each rule for what is about ``product`` (its full code), or about the account as a whole."""
        if product not in self._known:
            scopes = scopes_of(desk=self._desk, account=self._account, product=product)
            self._known[product] = effective(self._table, scopes)
        return self._known[product]

    def usages(self, values: Iterable[Measured], products: Mapping[str, str]) -> list[Usage]:
        """What is used of the limits, the worst first. ``products`` names the product of each instrument."""
        of_product: dict[str, list[Measured]] = {}
        own = set(products.values())
        for value in values:
            product = products.get(value.subject, value.subject if value.subject in own else "")
            of_product.setdefault(product, []).append(value)
        return worst_first(row for product, those in of_product.items() for row in usages(those, self.of(product)))
