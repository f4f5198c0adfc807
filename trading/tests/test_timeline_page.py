"""The console's page of one trading day: every kind in the order of time, what one may not see left out, its file."""

import csv
import io
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.leases import take
from accounts.models import AuditEntry, User
from trading import services
from trading.account_models import AccountState
from trading.console.csv_export import csv_answer
from trading.ledger.apply import epoch_of, lease_of
from trading.ledger.gateway_events import Why, tell_began, tell_ended
from trading.order_models import AccountEvent
from trading.tests.desk import NOON, Desk, make_desk

pytestmark = pytest.mark.django_db

DAY = reverse("admin:trading_riskevent_timeline")


@pytest.fixture
def desk(bob: User, rita: User, ada: User) -> Desk:
    """A day of Bob's account: an order and its fill, money, a limit, a stop; and an account of others."""
    made = make_desk("bobs", bob)
    make_desk("others")
    order = made.order
    order.client_order_id = "x"
    for seq, kind in enumerate(("accepted", "traded"), start=100):
        body: dict[str, Any] = {"fills": [{"volume": 2, "price": 3311.0}]} if kind == "traded" else {}
        AccountEvent.objects.create(account=made.account, seq=seq, kind=kind, order=order, body=body, market_time=NOON)
    services.set_limit(rita, "max_order_volume", "account", "bobs", 5, reason="=small steps")
    services.set_limit(rita, "max_order_volume", "account", "others", 6, reason="canary of others")
    services.set_switch(rita, "account", "bobs", 2, "prices run away")
    services.grant_account(ada, "bobs", rita, "view_tradingaccount")
    return made


def at(user: User) -> Client:
    """The console as this person sees it."""
    client = Client()
    client.force_login(user)
    return client


def shown(user: User, **query: Any) -> list[tuple[str, str, str, str]]:
    """Kind, account, person and text of the lines."""
    answer = at(user).get(DAY, query)
    assert answer.status_code == 200
    return [(line.kind, line.account, line.who, line.text) for line, _word in answer.context["lines"]]


def test_a_day_joins_everything_in_the_order_of_time(desk: Desk, rita: User, ada: User) -> None:
    lines = shown(ada, of="account:bobs")
    kinds = [line[0] for line in lines]
    assert set(kinds) == {"order", "fill", "limit", "stop", "risk", "action", "money"}
    assert kinds.index("money") < kinds.index("fill") < kinds.index("limit") < kinds.index("stop")
    [fill] = [line for line in lines if line[0] == "fill"]
    assert fill[3].endswith("traded · 2 @ 3,311")
    [limit] = [line for line in lines if line[0] == "limit"]
    assert limit[1:3] == ("", "rita")
    assert "– → 5 · =small steps" in limit[3]
    [stop] = [line for line in lines if line[0] == "stop"]
    assert stop[2] == "rita"
    assert "prices run away" in stop[3]
    assert ("action", "ada") in [(line[0], line[2]) for line in lines]
    assert not [line for line in lines if "canary of others" in line[3]]
    assert shown(ada, of="account:bobs", kind="fill") == [fill]
    assert {line[1] for line in shown(ada, of="desk:house", kind="money")} == {"bobs", "others"}


def test_a_gateway_tells_when_it_takes_an_account_and_why_it_leaves_it(desk: Desk, rita: User) -> None:
    account = desk.account
    first = take(lease_of(account), "host:1", above=epoch_of(account))
    tell_began(account, first)
    AccountState.objects.filter(account=account).update(gateway="running", epoch=first.epoch)
    first.release()  # as after ten seconds without a word
    second = take(lease_of(account), "host:2", above=epoch_of(account))
    tell_began(account, second)
    AccountState.objects.filter(account=account).update(epoch=second.epoch)
    tell_ended(account, first, Why.LOST)
    assert AccountState.objects.get(account=account).gateway == "running"  # the later one
    tell_ended(account, second, Why.STOPPED)
    assert AccountState.objects.get(account=account).gateway == "stopped"
    assert [line[3] for line in shown(rita, of="account:bobs", kind="gateway")] == [
        f"gateway begins · host:1 #{first.epoch}",
        f"gateway begins · the one before ended without a word · host:2 #{second.epoch}",
        f"gateway ends · it lost the account to another one, or could not keep it · host:1 #{first.epoch}",
        f"gateway ends · it was stopped · host:2 #{second.epoch}",
    ]


def test_the_file_is_exactly_what_is_seen(desk: Desk, ada: User) -> None:
    client = at(ada)
    for kinds in ([], ["limit", "fill"]):
        query = {"of": "account:bobs", "kind": kinds}
        seen = client.get(DAY, query).context["lines"]
        answer = client.get(DAY, {**query, "form": "csv"})
        assert answer.streaming
        text = answer.getvalue().decode()
        assert text.startswith("\ufeff")
        head, *rows = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
        assert head == ["Time", "Market clock", "Kind", "Account", "By", "What happened"]
        if kinds:
            told = [[line.account, line.who, line.text] for line, _word in seen]
            assert [row[3:] for row in rows] == told
            assert rows[0][1] == "2024-12-02T12:00:00.250+08:00"
        else:
            assert len(rows) == len(seen)
    assert AuditEntry.objects.filter(verb="timeline.export", actor=ada).count() == 2


def test_a_trader_sees_the_day_of_his_account_without_what_his_role_may_not(desk: Desk, bob: User, alice: User) -> None:
    kinds = {line[0] for line in shown(bob, of="account:bobs")}
    assert kinds == {"order", "fill", "stop", "risk", "money"}
    assert at(bob).get(DAY, {"of": "account:others"}).status_code == 404
    assert not [line for line in shown(bob, of="desk:house") if line[1] == "others"]
    assert at(alice).get(DAY).status_code == 403
    assert at(bob).get(DAY, {"of": "account:bobs", "day": "2024-13-45"}).status_code == 302


def test_a_text_that_a_spreadsheet_would_compute_is_marked() -> None:
    from_csv = list(csv.reader(io.StringIO("".join(_file([["=1+1", "-3", 5, "plain"]])))))
    assert from_csv[1] == ["'=1+1", "'-3", "5", "plain"]


def _file(rows: list[list[Any]]) -> list[str]:
    return [csv_answer("x.csv", ["a", "b", "c", "d"], rows).getvalue().decode().removeprefix("\ufeff")]
