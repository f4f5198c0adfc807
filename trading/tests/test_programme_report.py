"""The report on programmatic trading equals an independent count of the same day."""

import csv
import io
from collections import Counter
from random import Random
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.models import User
from quantsite.common.times import utc_to_ns
from trading import services
from trading.account_models import ControlGroup, TradingAccount
from trading.order_models import Order
from trading.programme import programme_rows, reported_days
from trading.tests.loop_bench import FIRST_DAY, HC, RB, Bench, bench

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]

REPORT = reverse("admin:trading_riskevent_programme")
COUNTED = """
    SELECT m.exchange_id, i.code, e.kind, e.market_time, o.volume
    FROM trading_accountevent e
    JOIN trading_order o ON o.id = e.order_id
    JOIN marketdata_instrument i ON i.id = o.instrument_id
    JOIN marketdata_product m ON m.id = i.product_id
    WHERE e.kind IN ('submitting', 'cancel_requested') AND o.submitted_at IS NOT NULL AND o.trading_day = %s
"""


def naive(rows: list[tuple[Any, ...]]) -> dict[str, Any]:
    """Counted as one would by hand: every second looked at, every window tried."""
    times = sorted(utc_to_ns(at) for _exchange, _code, _kind, at, _volume in rows)
    seconds = Counter(at // 10**9 for at in times)
    windows, left = 0, times
    while left:  # the earliest ten within a second, none of them counted twice
        end = next((n for n in range(9, len(left)) if left[n] - left[n - 9] < 10**9), None)
        if end is None:
            break
        windows, left = windows + 1, left[end + 1 :]
    return {
        "orders": sum(kind == "submitting" for _exchange, _code, kind, _at, _volume in rows),
        "cancels": sum(kind == "cancel_requested" for _exchange, _code, kind, _at, _volume in rows),
        "bursts": {second * 10**9: count for second, count in seconds.items() if count >= 10},
        "sliding": windows,
        "busiest": max(sum(at - 10**9 < other <= at for other in times) for at in times),
    }


def work(table: Bench, draw: Random, steps: int) -> tuple[int, int]:
    """A trader who now and then sends many at once; gives the orders and cancels that were sent."""
    sent = cancelled = 0
    working: list[int] = []
    for _step in range(steps):
        table.street.tick(4000.0 + draw.randrange(-3, 4))
        for _each in range(draw.choice([0, 1, 2, 7, 13])):
            if working and draw.random() < 0.4:
                services.cancel_order(None, working.pop())
                cancelled += 1
            else:
                code = draw.choice([RB, RB, HC])
                working.append(table.order("buy", "open", 3700.0, 1 + draw.randrange(3), instrument=code).pk)
                sent += 1
        table.turn()
    return sent, cancelled


@pytest.fixture
def worked(rita: User) -> tuple[int, int]:
    """A day of hundreds of orders and cancels, with a market of its own."""
    with bench() as table:
        table.street.tick(4000.0, code=HC)
        table.turn()
        return work(table, Random(2026), 40)  # noqa: S311 - repeatable, not secret


def test_the_report_equals_an_independent_count(worked: tuple[int, int], rita: User) -> None:
    [day] = reported_days(None, None, 10)
    with connection.cursor() as cursor:
        cursor.execute(COUNTED, [day])
        counted = naive(cursor.fetchall())
    [row] = programme_rows([day])
    assert (row.counts.orders, row.counts.cancels) == (counted["orders"], counted["cancels"]) == worked
    assert worked[0] > 100 < 10 * worked[1]
    assert {burst.second: burst.actions for burst in row.counts.bursts} == counted["bursts"]
    assert len(counted["bursts"]) > 3
    assert (row.counts.sliding, row.counts.busiest) == (counted["sliding"], counted["busiest"])
    gone = Counter(Order.objects.filter(status="cancelled").values_list("instrument__code", flat=True))
    assert row.most_cancels == max(gone.values()) == max(gone[RB], gone[HC])
    assert row.trading_day == FIRST_DAY
    assert ("a" in row.flags) == (len(counted["bursts"]) >= 10 or counted["sliding"] >= 10)
    page = at(rita).get(REPORT)
    assert page.status_code == 200
    file = at(rita).get(REPORT, {"form": "csv"})
    head, line = csv.reader(io.StringIO(file.getvalue().decode().removeprefix("\ufeff")))
    told = dict(zip(head, line, strict=True))
    assert (told["Orders"], told["Cancels"]) == (str(worked[0]), str(worked[1]))
    assert told["Seconds with ten or more"] == str(len(counted["bursts"]))


def test_accounts_of_one_group_count_together_and_refusals_are_told(rita: User) -> None:
    with bench("T1", control_group="g") as table:
        services.add_account(None, "T2", control_group="g")
        table.turn()
        for _each in range(6):
            table.order("buy", "open", 3700.0, 1)
        table.turn()
    Order.objects.update(strategy_key="ma")
    mate = TradingAccount.objects.get(code="T2")
    first = Order.objects.filter(account__code="T1").earliest("pk")
    events = list(first.events.filter(kind="submitting"))
    for number in range(5):  # what the second account sent in the same second, and one that was refused
        refused = number == 4
        copy = Order.objects.create(
            account=mate,
            client_order_id=f"m-{number}",
            instrument=first.instrument,
            direction="sell",
            offset="open",
            type="limit",
            price=3700,
            volume=1,
            trading_day=first.trading_day,
            submitted_at=None if refused else first.submitted_at,
            status="rejected" if refused else "accepted",
            reason_code="self_trade" if refused else "",
        )
        if not refused:
            shape = {**events[0].body, "order": {**events[0].body["order"], "id": copy.pk}}
            mate.events.create(
                seq=900 + number, kind="submitting", order=copy, body=shape, market_time=events[0].market_time
            )
    group = ControlGroup.objects.get(code="g")
    [row] = programme_rows(reported_days(None, None, 1))
    assert (row.group, row.counts.orders, [burst.actions for burst in row.counts.bursts]) == (group, 10, [10])
    assert (row.self_trades, row.by_strategy, row.flags) == (1, 6, ("b",))
    assert list(programme_rows(reported_days(None, None, 1), "other")) == []


def test_the_report_is_for_those_who_see_every_account(bob: User, rita: User) -> None:
    assert at(bob).get(REPORT).status_code == 403
    assert at(bob).get(REPORT, {"form": "csv"}).status_code == 403
    assert "No order was sent" in at(rita).get(REPORT).content.decode()


def at(user: User) -> Client:
    """The console as this person sees it."""
    client = Client()
    client.force_login(user)
    return client
