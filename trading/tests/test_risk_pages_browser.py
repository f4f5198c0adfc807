"""The desk page in a real browser: it follows the pictures of risk, says what is stale, and breaks no policy."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import User
from quantsite.testing.browser import OpenPage
from trading import services
from trading.account_models import TRADE, TradingAccount
from trading.tests.risk_book import filled_pages, show

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DESK = reverse("risk-desk")


@pytest.fixture
def accounts(bob: User) -> list[TradingAccount]:
    """Two accounts of one desk, the second one far from every limit; Bob trades on the first."""
    made = [services.add_account(None, code, capital=Decimal(1_000_000), desk="main") for code in ("busy", "calm")]
    services.grant_account(None, "busy", bob, TRADE)
    return made


def watched(open_page: OpenPage, user: User, **given: object) -> tuple[Page, list[str]]:
    """An empty page, and what its console complains about: a breach of the policy for contents is told there."""
    page = open_page(user, **given)
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    return page, complaints


def test_it_follows_the_pictures_without_being_loaded_again(
    open_page: OpenPage, rita: User, accounts: list[TradingAccount]
) -> None:
    busy, calm = accounts
    show(busy, scale=1)
    show(calm, scale=1, cancels=10)
    page, complaints = watched(open_page, rita)
    page.goto(DESK)
    expect(page.locator("[data-trading-state]")).to_have_attribute("data-trading-state", "live")
    page.evaluate("window.sameDocument = true")
    row = page.locator("[data-account=calm]")
    margin = row.locator("[data-name=margin]")
    before = margin.inner_text()
    show(calm, scale=2, profit=-12_345.0)
    expect(margin).not_to_have_text(before)
    expect(row.locator("[data-name=day_profit]")).to_have_text("-12,345")
    expect(row.locator("[data-name=day_profit]")).to_have_class(re.compile("qs-loss"))
    expect(page.locator("[data-worst-account]")).to_have_text("calm")  # the first number, though no row has moved
    assert page.locator("[data-account]").first.get_attribute("data-account") == "busy"
    page.locator("[data-sort]").click()
    assert page.locator("[data-account]").first.get_attribute("data-account") == "calm"
    assert page.evaluate("window.sameDocument")
    assert complaints == []


def test_what_no_gateway_tells_any_more_is_grey_and_says_since_when(
    open_page: OpenPage, rita: User, accounts: list[TradingAccount]
) -> None:
    page, complaints = watched(open_page, rita)
    told = timezone.now()
    shown = show(accounts[0], at=told)
    priced = told - timedelta(seconds=shown.figures["data_age"]["max"])  # what has been old for longer is named
    page.goto(DESK)
    row = page.locator("[data-account=busy]")
    expect(row.locator("[data-age]")).to_have_text(f"stale since {timezone.localtime(priced):%H:%M:%S}")
    expect(row).to_have_class(re.compile("rk-stale"))
    expect(page.locator("[data-worst]")).to_have_class(re.compile("rk-stale"))
    show(accounts[0], at=timezone.now() + timedelta(hours=1))  # it speaks again, for longer than anybody waits here
    expect(row).not_to_have_class(re.compile("rk-stale"))
    assert complaints == []


def test_an_account_that_is_taken_back_leaves_the_page(
    open_page: OpenPage, bob: User, accounts: list[TradingAccount]
) -> None:
    show(accounts[0])
    services.grant_account(None, "calm", bob, TRADE)
    show(accounts[1])
    page, complaints = watched(open_page, bob)
    page.goto(DESK)
    expect(page.locator("[data-trading-state]")).to_have_attribute("data-trading-state", "live")
    expect(page.locator("[data-account]")).to_have_count(2)
    margin = page.locator("[data-account=calm] [data-name=margin]")
    before = margin.inner_text()
    show(accounts[1], scale=2)
    expect(margin).not_to_have_text(before)  # the channel has told of it, and so tells its end
    services.revoke_account(None, "calm", bob, TRADE)
    expect(page.locator("[data-account=calm]")).to_have_count(0)
    expect(page.locator("[data-account=busy]")).to_have_count(1)
    assert complaints == []


def test_it_asks_by_itself_while_the_line_is_cut(
    open_page: OpenPage, rita: User, accounts: list[TradingAccount]
) -> None:
    show(accounts[0])
    page, _complaints = watched(open_page, rita)
    page.route_web_socket(re.compile("/ws/trading/"), lambda line: line.close(code=1012))
    page.goto(DESK)
    expect(page.get_by_text("No live connection")).to_be_visible()
    working = page.locator("[data-account=busy] [data-name=margin]")
    before = working.inner_text()
    show(accounts[0], scale=3)
    expect(working).not_to_have_text(before)


def test_no_page_is_wider_than_the_screen_in_either_language(
    open_page: OpenPage, rita: User, ada: User, bob: User
) -> None:
    pages = filled_pages(bob, ada)
    wide: list[str] = []
    for language in ("zh-hans", "en"):
        page, complaints = watched(open_page, rita, language=language, width=420)
        page.emulate_media(color_scheme="dark")
        for name, address in pages.items():
            answer = page.goto(address)
            assert answer is not None
            assert answer.status == 200, name
            expect(page.locator("html.dark")).to_have_count(1)
            for width in (420, 1360):
                page.set_viewport_size({"width": width, "height": 900})
                if page.evaluate("document.documentElement.scrollWidth") > width:
                    wide.append(f"{name} {language} {width}")
        assert complaints == []
    assert wide == []
