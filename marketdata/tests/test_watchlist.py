"""The watchlist: a person's own subscriptions in their own order, through the API; and the hours of an instrument."""

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry, User
from marketdata.live_models import InstrumentFeed, Subscription
from marketdata.models import Instrument
from marketdata.quotes import watchlist
from marketdata.services import ensure_instrument
from quantsite.common.errors import ConflictError, RefusedError
from quantsite.testing.cast import client_of, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

DAY = date(2018, 10, 9)
CODES = ["ru1901.SHFE", "rb1901.SHFE", "IF1811.CFFEX"]


@pytest.fixture
def instruments() -> list[Instrument]:
    """Three contracts of October 2018."""
    return [ensure_instrument(code, DAY) for code in CODES]


def codes_of(answer: object) -> list[str]:
    """The codes of an answer in their order."""
    return [row["code"] for row in answer.json()]  # type: ignore[attr-defined]


def test_what_is_put_on_stands_last_and_once_and_feeds_are_told(bob: User, instruments: list[Instrument]) -> None:
    client = client_of(bob)
    for code in [*CODES, CODES[0]]:
        answer = client.post("/api/v1/watchlist/", {"instrument": code})
        assert answer.status_code == 201
    assert codes_of(answer) == codes_of(client.get("/api/v1/watchlist/")) == CODES
    assert set(Subscription.objects.values_list("owner", "instrument__code")) == {(f"user:{bob.pk}", c) for c in CODES}
    assert AuditEntry.objects.filter(verb="subscription.add").count() == 3


def test_a_line_says_what_a_page_needs(bob: User, instruments: list[Instrument]) -> None:
    watchlist.watch(bob, instruments[0])
    watchlist.watch(bob, instruments[1])
    InstrumentFeed.objects.create(instrument=instruments[0], source="replay", epoch=1)
    first, second = client_of(bob).get("/api/v1/watchlist/").json()
    assert (first["price_tick"], first["multiplier"], first["feed"]) == (5.0, 10.0, "replay")
    assert (first["product_name"], first["product_name_zh"]) == ("Natural rubber", "天然橡胶")
    assert second["feed"] is None


def test_it_is_taken_off_and_taking_off_again_changes_nothing(bob: User, instruments: list[Instrument]) -> None:
    for instrument in instruments:
        watchlist.watch(bob, instrument)
    client = client_of(bob)
    for _again in range(2):
        assert client.delete(f"/api/v1/watchlist/{CODES[1]}/").status_code == 204
    assert codes_of(client.get("/api/v1/watchlist/")) == [CODES[0], CODES[2]]
    assert AuditEntry.objects.filter(verb="subscription.remove").count() == 1


def test_it_has_the_order_that_its_owner_gives_it(bob: User, instruments: list[Instrument]) -> None:
    for instrument in instruments:
        watchlist.watch(bob, instrument)
    client = client_of(bob)
    turned = CODES[::-1]
    assert codes_of(client.put("/api/v1/watchlist/", {"instruments": turned})) == turned
    watchlist.watch(bob, ensure_instrument("au1912.SHFE", DAY))
    assert codes_of(client.get("/api/v1/watchlist/")) == [*turned, "au1912.SHFE"]
    assert AuditEntry.objects.get(verb="watchlist.order").after == {"instruments": turned}


@pytest.mark.parametrize("order", [CODES[:2], [*CODES, "cu1901.SHFE"], [CODES[0], CODES[0], CODES[2]]])
def test_an_order_of_other_contracts_is_refused(bob: User, instruments: list[Instrument], order: list[str]) -> None:
    for instrument in instruments:
        watchlist.watch(bob, instrument)
    answer = client_of(bob).put("/api/v1/watchlist/", {"instruments": order})
    assert (answer.status_code, answer.json()["code"]) == (400, "not_the_watchlist")
    assert codes_of(client_of(bob).get("/api/v1/watchlist/")) == CODES


def test_everybody_has_a_list_of_their_own(bob: User, rita: User, instruments: list[Instrument]) -> None:
    watchlist.watch(bob, instruments[0])
    watchlist.watch(rita, instruments[0])
    watchlist.watch(rita, instruments[1])
    watchlist.unwatch(rita, instruments[0])
    assert codes_of(client_of(bob).get("/api/v1/watchlist/")) == [CODES[0]]
    assert codes_of(client_of(rita).get("/api/v1/watchlist/")) == [CODES[1]]


def test_it_is_read_with_as_many_questions_however_long_it_is(bob: User, instruments: list[Instrument]) -> None:
    client, counts = client_of(bob), []
    for instrument in instruments:
        watchlist.watch(bob, instrument)
        with CaptureQueriesContext(connection) as asked:
            client.get("/api/v1/watchlist/")
        counts.append(len(asked))
    assert counts[0] == counts[1] == counts[2]


def test_it_has_an_end(bob: User, instruments: list[Instrument], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchlist, "MOST", 2)
    for instrument in instruments[:2]:
        watchlist.watch(bob, instrument)
    with pytest.raises(ConflictError, match="2 contracts"):
        watchlist.watch(bob, instruments[2])
    assert Subscription.objects.count() == 2


def test_an_unknown_contract_is_named(bob: User, instruments: list[Instrument]) -> None:
    answer = client_of(bob).post("/api/v1/watchlist/", {"instrument": "ru1902.SHFE"})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_instrument")
    assert "ru1901.SHFE" in answer.json()["detail"]


def test_hours_of_a_day_with_a_night(bob: User, instruments: list[Instrument]) -> None:
    body = client_of(bob).get(f"/api/v1/instruments/{CODES[0]}/hours/", {"trading_day": "2018-10-09"}).json()
    assert body == {
        "instrument": CODES[0],
        "trading_day": "2018-10-09",
        "auction": "2018-10-08T12:55:00Z",
        "parts": [
            {"start": "2018-10-08T13:00:00Z", "end": "2018-10-08T15:00:00Z"},
            {"start": "2018-10-09T01:00:00Z", "end": "2018-10-09T02:15:00Z"},
            {"start": "2018-10-09T02:30:00Z", "end": "2018-10-09T03:30:00Z"},
            {"start": "2018-10-09T05:30:00Z", "end": "2018-10-09T07:00:00Z"},
        ],
    }


@pytest.mark.parametrize(("day", "code"), [("soon", "invalid"), ("2018-10-06", "not_a_trading_day")])
def test_hours_of_no_day_are_refused(bob: User, instruments: list[Instrument], day: str, code: str) -> None:
    answer = client_of(bob).get(f"/api/v1/instruments/{CODES[0]}/hours/", {"trading_day": day})
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_hours_of_now_by_default(bob: User, instruments: list[Instrument]) -> None:
    body = client_of(bob).get(f"/api/v1/instruments/{CODES[0]}/hours/").json()
    assert date.fromisoformat(body["trading_day"]) >= date(2026, 1, 1)
    assert body["parts"]


def test_who_has_no_role_gets_nothing(charlie: User, instruments: list[Instrument]) -> None:
    client = client_of(charlie)
    answers = [
        client.get("/api/v1/watchlist/"),
        client.post("/api/v1/watchlist/", {"instrument": CODES[0]}),
        client.put("/api/v1/watchlist/", {"instruments": []}),
        client.delete(f"/api/v1/watchlist/{CODES[0]}/"),
        client.get(f"/api/v1/instruments/{CODES[0]}/hours/"),
    ]
    assert [answer.status_code for answer in answers] == [403] * 5
    assert not Subscription.objects.exists()


def test_who_may_not_subscribe_does_not(instruments: list[Instrument]) -> None:
    onlooker = make_user("onlooker")
    with pytest.raises(RefusedError, match="add_subscription"):
        watchlist.watch(onlooker, instruments[0])
    assert not Subscription.objects.exists()
