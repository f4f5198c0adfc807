"""What risk costs an opening order: all rules together, each rule apart, and the limits in force looked up anew.

Pure Python, no database. Every rule has a limit that the order keeps; with warnings, one that it comes near.
"""

from collections.abc import Iterator
from functools import partial
from math import nan

from benchmarks.figures import Figure, best_seconds, show
from trading.domain.risk.figures import AccountView, Asked, DayCounts, Quote, RiskOrder
from trading.domain.risk.limits import Limit, Table, effective, table_of
from trading.domain.risk.measures import MEASURES
from trading.domain.risk.order_rules import judged, rule_reason
from trading.domain.risk.rules import Rule
from trading.domain.risk.scopes import scopes_of
from trading.domain.risk.self_trade import Standing, crossed
from trading.domain.risk.sent import SentOrders
from trading.domain.risk.switches import Strength, Switch, stop_reason

ORDERS = 200
ROUNDS = 60
"""Short rounds, so that on a busy machine some of them run undisturbed."""
NOW = 1_733_100_000_000_000_000
SCOPES = scopes_of(desk="main", account="A1", product="rb.SHFE", user="li", strategy="cta:1")
RESTING = 50
"""Working orders of the other accounts of the control group in the instrument."""

WIDE = {
    Rule.ORDER_VOLUME: 100,
    Rule.ORDER_NOTIONAL: 1e6,
    Rule.PRICE_COLLAR: 0.03,
    Rule.SETTLEMENT_COLLAR: 0.05,
    Rule.POSITION_INSTRUMENT: 200,
    Rule.POSITION_PRODUCT: 300,
    Rule.NOTIONAL: 1e7,
    Rule.MARGIN: 1e6,
    Rule.AVAILABLE: 1e5,
    Rule.ORDER_RATE: 100,
    Rule.ORDERS_INSTRUMENT: 5_000,
    Rule.CANCELS_INSTRUMENT: 470,
    Rule.LARGE_CANCELS: 45,
    Rule.DUPLICATES: 10,
    Rule.INSTRUMENTS: 0,
    Rule.DIRECTIONS: 0,
    Rule.RISK_DEGREE: 0.8,
    Rule.DAILY_LOSS: 1e5,
    Rule.DRAWDOWN: 0.2,
}
LISTS = {Rule.INSTRUMENTS: {"allowed": ["cu.SHFE", "rb.SHFE"]}, Rule.DIRECTIONS: {"allowed": ["buy", "sell"]}}


def table() -> Table:
    """A limit on every rule, spread over the scopes."""
    limits = [
        Limit(rule, SCOPES[number % len(SCOPES)], maximum, params=LISTS.get(rule, {}))
        for number, (rule, maximum) in enumerate(WIDE.items())
    ]
    return table_of(limits)


def order() -> RiskOrder:
    """Ten lots bought to open."""
    return RiskOrder("rb2501.SHFE", "rb.SHFE", "SHFE", True, True, "limit", 3_301.0, nan, 10, 10.0, 1.0)


def view() -> AccountView:
    """An account with positions in forty instruments."""
    held = {f"p{number}.SHFE": number for number in range(40)} | {"rb2501.SHFE": 40}
    product = {"rb.SHFE": 60}
    return AccountView(1e6, 7e5, 2e5, 5e4, 5e3, 0.01, 2e6, 4e4, 30.0, held, held, product, product)


def busy() -> SentOrders:
    """Thirty orders within the last second, a thousand within the last minute."""
    sent = SentOrders()
    for number in range(1_000):
        sent.note(NOW - number * 33_000_000, (number % 20,))
    return sent


def ask(sent: SentOrders, account: AccountView, limits: dict[Rule, Limit]) -> None:
    """As the gateway does, once for each order: its figures are put together and judged."""
    quote = Quote(3_300.0, 3_280.0, 3_510.0, 3_050.0)
    for number in range(ORDERS):
        asked = Asked(order(), quote, account, DayCounts(number % 400, 10, 1), sent, NOW)
        reason = judged(asked, limits).reason
        if reason is not None:
            raise ValueError(f"the order of the benchmark must pass: {reason.text}")


def judge(asked: Asked, limits: dict[Rule, Limit]) -> None:
    """The rules alone, without what puts their figures together."""
    for _ in range(ORDERS):
        judged(asked, limits)


def note(sent: SentOrders) -> None:
    """An order that has gone counts in the windows of the next ones; thirty a second."""
    for number in range(ORDERS):
        sent.note(NOW + number * 33_000_000, (number % 20,))


def ask_one(rule: Rule, asked: Asked, limit: Limit) -> None:
    """One rule by itself."""
    for _ in range(ORDERS):
        rule_reason(rule, asked, limit)


def look_up(limits: Table) -> None:
    """The limits in force, as for an order in scopes that were not asked before."""
    for _ in range(ORDERS):
        effective(limits, SCOPES)


def meet(orders: list[Standing]) -> None:
    """Against every order that the group has resting in the instrument."""
    incoming = Standing(0, "A1", "rb2501.SHFE", True, True, 3_301.0)
    for _ in range(ORDERS):
        crossed(incoming, orders)


def pass_stops(switches: list[Switch]) -> None:
    """Past the stops of other scopes."""
    for _ in range(ORDERS):
        stop_reason(switches, SCOPES, opening=True)


def microseconds(name: str, work: partial[None]) -> Figure:
    """What one order costs."""
    return Figure(f"risk_rules.{name}", best_seconds(work, ROUNDS) / ORDERS * 1e6, "us")


def figures() -> Iterator[Figure]:
    """In microseconds an order."""
    limits = dict(effective(table(), SCOPES))
    near = limits | {
        rule: Limit(rule, SCOPES[0], maximum)
        for rule, maximum in ((Rule.ORDER_VOLUME, 12), (Rule.MARGIN, 4e5), (Rule.RISK_DEGREE, 0.4))
    }
    asked = Asked(order(), Quote(3_300.0, 3_280.0, 3_510.0, 3_050.0), view(), DayCounts(200, 10, 1), busy(), NOW)
    yield microseconds("all_rules", partial(judge, asked, limits))
    yield microseconds("all_rules_three_warnings", partial(judge, asked, near))
    yield microseconds("all_rules_and_their_figures", partial(ask, busy(), view(), limits))
    yield microseconds("note_as_sent", partial(note, busy()))
    yield microseconds("limits_in_force", partial(look_up, table()))
    stops = [Switch(number, SCOPES[1]._replace(key=f"u{number}"), Strength.CANCEL_ALL) for number in range(5)]
    yield microseconds("five_stops_elsewhere", partial(pass_stops, stops))
    resting = [Standing(1 + n, "A2", "rb2501.SHFE", n % 2 == 0, True, 3_302.0 + n) for n in range(RESTING)]
    yield microseconds(f"self_trade_of_{RESTING}", partial(meet, resting))
    for rule in MEASURES:
        yield microseconds(f"rule.{rule.value}", partial(ask_one, rule, asked, limits[rule]))


if __name__ == "__main__":
    show(figures())
