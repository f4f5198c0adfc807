"""A desk of processes on recorded ticks: a trader works hundreds of orders over REST, and all adds up to the cent.

The record is SHFE.ru1901: the last half hour of 2018-10-08, so that there are older lots, and all of 2018-10-09 with
its night session. The trader winds the market on after each order, and both wait for the desk: what happens to the
orders does not hang on the pace of the machine.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from accounts.models import User
from marketdata.daily_facts import DailySettlement
from marketdata.instruments import ensure_instrument
from marketdata.live_models import FeedState
from marketdata.models import FeeRate, Instrument, MarginRate
from quantsite.common.times import SHANGHAI
from trading import services
from trading.account_models import TRADE
from trading.tests.desk_processes import Client, Processes, processes, with_real_password
from trading.tests.folding import Fold
from trading.tests.real_trader import Listener, Quotes, Trader
from trading.tests.recomputed import Day, Rates, Recomputed
from trading.tests.wound_feed import MODULE, TO_THE_END, WINDER, Winder

pytestmark = [pytest.mark.servers, pytest.mark.real_data, pytest.mark.django_db(transaction=True)]

RU = "ru1901.SHFE"
FILES = ("SHFE.ru1901_tick_20181008.csv.gz", "SHFE.ru1901_tick_20181009.csv.gz")
FIRST, SECOND = date(2018, 10, 8), date(2018, 10, 9)
SETTLED = {FIRST: Decimal(12310), SECOND: Decimal(12620)}
"""What the exchange published: the record's last ticks have it."""
CAPITAL = Decimal(5_000_000)
CODE = "RUBBER"
LAST_PRICE = 12_750.0
TICKS_AN_ORDER = 100
"""Makes some 400 orders and cancels."""
MOST_UNTAKEN = 3
"""So many orders may wait for the desk at a time."""
LAST_ORDER = int(datetime(2018, 10, 9, 14, 50, tzinfo=SHANGHAI).timestamp() * 1e9)
"""Some orders still work when the day ends."""
CENT = Decimal("0.005")
SUMS = ("pre_balance", "deposit", "commission", "close_profit", "close_profit_by_trade", "position_profit")
SOURCES = {FIRST: "published", SECOND: "given"}
Row = dict[str, Any]

COMMISSION = {
    FIRST: {"open": ("0.000045", "0"), "close": ("0.000045", "0"), "close_today": ("0", "3.3")},
    SECOND: {"open": ("0.00005", "0.11"), "close": ("0.00004", "0.07"), "close_today": ("0.00002", "1.3")},
}
MARGIN = {FIRST: {"long": "0.12", "short": "0.11"}, SECOND: {"long": "0.13", "short": "0.14"}}


def rates_of(day: date) -> Rates:
    """What the dated tables say, as the test wrote them."""
    pairs = {kind: (Decimal(money), Decimal(lot)) for kind, (money, lot) in COMMISSION[day].items()}
    return Rates(pairs, {side: Decimal(rate) for side, rate in MARGIN[day].items()})


@pytest.fixture
def contract(db: None) -> Instrument:
    """The contract, dated rates that differ in everything, and the settlement price of the first day."""
    row = ensure_instrument(RU, FIRST)
    for day, kinds in COMMISSION.items():
        names = {
            f"{kind}_by_{word}": Decimal(value)
            for kind, pair in kinds.items()
            for word, value in zip(("money", "volume"), pair, strict=True)
        }
        FeeRate.objects.create(instrument=row, valid_from=day, **names)
        sides = {f"{side}_by_money": Decimal(rate) for side, rate in MARGIN[day].items()}
        MarginRate.objects.create(instrument=row, valid_from=day, **sides)
    DailySettlement.objects.create(instrument=row, trading_day=FIRST, settlement_price=float(SETTLED[FIRST]))
    return row


@pytest.fixture
def desk(tmp_path: Path, contract: Instrument, bob: User, rita: User) -> Iterator[Processes]:
    """A web process and the account's gateway run; nobody publishes yet."""
    services.add_account(None, CODE, capital=CAPITAL)
    services.grant_account(None, CODE, bob, TRADE)
    for user in (bob, rita):
        with_real_password(user)
    with processes(tmp_path) as started:
        started.start("web", *started.web_words("--feed", "none"))
        started.start("gateway", "run_gateway", CODE)
        started.wait_for_web()
        yield started


def test_a_trading_day_of_real_ticks_adds_up_to_the_cent(
    desk: Processes, bob: User, rita: User, shared_data: Path
) -> None:
    client, officer = Client(desk.origin, bob), Client(desk.origin, rita)
    listener = Listener(desk.origin, client.token)
    listener.start()
    desk.wait(lambda: listener.fold.snapshots, "the socket's snapshot")
    trader = work(desk, client, listener.fold, shared_data)
    placed = client.pages("orders/", account=CODE)
    assert len(placed) == trader.placed > 100
    check_marked(desk, client)
    settle(desk, officer)

    orders = {row["id"]: row for row in client.pages("orders/", account=CODE)}
    fills = sorted(client.pages("fills/", account=CODE), key=lambda row: (row["seq"], row["id"]))
    check_variety(orders, fills, trader)
    check_orders(orders, fills)
    account = client.get(f"trading-accounts/{CODE}/")
    check_money(client, account, fills)
    desk.wait(lambda: listener.fold.seq == account["last_seq"], "the socket's last event")
    check_told(client, listener.fold, orders, fills)
    assert services.reconcile(None, CODE) == []
    listener.end()
    for link in (client, officer):
        link.close()


def work(desk: Processes, client: Client, fold: Fold, shared_data: Path) -> Trader:
    """Trade for as long as the record lasts."""
    quotes = Quotes("rubber")
    quotes.start()
    winder = Winder(desk.folder / "winder")
    files = [str(shared_data / "ticks" / name) for name in FILES]
    words = ("run_feed", "replay", *files, "--name", "rubber", "--start", "2018-10-08 14:30")
    desk.start("feed", *words, module=MODULE, **{WINDER: str(desk.folder / "winder")})
    told = FeedState.objects.filter(source="rubber", market_time__isnull=False)
    desk.wait(lambda: quotes.tick is not None and told.exists(), "the first tick, and the market clock")
    trader = Trader(client, quotes, CODE, RU, seed=1901)
    while quotes.time < LAST_ORDER:
        assert desk.alive("feed"), desk.logs()
        trader.act()
        winder.ticks += TICKS_AN_ORDER
        desk.wait(lambda: quotes.heard >= winder.ticks, "the market goes on")
        desk.wait(lambda: trader.untaken(fold) <= MOST_UNTAKEN, "the desk takes the orders")
    winder.ticks = TO_THE_END
    quotes.over.set()
    quotes.join()
    return trader


def settle(desk: Processes, officer: Client) -> None:
    """The risk officer ends the day at the published price; the gateway does it."""
    asked = {"prices": {RU: float(SETTLED[SECOND])}, "trading_day": SECOND.isoformat()}
    told = officer.post(f"trading-accounts/{CODE}/settle/", asked)
    assert told.status_code in {200, 202}, told.text
    number = told.json()["id"]

    def done() -> bool:
        command = officer.get(f"trading-accounts/{CODE}/commands/{number}/")
        assert command["status"] != "failed", command
        return bool(command["status"] == "done")

    desk.wait(done, "the settlement")
    assert desk.stop("gateway") == 0, desk.logs()


def check_variety(orders: dict[int, Row], fills: list[Row], trader: Trader) -> None:
    """The day held what can happen to orders; else the test would prove little."""
    assert len(fills) > 40
    assert trader.cancelled > 3
    assert {row["offset"] for row in fills} == {"open", "close", "close_today"}
    assert {orders[row["order"]]["type"] for row in fills} == {"limit", "fak", "fok", "stop"}
    assert {orders[row["order"]]["offset"] for row in fills} == {"open", "auto", "close", "close_today"}
    assert {row["trading_day"] for row in fills} == {FIRST.isoformat(), SECOND.isoformat()}
    statuses = Counter(row["status"] for row in orders.values())
    assert set(statuses) == {"filled", "cancelled", "rejected", "expired"}, statuses


def check_orders(orders: dict[int, Row], fills: list[Row]) -> None:
    """Each order has the lots of its fills, at no worse price than its own, and ended as its type must."""
    filled: dict[int, list[Row]] = defaultdict(list)
    for fill in fills:
        filled[fill["order"]].append(fill)
    for number, order in orders.items():
        mine = filled[number]
        assert order["traded"] == sum(fill["volume"] for fill in mine) <= order["volume"], order
        assert (order["status"] == "filled") == (order["traded"] == order["volume"]), order
        assert order["frozen_margin"] == order["frozen_commission"] == 0, order
        sign = 1 if order["direction"] == "buy" else -1
        assert all(fill["direction"] == order["direction"] for fill in mine)
        assert order["price"] is None or all(sign * (fill["price"] - order["price"]) <= 0 for fill in mine), order
        assert order["type"] != "fok" or order["traded"] in {0, order["volume"]}, order
        assert len({fill["trade_id"] for fill in mine}) <= len(mine)


def check_marked(desk: Processes, client: Client) -> None:
    """Before the settlement: lots stand at the last price, margin at the settlement price of the day before."""
    assert desk.reap("feed") == 0, desk.logs()
    desk.wait(lambda: shown_at_once(client)[1] == {LAST_PRICE}, "lots stand at the last price")
    funds, _prices, fills, shown = shown_at_once(client)
    last = Decimal(str(LAST_PRICE))
    days, book = recompute(fills, {FIRST: SETTLED[FIRST], SECOND: last}, {SECOND: SETTLED[FIRST]})
    day = days[SECOND]
    frozen = Decimal(str(funds["frozen_margin"])) + Decimal(str(funds["frozen_commission"]))
    expected = {
        "pre_balance": day.pre_balance,
        "commission": day.commission,
        "close_profit": day.close_profit,
        "position_profit": day.position_profit,
        "balance": day.balance,
        "margin": day.margin,
        "available": day.balance - day.margin - frozen,
    }
    assert_to_the_cent(funds, expected)
    assert shown == {side: held for side in ("long", "short") if (held := book.held(side, SECOND))[0]}


def shown_at_once(client: Client) -> tuple[Row, set[float], list[Row], dict[str, tuple[int, int]]]:
    """Funds, prices of the lots, fills and lots between two events: the gateway may be at work while we read."""
    while True:
        account = client.get(f"trading-accounts/{CODE}/")
        rows = client.pages("positions/", account=CODE)
        fills = sorted(client.pages("fills/", account=CODE), key=lambda row: (row["seq"], row["id"]))
        if client.get(f"trading-accounts/{CODE}/")["last_seq"] == account["last_seq"]:
            lots = {row["side"]: (row["volume"], row["today"]) for row in rows}
            return account["funds"], {row["last_price"] for row in rows}, fills, lots


def check_money(client: Client, account: Row, fills: list[Row]) -> None:
    """Both statements and what is carried on, from the fills alone."""
    days, book = recompute(fills, SETTLED, SETTLED)
    statements = {row["trading_day"]: row for row in client.pages(f"trading-accounts/{CODE}/history/")}
    assert set(statements) == {FIRST.isoformat(), SECOND.isoformat()}
    for day, told in days.items():
        shown = statements[day.isoformat()]
        assert shown["prices"] == {RU: {"price": float(SETTLED[day]), "source": SOURCES[day]}}
        expected = {name: getattr(told, name) for name in (*SUMS, "balance", "margin")}
        assert_to_the_cent(shown, {**expected, "available": told.balance - told.margin, "withdraw": Decimal(0)})
        signs = {"pre_balance": 1, "deposit": 1, "withdraw": -1, "close_profit": 1, "position_profit": 1}
        parts = [sign * Decimal(str(shown[name])) for name, sign in signs.items()]
        assert abs(sum(parts) - Decimal(str(shown["commission"])) - Decimal(str(shown["balance"]))) < CENT
    per_fill = {number: sums for told in days.values() for number, sums in told.per_fill.items()}
    for fill in fills:
        names = ("commission", "close_profit", "close_profit_by_trade")
        assert_to_the_cent(fill, dict(zip(names, per_fill[fill["id"]], strict=True)))
    end = days[SECOND]
    carried = {"pre_balance": end.balance, "balance": end.balance, "margin": end.margin, "frozen_margin": Decimal(0)}
    assert_to_the_cent(account["funds"], carried)
    shown = {row["side"]: (row["volume"], row["today"]) for row in client.pages("positions/", account=CODE)}
    assert shown == {side: (held, 0) for side in ("long", "short") if (held := book.held(side, SECOND)[0])}


def check_told(client: Client, fold: Fold, orders: dict[int, Row], fills: list[Row]) -> None:
    """What the socket's client has folded is what REST says."""
    assert (fold.snapshots, fold.gaps) == (1, [])
    assert fold.orders == orders
    assert fold.fills == {fill["id"]: fill for fill in fills}
    positions = {(row["instrument"], row["side"]): row for row in client.pages("positions/", account=CODE)}
    assert {side: row for side, row in fold.positions.items() if row["volume"]} == positions
    assert fold.funds == client.get(f"trading-accounts/{CODE}/")["funds"]


def recompute(
    fills: list[Row], marks: Mapping[date, Decimal], margins: Mapping[date, Decimal]
) -> tuple[dict[date, Day], Recomputed]:
    """Both days at these marks; margin is charged at ``margins``, at the mark where there is none."""
    book, days, balance = Recomputed(10), {}, Decimal(0)
    for day, mark in marks.items():
        begins = Day(balance, deposit=CAPITAL if day == FIRST else Decimal(0))
        mine = [fill for fill in fills if fill["trading_day"] == day.isoformat()]
        days[day] = book.run(mine, day, begins, rates_of(day), mark, margins.get(day, mark))
        balance = days[day].balance
        if day == FIRST:
            book.settle(mark)
    return days, book


def assert_to_the_cent(shown: Row, expected: Mapping[str, Decimal]) -> None:
    """What is shown is what was computed."""
    wrong = {name: (shown[name], value) for name, value in expected.items() if abs(_exact(shown[name]) - value) >= CENT}
    assert wrong == {}


def _exact(value: float) -> Decimal:
    return Decimal(str(value))
