"""The simulated exchange on bars: at which price a market order fills.

So far one rule: an order decided on a closed bar fills at the open of a later bar, moved against the trader.
"""


def fill_price(open_price: float, direction: int, slippage_ticks: float, price_tick: float) -> float:
    """The bar's open plus the slippage for a buy (``direction`` +1), less it for a sell (-1).

    The result may lie outside the bar's range: slippage stands for the spread that a bar does not show.
    """
    return open_price + direction * slippage_ticks * price_tick


def slippage_cost(volume: float, multiplier: float, slippage_ticks: float, price_tick: float) -> float:
    """What the slippage of one fill costs in yuan; information only, the fill's price contains it."""
    return slippage_ticks * price_tick * volume * multiplier
