"""The console's pages about trading in a real browser, kept fresh over the real socket."""

import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.urls import reverse
from django.utils.translation import gettext, override
from playwright.sync_api import Page, WebSocketRoute, expect

from accounts.models import User
from marketdata.models import Instrument
from marketdata.tests.stored_bars import made_minutes, put
from quantsite.common.times import ns_to_utc
from quantsite.testing.browser import OpenPage
from trading import services
from trading.account_models import TRADE, TradingAccount
from trading.choices import CommandKind
from trading.ledger_models import BalanceSnapshot
from trading.models import AccountCommand, Fill, Order
from trading.tests.written_events import CODES, Scribe, instruments, made_account

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ORDERS = reverse("admin:trading_order_changelist")
CODE = "simrb2405.SIM"
HALF_A_MINUTE = 30 * 10**9


@pytest.fixture
def account(bob: User) -> TradingAccount:
    """An account that Bob trades on."""
    made = made_account("bobs")
    services.grant_account(None, "bobs", bob, TRADE)
    instruments()
    return made


@pytest.fixture
def scribe(account: TradingAccount) -> Scribe:
    """Writes what happens on it."""
    return Scribe(account)


def accepted(scribe: Scribe) -> Order:
    """An order of ten lots that works."""
    order = scribe.place()
    Order.objects.filter(pk=order.pk).update(volume=10, instrument=Instrument.objects.get(code=CODES[0]))
    for _step in range(3):
        scribe.advance()
    order.refresh_from_db()
    assert order.status == "accepted"
    return order


def watched(open_page: OpenPage, user: User, **given: object) -> tuple[Page, list[str]]:
    """An empty page, and what its console complains about: a breach of the policy for contents is told there."""
    page = open_page(user, **given)
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    return page, complaints


def live(page: Page) -> None:
    """Wait for the socket."""
    expect(page.locator("[data-trading-state]")).to_have_attribute("data-trading-state", "live")


def test_the_terms_of_an_account_are_changed_in_their_form(
    open_page: OpenPage, ada: User, account: TradingAccount
) -> None:
    page, complaints = watched(open_page, ada)
    page.goto(reverse("admin:trading_tradingaccount_change", args=[account.pk]))
    live(page)
    name = page.locator("#terms_name")
    expect(name).to_be_hidden()
    page.get_by_text("Change the terms…").click()
    name.fill("the first")
    page.locator("#terms_cancel_when_blind").check()
    page.get_by_role("button", name="Save the terms").click()
    expect(page.get_by_text("The terms hold now.")).to_be_visible()
    account.refresh_from_db()
    assert (account.name, account.cancel_when_blind) == ("the first", True)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert complaints == []


def test_the_blotter_follows_its_orders_without_being_loaded_again(
    open_page: OpenPage, bob: User, scribe: Scribe, tmp_path: Path
) -> None:
    order = accepted(scribe)
    page, complaints = watched(open_page, bob)
    page.goto(ORDERS)
    live(page)
    page.evaluate("window.sameDocument = true")
    status = page.locator(f"[data-order='{order.pk}'][data-name=status]")
    expect(status).to_have_text("accepted")
    scribe.trade()
    order.refresh_from_db()
    words = {"filled": "filled", "partially_filled": "partly filled"}
    expect(status).to_have_text(words[order.status])
    expect(page.locator(f"[data-order='{order.pk}'][data-name=traded]")).to_have_text(f"{order.traded} / 10")
    other = accepted(scribe)  # a row that was not there
    expect(page.locator(f"[data-order='{other.pk}'][data-name=status]")).to_have_text("accepted")
    assert page.evaluate("window.sameDocument")
    page.screenshot(path=tmp_path / "blotter.png")
    page.locator(f"[data-order-cancel='{other.pk}']").click()
    expect(page.get_by_text(f"The gateway is asked to cancel order #{other.pk}.")).to_be_visible()
    assert AccountCommand.objects.get(kind=CommandKind.CANCEL).order == other
    assert complaints == []


def test_the_blotter_tells_why_in_the_language_of_its_reader(open_page: OpenPage, bob: User, scribe: Scribe) -> None:
    order = accepted(scribe)
    page, complaints = watched(open_page, bob, language="zh-hans")
    page.goto(ORDERS)
    live(page)
    page.evaluate("window.sameDocument = true")
    text = "Account %(account)s is closed: it takes no orders."
    scribe.reject(order, "account_closed", text % {"account": "bobs"})
    with override("zh-hans"):
        told = gettext(text) % {"account": "bobs"}
    assert "takes no orders" not in told
    expect(page.locator(f"[data-order='{order.pk}'][data-name=reason_text]")).to_have_text(told)
    assert page.evaluate("window.sameDocument")
    assert complaints == []


def test_it_says_so_when_the_line_is_cut_and_asks_instead(open_page: OpenPage, bob: User, scribe: Scribe) -> None:
    order = accepted(scribe)
    lines: list[WebSocketRoute] = []

    def through(line: WebSocketRoute) -> None:
        if lines:
            line.close(code=1012)  # it does not come back
            return
        line.connect_to_server()
        lines.append(line)

    page, _complaints = watched(open_page, bob)
    page.route_web_socket(re.compile("/ws/trading/"), through)
    page.goto(ORDERS)
    live(page)
    lines[0].close(code=1012)
    expect(page.locator("[data-trading-state]")).to_have_attribute("data-trading-state", "stale")
    expect(page.get_by_text("No live connection")).to_be_visible()
    while Order.objects.get(pk=order.pk).is_working:
        scribe.end()
    word = Order.objects.get(pk=order.pk).get_status_display()
    expect(page.locator(f"[data-order='{order.pk}'][data-name=status]")).to_have_text(word)


def test_the_account_page_follows_funds_and_orders(open_page: OpenPage, bob: User, scribe: Scribe) -> None:
    first = date(2024, 11, 29)
    for number in range(2):
        made = {"pre_balance": 1000 + number, "balance": 1001 + number, "seq": 0}
        BalanceSnapshot.objects.create(account=scribe.account, trading_day=first + timedelta(days=number), **made)
    page, complaints = watched(open_page, bob)
    page.goto(reverse("admin:trading_tradingaccount_change", args=[scribe.account.pk]))
    live(page)
    page.evaluate("window.sameDocument = true")
    expect(page.locator("[data-equity][data-chart-state=drawn]")).to_have_count(1)
    expect(page.get_by_text("No order is working.")).to_be_visible()
    scribe.deposit()
    scribe.account.refresh_from_db()
    balance = TradingAccount.objects.select_related("state").get(pk=scribe.account.pk).state.balance
    figure = page.locator(".qs-tile-value[data-funds=bobs][data-name=balance]")
    expect(figure).to_have_text(f"{balance:,.2f}")
    order = accepted(scribe)
    expect(page.get_by_role("link", name=f"#{order.pk}")).to_be_visible()
    assert page.evaluate("window.sameDocument")
    assert complaints == []


def test_what_is_taken_back_ends_the_page(open_page: OpenPage, bob: User, scribe: Scribe) -> None:
    page, _complaints = watched(open_page, bob)
    page.goto(reverse("admin:trading_tradingaccount_change", args=[scribe.account.pk]))
    live(page)
    services.revoke_account(None, "bobs", bob, TRADE)
    expect(page.locator("[data-trading-state]")).to_have_attribute("data-trading-state", "over")
    expect(page.get_by_text("The live stream has ended.")).to_be_visible()
    page.reload()
    assert page.url.endswith("/admin/")


@pytest.mark.parametrize(("language", "width"), [("zh-hans", 420), ("en", 1100)])
def test_nothing_is_wider_than_the_screen(
    open_page: OpenPage, bob: User, rita: User, scribe: Scribe, language: str, width: int, tmp_path: Path
) -> None:
    order = accepted(scribe)
    scribe.trade()
    statement = BalanceSnapshot.objects.create(
        account=scribe.account, trading_day=date(2024, 12, 2), pre_balance=1, balance=1, seq=0, rows=[]
    )
    page, complaints = watched(open_page, rita, language=language, width=width)
    page.emulate_media(color_scheme="dark")
    account = reverse("admin:trading_tradingaccount_change", args=[scribe.account.pk])
    for name, address in (
        ("orders", ORDERS),
        ("order", reverse("admin:trading_order_change", args=[order.pk])),
        ("positions", reverse("admin:trading_position_changelist")),
        ("accounts", reverse("admin:trading_tradingaccount_changelist")),
        ("account", account),
        ("statement", reverse("admin:trading_balancesnapshot_change", args=[statement.pk])),
        ("settlement", reverse("admin:trading_order_cancel_all")),
    ):
        page.goto(address)
        expect(page.locator("html.dark")).to_have_count(1)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
    assert complaints == []


def test_own_fills_are_arrows_on_the_quote_page(open_page: OpenPage, bob: User, alice: User, scribe: Scribe) -> None:
    instrument, _table, bars = made_minutes(CODE, date(2024, 1, 2), date(2024, 1, 3))
    put(instrument, bars)
    order = accepted(scribe)
    moments = [bars.start[10], bars.start[10], bars.start[40]]
    for number, start in enumerate(moments):
        Fill.objects.create(
            account=scribe.account,
            order=order,
            instrument=instrument,
            trading_day=date(2024, 1, 2),
            trade_id=f"f{number}",
            direction="buy",
            offset="open",
            price=4000,
            volume=1,
            commission=0,
            traded_at=ns_to_utc(int(start) + HALF_A_MINUTE),
            seq=number,
        )
    address = f"{reverse('quotes')}?instrument={CODE}&interval=1m"
    page, complaints = watched(open_page, bob)
    page.goto(address)
    switch = page.locator("[data-fills-switch]")
    expect(switch).to_have_attribute("data-arrows", "2")
    switch.click()
    expect(switch).to_have_attribute("data-arrows", "0")
    assert complaints == []
    stranger, _said = watched(open_page, alice)  # she may look at fills, and no account is hers
    stranger.goto(address)
    expect(stranger.locator("[data-chart]")).to_have_attribute("data-bars", str(len(bars)))
    stranger.wait_for_timeout(1_000)
    expect(stranger.locator("[data-fills-switch]")).to_have_attribute("data-arrows", "0")
