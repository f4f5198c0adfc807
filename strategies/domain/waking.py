"""What a strategy asked its desk to be woken for, the same in a backtest and live: times and prices."""

from marketdata.domain.bars import Bar


class Waking:
    """``timers`` (ns UTC) and ``levels`` (leg and price), each good for one wake."""

    def __init__(self) -> None:
        self.timers: list[int] = []
        self.levels: list[tuple[int, float]] = []

    def due(self, start: int) -> bool:
        """True where a timer has come; those that have are gone."""
        left = [time for time in self.timers if time > start]
        came, self.timers = len(left) < len(self.timers), left
        return came

    def reached(self, leg: int, bar: Bar, before: float) -> list[float]:
        """The watched prices of a leg that a bar reached, coming from ``before``; they are gone."""
        hit = [
            (own, price)
            for own, price in self.levels
            if own == leg and (bar.high >= price if price >= before else bar.low <= price)
        ]
        self.levels = [level for level in self.levels if level not in hit]
        return [price for _own, price in hit]
