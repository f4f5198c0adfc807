"""The console's pages of market data: who opens and changes what, and what a change leaves behind."""

from datetime import date
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import strip_tags

from accounts.models import AuditEntry, User
from marketdata.fact_rows import Origin
from marketdata.instruments import ensure_instrument, trading_calendar
from marketdata.models import BarImport, Instrument, ProductSession, TradingDay
from marketdata.services import BarImportOptions, import_bars
from marketdata.tests.bar_csv import SOUND, write_bars

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

PAGES = [
    "exchange",
    "product",
    "productsession",
    "sessionsuspension",
    "specialopeningday",
    "tradingday",
    "feerate",
    "marginrate",
    "instrument",
    "barimport",
]


def console(user: User) -> Client:
    """A browser in which ``user`` is logged in."""
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def rb(tmp_path: Path, db: None) -> Instrument:
    """A contract with three bars, one of them outside the hours."""
    path = write_bars(tmp_path / "rb.csv", *SOUND[:2], "2024-01-02 18:30:00,4001,4001,4001,4001,0")
    return import_bars(None, path, "rb2405.SHFE", "5m", BarImportOptions("end")).instrument


@pytest.mark.parametrize("page", PAGES)
def test_an_administrator_opens_every_page(rb: Instrument, ada: User, page: str) -> None:
    client = console(ada)
    assert client.get(reverse(f"admin:marketdata_{page}_changelist")).status_code == 200
    rows = {"barimport": BarImport.objects.get().pk, "instrument": rb.pk}
    if page in rows:
        path = reverse(f"admin:marketdata_{page}_change", args=[rows[page]])
        assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    ("who", "closed"), [("alice", set()), ("bob", {"barimport"}), ("rita", set()), ("charlie", set(PAGES))]
)
def test_the_others_see_what_was_granted(
    rb: Instrument, request: pytest.FixtureRequest, who: str, closed: set[str]
) -> None:
    client = console(request.getfixturevalue(who))
    answers = {page: client.get(reverse(f"admin:marketdata_{page}_changelist")).status_code for page in PAGES}
    assert {page for page, status in answers.items() if status != 200} == closed


def test_the_list_of_instruments_shows_what_is_stored(rb: Instrument, alice: User) -> None:
    page = console(alice).get(reverse("admin:marketdata_instrument_changelist")).content.decode()
    assert "5m × 3 2024-01-02 – 2024-01-03" in strip_tags(page)


def test_instruments_without_bars_can_be_left_out(rb: Instrument, alice: User) -> None:
    ensure_instrument("hc2405.SHFE", date(2024, 1, 2))
    path = reverse("admin:marketdata_instrument_changelist")
    for answer, shown in (("yes", ["rb2405.SHFE"]), ("no", ["hc2405.SHFE"])):
        page = console(alice).get(path, {"bars": answer})
        assert [row.code for row in page.context["cl"].queryset] == shown


def test_numbers_come_without_filling_zeros(rb: Instrument, ada: User) -> None:
    page = console(ada).get(reverse("admin:marketdata_instrument_change", args=[rb.pk])).content.decode()
    assert 'value="10"' in page
    rates = console(ada).get(reverse("admin:marketdata_feerate_changelist")).content.decode()
    assert "0.01%" in rates
    assert "0.0001000000" not in rates


def test_the_list_of_instruments_costs_the_same_for_many(rb: Instrument, ada: User) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            console(ada).get(reverse("admin:marketdata_instrument_changelist"))
        return len(seen)

    queries()  # fills what is cached once
    few = queries()
    for month in range(6, 13):
        ensure_instrument(f"rb24{month:02d}.SHFE", date(2024, 1, 2))
    assert queries() == few


def test_an_import_shows_its_warnings(rb: Instrument, alice: User) -> None:
    path = reverse("admin:marketdata_barimport_change", args=[BarImport.objects.get().pk])
    assert "line 4: 2024-01-02 18:30:00" in console(alice).get(path).content.decode()
    assert console(alice).post(path, {"stored": 5}).status_code == 403


def test_hours_that_nobody_can_read_are_refused(ada: User) -> None:
    row = ProductSession.objects.filter(product__code="rb").order_by("-valid_from")[0]
    form = {"product": row.product_id, "valid_from": row.valid_from, "night": "21:00-23", "day": row.day, "group": "x"}
    path = reverse("admin:marketdata_productsession_change", args=[row.pk])
    assert "is no span of hours" in console(ada).post(path, form).content.decode()
    row.refresh_from_db()
    assert (row.night, row.origin) == ("21:00-23:00", Origin.REFERENCE)


def test_a_changed_fact_is_the_desks_from_then_on(ada: User) -> None:
    day = TradingDay.objects.get(day=date(2026, 9, 1))
    path = reverse("admin:marketdata_tradingday_change", args=[day.pk])
    console(ada).post(path, {"reason": "typhoon"})
    day.refresh_from_db()
    assert (day.is_open, day.reason, day.origin) == (False, "typhoon", Origin.DESK)
    entry = AuditEntry.objects.get(verb="admin.change")
    assert entry.after is not None
    assert entry.after["is_open"] is False


def test_a_last_day_given_by_hand_is_no_computed_one(rb: Instrument, ada: User) -> None:
    path = reverse("admin:marketdata_instrument_change", args=[rb.pk])
    form = {
        "name": "",
        "multiplier": "10",
        "price_tick": "1",
        "expires": "2024-05-16",
        "min_limit_volume": "1",
        "min_market_volume": "1",
        "coverage-TOTAL_FORMS": "0",
        "coverage-INITIAL_FORMS": "0",
    }
    assert console(ada).post(path, form).status_code == 302
    rb.refresh_from_db()
    assert (rb.expires, rb.expiry_by_rule) == (date(2024, 5, 16), False)


def test_the_next_year_is_added_from_the_list(ada: User, rita: User) -> None:
    path = reverse("admin:marketdata_tradingday_extend")
    year = trading_calendar().last.year + 1
    day = next(day for day in (date(year, 10, number) for number in range(1, 8)) if day.weekday() < 5)
    assert console(rita).post(path, {"_form_submitted": "on", "holidays": str(day)}).status_code == 403
    wrong = console(ada).post(path, {"_form_submitted": "on", "holidays": "tomorrow"})
    assert "is no date" in wrong.content.decode()
    answer = console(ada).post(path, {"_form_submitted": "on", "holidays": f"{day}\n"})
    assert answer.headers["HX-Redirect"].endswith("/tradingday/")
    assert trading_calendar().last.year == year
