"""The fund account of one trading day, by CTP's formulas.

Source: LocalCTP (LocalTraderApi.cpp ``updatePNL``, settlement SQL) and ThostFtdcUserApiDataType.h. CTP's
credit, mortgage, delivery margin and reserve have no entry yet and count as zero.
"""

import math
from dataclasses import dataclass
from enum import IntEnum


class ProfitAlgorithm(IntEnum):
    """Which floating profits count in the available funds (CTP's ``Algorithm``)."""

    ALL = 1
    LOSSES_ONLY = 2
    GAINS_ONLY = 3
    NONE = 4


def balance(  # noqa: PLR0917 - scalars by position, so that numba compiles it as it stands
    pre_balance: float,
    deposit: float,
    withdraw: float,
    position_profit: float,
    close_profit: float,
    cash_in: float,
    commission: float,
) -> float:
    """Equity in yuan; both profits are by date, because ``pre_balance`` already holds the days before."""
    return pre_balance + deposit - withdraw + position_profit + close_profit + cash_in - commission


def withheld_profit(position_profit: float, close_profit: float, algorithm: int, include_close_profit: bool) -> float:
    """The part of the balance that the broker does not count as available, in yuan.

    Negative where losses are not counted. A close profit left out (``AvailIncludeCloseProfit`` 2) holds back
    gains only: a realised loss is money gone under every broker's rule.
    """
    counts_gain = algorithm in (ProfitAlgorithm.ALL, ProfitAlgorithm.GAINS_ONLY)
    counts_loss = algorithm in (ProfitAlgorithm.ALL, ProfitAlgorithm.LOSSES_ONLY)
    counts = counts_gain if position_profit > 0 else counts_loss
    withheld = 0.0 if counts else position_profit
    if not include_close_profit:
        withheld += max(close_profit, 0.0)
    return withheld


def available(  # noqa: PLR0917 - as above
    equity: float,
    margin: float,
    frozen_margin: float,
    frozen_commission: float,
    frozen_cash: float,
    withheld: float,
) -> float:
    """Funds free for a new order, in yuan; may be negative (a margin call)."""
    return equity - withheld - margin - frozen_margin - frozen_commission - frozen_cash


def risk_degree(margin: float, equity: float) -> float:
    """Margin as a fraction of the balance; above 1 is a margin call.

    Without margin it is 0; with margin and no positive balance it is infinite.
    """
    if margin <= 0.0:
        return 0.0
    return margin / equity if equity > 0.0 else math.inf


@dataclass(slots=True)
class Funds:
    """The entries of one account on the running trading day, in yuan; ``pre_balance`` is the day's start."""

    pre_balance: float
    deposit: float = 0.0
    withdraw: float = 0.0
    cash_in: float = 0.0
    commission: float = 0.0
    close_profit: float = 0.0
    position_profit: float = 0.0
    margin: float = 0.0
    frozen_margin: float = 0.0
    frozen_commission: float = 0.0
    frozen_cash: float = 0.0
    algorithm: ProfitAlgorithm = ProfitAlgorithm.ALL
    include_close_profit: bool = True

    @property
    def balance(self) -> float:
        """Equity by :func:`balance`."""
        return balance(
            self.pre_balance,
            self.deposit,
            self.withdraw,
            self.position_profit,
            self.close_profit,
            self.cash_in,
            self.commission,
        )

    @property
    def available(self) -> float:
        """Free funds by :func:`available`."""
        withheld = withheld_profit(self.position_profit, self.close_profit, self.algorithm, self.include_close_profit)
        return available(
            self.balance, self.margin, self.frozen_margin, self.frozen_commission, self.frozen_cash, withheld
        )

    @property
    def risk_degree(self) -> float:
        """Margin over balance by :func:`risk_degree`."""
        return risk_degree(self.margin, self.balance)

    def roll(self) -> None:
        """Begin the next trading day: the balance becomes the previous one, the day's entries become zero.

        The margin is left to the ledger, which knows the lots at their new base price.
        """
        self.pre_balance = self.balance
        self.deposit = self.withdraw = self.cash_in = 0.0
        self.commission = self.close_profit = self.position_profit = 0.0
        self.frozen_margin = self.frozen_commission = self.frozen_cash = 0.0
