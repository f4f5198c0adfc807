"""The rules of docs/trading/matching.md written down a second time, lot by lot and without a thought for speed.

Nothing of the matcher is used: prices are exact fractions, every traded and displayed lot is an entry of a list, and a
price level is a queue of single lots, others' and ours.
"""

from fractions import Fraction
from math import isfinite
from typing import Any

from marketdata.domain.ticks import Tick
from trading.domain.simulated.orders import MatchOrder

Told = tuple[Any, ...]
"""What an exchange tells, by kind, order and whatever else belongs to it."""
TAKERS = ("market", "best", "fak", "fok")


def quotes(tick: Tick, side: int) -> list[tuple[Fraction, int]]:
    """Displayed levels of the bids (1) or the asks (-1), best first."""
    found = [(tick.bid_price, tick.bid_volume) if side > 0 else (tick.ask_price, tick.ask_volume)]
    if tick.depth:
        at = 0 if side > 0 else 8
        found += [(tick.depth[at + i], int(tick.depth[at + 4 + i])) for i in range(4) if isfinite(tick.depth[at + i])]
    return [(Fraction(price), int(size)) for price, size in found if isfinite(price) and 0 < price < 1e300 and size > 0]


def traded_lots(before: Tick | None, tick: Tick, counted: int) -> list[Fraction]:
    """The price of every lot traded since the tick before."""
    new = before is None or before.trading_day != tick.trading_day
    volume = tick.volume - (0 if new or before is None else before.volume)
    money = tick.turnover - (0.0 if new or before is None else before.turnover)
    lots = volume // counted
    if lots <= 0 or not isfinite(tick.last):
        return []
    last, average = Fraction(tick.last), money / volume / 10.0
    if not isfinite(average) or average <= 0 or average > tick.high + 1e-6 or average < tick.low - 1e-6:
        return [last] * lots
    below = int(average + 1e-6)
    dear = int((average - below) * lots + 0.5)
    prices = [Fraction(below)] * (lots - dear) + [Fraction(below + 1)] * dear
    if last not in prices:
        prices.remove(min(set(prices), key=lambda price: abs(price - last)))
        prices.append(last)
    return prices


class Own:
    """One of our orders."""

    def __init__(self, order: MatchOrder, arrives: int, number: int) -> None:
        self.order, self.arrives, self.number = order, arrives, number
        self.id, self.side, self.kind = order.order_id, int(order.direction), str(order.type)
        self.left = order.volume
        no_price = not isfinite(order.price) or self.kind in ("market", "best")
        self.limit = None if no_price else Fraction(order.price)
        self.known = self.hidden = False
        self.since, self.fills = 0, 0
        self.ahead: int | None = None
        self.cancel: int | None = None

    def accepts(self, price: Fraction) -> bool:
        return self.limit is None or self.side * (self.limit - price) >= 0


class SlowExchange:
    """One instrument with price tick 1 and multiplier 10."""

    def __init__(self, latency: int, queues: bool, counted: int) -> None:
        self.latency, self.queues, self.counted = latency, queues, counted
        self.own: list[Own] = []
        self.seen: Tick | None = None
        self.stands = self.over = False
        self.opens = 0
        self.shown: dict[int, list[Fraction]] = {1: [], -1: []}
        self.told: list[Told] = []
        self.count = 0

    def submit(self, order: MatchOrder, now: int) -> list[Told]:
        self.count += 1
        self.own.append(Own(order, order.arrives or now + self.latency, self.count))
        return self.clock(now)

    def cancel(self, order_id: int, now: int) -> list[Told]:
        found = [own for own in self.own if own.id == order_id]
        if not found:
            return [("CancelRefused", order_id, now, "order_unknown")]
        if found[0].cancel is None:
            found[0].cancel = max(now + self.latency, found[0].arrives)
        return self.clock(now)

    def clock(self, now: int) -> list[Told]:
        events = [(own.arrives, 0, own.number, own) for own in self.own if not own.known]
        events += [(own.cancel, 1, own.number, own) for own in self.own if own.cancel is not None]
        for at, what, _number, own in sorted(events, key=lambda event: event[:3]):
            if at <= now and own in self.own:
                if what:
                    own.cancel = None
                    self.end(own, at, "Withdrawn", "cancelled")
                else:
                    self.arrive(own)
        told, self.told = self.told, []
        return told

    def arrive(self, own: Own) -> None:
        if self.stands and self.seen is not None and self.forbidden(own, self.seen):
            self.end(own, own.arrives, "Refused", "price_outside_limits")
            return
        own.known, own.since, own.hidden = True, own.arrives, own.kind == "stop"
        self.told.append(("Accepted", own.id, own.arrives))
        if not own.hidden:
            self.act(own, own.arrives)

    def act(self, own: Own, at: int) -> None:
        tick = self.seen if self.stands else None
        auction = tick is not None and tick.volume == 0 and not (self.opens and at >= self.opens)
        if tick is not None and not auction:
            pile = self.shown[-own.side]
            wanted = [price for price in pile if own.accepts(price)][: own.left]
            if own.kind == "fok" and len(wanted) < own.left:
                wanted = []
            for price in dict.fromkeys(wanted):
                self.fill(own, at, price, wanted.count(price))
            for price in wanted:
                pile.remove(price)
        if not own.left:
            return
        if own.limit is not None and own.kind not in TAKERS:
            own.ahead = None if self.queues else 0
            if tick is not None and not auction:
                self.look(own, tick)
            return
        nobody = tick is None or not quotes(tick, -own.side)
        reason = "not_filled_whole" if own.kind == "fok" else "no_quote" if nobody else "remainder"
        self.end(own, at, "Withdrawn", "auction" if auction else reason)

    def look(self, own: Own, tick: Tick) -> None:
        """Shorten the queue to what is displayed."""
        mine, theirs = quotes(tick, own.side), quotes(tick, -own.side)
        if not self.queues or own.limit is None or not (mine or theirs):
            return
        deeper = bool(mine) and own.side * (own.limit - mine[-1][0]) < 0
        if not deeper:
            size = sum(lots for price, lots in mine if price == own.limit)
            own.ahead = size if own.ahead is None else min(own.ahead, size)

    def tick(self, tick: Tick) -> list[Told]:
        late = self.over and self.seen is not None and self.seen.trading_day == tick.trading_day
        if tick.flags or late:
            return []
        self.over = False
        self.told = self.clock(tick.time - 1)
        before, self.seen, self.stands = self.seen, tick, True
        self.shown = {side: [price for price, size in quotes(tick, side) for _ in range(size)] for side in (1, -1)}
        for own in [own for own in self.own if own.known and self.forbidden(own, tick)]:
            self.end(own, tick.time, "Withdrawn", "price_outside_limits")
        if tick.volume or (self.opens and tick.time >= self.opens):
            self.trade(before, tick)
        told, self.told = self.told, []
        return told + self.clock(tick.time)

    def trade(self, before: Tick | None, tick: Tick) -> None:
        lots = traded_lots(before, tick, self.counted)
        same = before is not None and before.trading_day == tick.trading_day
        if (not same or before is None or not before.volume) and lots:
            price = Fraction(tick.open if isfinite(tick.open) else tick.last)
            late = self.opens and tick.time >= self.opens + 60 * 10**9
            if price in lots and not late:
                for own in self.resting():
                    if own.accepts(price) and own.limit is not None:
                        got = min(own.left, lots.count(price))
                        for _ in range(got):
                            lots.remove(price)
                        self.fill(own, tick.time, price, got)
            elif not same:
                lots = []
        self.serve(lots, tick, -1 if before is None else before.time)
        for own in self.resting():
            self.look(own, tick)
        for own in sorted((own for own in self.own if own.known and own.hidden), key=lambda own: own.number):
            stop = Fraction(own.order.stop_price)
            if isfinite(tick.last) and own.side * (Fraction(tick.last) - stop) >= 0:
                own.hidden, own.since = False, tick.time
                self.told.append(("Triggered", own.id, tick.time))
                self.act(own, tick.time)

    def serve(self, lots: list[Fraction], tick: Tick, since: int) -> None:
        """Trades, then the other side's displayed lots, to our resting orders at their own prices."""
        resting = self.resting()
        got = {own.id: 0 for own in resting}
        for side in (1, -1):
            there = [own for own in resting if own.side == side and own.since <= since]
            for price in sorted(set(lots), reverse=side > 0):
                self.serve_price(lots, price, side, there, got)
        for own in resting:
            if any(own.accepts(price) for price, _size in quotes(tick, -own.side)):
                own.ahead = 0
            pile = self.shown[-own.side]
            for price in [price for price in pile if own.accepts(price)][: own.left - got[own.id]]:
                pile.remove(price)
                got[own.id] += 1
        for own in resting:
            if got[own.id] and own.limit is not None:
                self.fill(own, tick.time, own.limit, got[own.id])

    @staticmethod
    def serve_price(lots: list[Fraction], price: Fraction, side: int, there: list[Own], got: dict[int, int]) -> None:
        """Every lot traded at one price: to our better orders, then through the queue at that price."""
        for own in there:
            if own.limit is not None and side * (own.limit - price) > 0:
                own.ahead = 0
                while price in lots and got[own.id] < own.left:
                    lots.remove(price)
                    got[own.id] += 1
        level = [own for own in there if own.limit == price and own.ahead is not None]
        line: list[Own | None] = []
        for own in level:
            others = sum(1 for entry in line if entry is None)
            line += [None] * ((own.ahead or 0) - others) + [own] * (own.left - got[own.id])
        passing = lots.count(price)
        for entry in line[:passing]:
            if entry is not None:
                lots.remove(price)
                got[entry.id] += 1
            for own in level:
                if entry is None and own.ahead:
                    own.ahead -= 1

    def resting(self) -> list[Own]:
        """Our orders at rest: buys, then sells, the better price first, then the earlier."""
        there = [own for own in self.own if own.known and not own.hidden and own.limit is not None]
        return sorted(there, key=lambda own: (-own.side, -own.side * (own.limit or 0), own.since, own.number))

    def expire(self, now: int) -> list[Told]:
        self.told = self.clock(now)
        for own in sorted(self.own, key=lambda own: own.number):
            kind, reason = ("Withdrawn", "expired") if own.known else ("Refused", "market_closed")
            self.end(own, now, kind, reason)
        self.stands, self.opens, self.over = False, 0, True
        told, self.told = self.told, []
        return told

    def fill(self, own: Own, at: int, price: Fraction, volume: int) -> None:
        if volume:
            own.left -= volume
            own.fills += 1
            self.told.append(("Traded", own.id, at, float(price), volume, own.fills))
            if not own.left:
                self.gone(own, at)

    def end(self, own: Own, at: int, kind: str, reason: str) -> None:
        self.told.append((kind, own.id, at, reason))
        self.gone(own, at)

    def gone(self, own: Own, at: int) -> None:
        self.own.remove(own)
        if own.cancel is not None:
            self.told.append(("CancelRefused", own.id, at, "order_final"))

    @staticmethod
    def forbidden(own: Own, tick: Tick) -> bool:
        if own.limit is None:
            return False
        return own.limit > tick.upper_limit or own.limit < tick.lower_limit
