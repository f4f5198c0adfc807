"""The traders' quote page in a real browser, over the real stream, hub and socket."""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import Page, WebSocketRoute, expect

from accounts.models import AuditEntry, User
from marketdata.models import Bar, Instrument
from marketdata.quotes import watchlist
from marketdata.tests.live_market import LiveMarket, live_market
from marketdata.tests.stored_bars import made_minutes, put
from quantsite.testing.browser import OpenPage

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

QUOTES = reverse("quotes")
CODE = "simrb2405.SIM"
OTHER = "simrb2410.SIM"
PAGE_BARS = 2_000


@pytest.fixture
def steel(transactional_db: None) -> Instrument:
    """A contract with minutes of eight days: more than the page asks for at once."""
    instrument, _table, bars = made_minutes(CODE, date(2023, 12, 19), date(2023, 12, 29))
    put(instrument, bars)
    return instrument


@pytest.fixture
def market(steel: Instrument) -> Iterator[LiveMarket]:
    """A live market of it."""
    with live_market(steel) as market:
        market.tick(4004.0)
        yield market


def watched_page(open_page: OpenPage, user: User, **given: object) -> tuple[Page, list[str]]:
    """An empty page, and what its console complains about: a breach of the policy for contents is told there."""
    page = open_page(user, **given)
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    return page, complaints


def test_a_contract_is_found_watched_and_followed(
    open_page: OpenPage, bob: User, market: LiveMarket, tmp_path: Path
) -> None:
    page, complaints = watched_page(open_page, bob)
    page.goto(QUOTES)
    expect(page.get_by_text("Nothing is watched yet")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("simrb24")
    expect(page.get_by_role("option", name=CODE)).to_be_visible()
    page.keyboard.press("Enter")
    last = page.locator("[data-fact=last]")
    expect(last).to_have_text("4,004")
    expect(page.locator(f"tr[data-code='{CODE}'] .q-last")).to_have_text("4,004")
    expect(page.locator("[data-feed]")).to_have_attribute("data-state", "fresh")
    assert [row.code for row in watchlist.watched(bob)] == [CODE]

    market.tick(3987.0)
    expect(last).to_have_text("3,987")
    expect(page.locator("[data-fact=change]")).to_have_text("-13")
    expect(page.locator("[data-board]")).to_have_attribute("data-direction", "down")
    expect(page.locator("[data-phase]")).to_have_text("Trading until 10:15")
    expect(page).to_have_title(re.compile(r"^3,987 ▼-0\.33% simrb2405 · PAPER"))
    page.screenshot(path=tmp_path / "live.png")

    market.beating.clear()
    expect(page.locator("html.q-stale")).to_have_count(1)
    expect(page.locator("[data-feed]")).to_contain_text(re.compile(r"Stale since \d\d:\d\d:\d\d"))
    market.beating.set()
    expect(page.locator("html.q-stale")).to_have_count(0)

    page.get_by_role("button", name="Edit").click()
    page.get_by_role("button", name=f"Take {CODE} off the list").click()
    expect(page.locator(f"tr[data-code='{CODE}']")).to_have_count(0)
    assert not watchlist.watched(bob).exists()
    assert complaints == []


def test_the_chart_has_every_bar_and_goes_on_with_live_ones(open_page: OpenPage, bob: User, market: LiveMarket) -> None:
    stored = Bar.objects.filter(instrument__code=CODE).count()
    assert stored > PAGE_BARS
    page, complaints = watched_page(open_page, bob)
    page.goto(f"{QUOTES}?instrument={CODE}&interval=1m")
    chart = page.locator("[data-chart]")
    expect(chart).to_have_attribute("data-bars", str(PAGE_BARS))
    expect(page.locator("[data-feed]")).to_have_attribute("data-state", "fresh")
    for _look in range(240):  # the hub makes a forming bar once it knows the contract, a second after its first tick
        market.tick(4006.0)
        page.wait_for_timeout(250)
        if chart.get_attribute("data-bars") != str(PAGE_BARS):
            break
    expect(page.locator("[data-legend]")).to_contain_text("C 4,006")
    page.mouse.move(900, 500)
    for _turn in range(8):
        page.mouse.wheel(-3_000, 0)  # back until the left end is near
    expect(chart).to_have_attribute("data-bars", str(stored + 1))
    page.mouse.move(5, 5)
    market.tick(4010.0, later=61)
    expect(chart).to_have_attribute("data-bars", str(stored + 2))
    expect(page.locator("[data-legend]")).to_contain_text("C 4,010")
    assert complaints == []


def test_by_keyboard(open_page: OpenPage, bob: User, steel: Instrument) -> None:
    other, _table, bars = made_minutes(OTHER, date(2023, 12, 28), date(2023, 12, 29))
    put(other, bars)
    watchlist.watch(bob, steel)
    watchlist.watch(bob, other)
    page, complaints = watched_page(open_page, bob)
    page.goto(QUOTES)
    expect(page.locator("[data-name-code]")).to_have_text(CODE)
    page.keyboard.press("ArrowDown")
    expect(page.locator("[data-name-code]")).to_have_text(OTHER)
    page.keyboard.press("6")
    expect(page.locator("[data-interval='1h']")).to_have_attribute("aria-pressed", "true")
    expect(page).to_have_url(re.compile(f"instrument={OTHER}&interval=1h$"))
    expect(page.locator("[data-chart]")).to_have_attribute("data-bars", "12")  # two hours a night, four a day
    page.keyboard.press("Alt+ArrowUp")
    expect(page.locator(".q-watch tbody tr").first).to_have_attribute("data-code", OTHER)
    assert [row.code for row in watchlist.watched(bob)] == [OTHER, CODE]
    page.go_back()
    page.go_back()
    expect(page.locator("[data-name-code]")).to_have_text(CODE)
    assert complaints == []


def test_it_comes_back_after_a_cut(open_page: OpenPage, bob: User, market: LiveMarket) -> None:
    lines: list[WebSocketRoute] = []

    def through(line: WebSocketRoute) -> None:
        line.connect_to_server()
        lines.append(line)

    page, _complaints = watched_page(open_page, bob)
    page.route_web_socket(re.compile("/ws/market/"), through)
    page.goto(f"{QUOTES}?instrument={CODE}&interval=1m")
    feed = page.locator("[data-feed]")
    expect(feed).to_have_attribute("data-state", "fresh")
    lines[0].close(code=1012)
    expect(feed).to_have_attribute("data-state", "lost")
    expect(page.locator("html.q-stale")).to_have_count(1)
    market.tick(4111.0)
    expect(page.locator("[data-fact=last]")).to_have_text("4,111")
    expect(feed).to_have_attribute("data-state", "fresh")


def test_who_may_not_sees_neither_page_nor_frames(open_page: OpenPage, charlie: User, market: LiveMarket) -> None:
    page = open_page(charlie)
    answer = page.goto(QUOTES)
    assert answer is not None
    assert answer.status == 403
    assert AuditEntry.objects.filter(actor=charlie, after__verb="quotes.open").exists()
    heard = page.evaluate(
        """code => new Promise((done) => {
            const socket = new WebSocket(`ws://${location.host}/ws/market/`, ["quantsite.v1"]);
            const frames = [];
            socket.onopen = () => socket.send(JSON.stringify({op: "subscribe", channels: [`tick:${code}`]}));
            socket.onmessage = (event) => frames.push(event.data);
            socket.onclose = (event) => done([event.code, frames.length]);
        })""",
        CODE,
    )
    assert heard == [4403, 0]
    stranger = open_page(None)
    stranger.goto(QUOTES)
    assert stranger.url.endswith(f"/admin/login/?next={QUOTES}")


@pytest.mark.parametrize(("language", "width"), [("zh-hans", 420), ("en", 420), ("zh-hans", 1100)])
def test_nothing_is_wider_than_the_screen(
    open_page: OpenPage, bob: User, market: LiveMarket, language: str, width: int, tmp_path: Path
) -> None:
    watchlist.watch(bob, Instrument.objects.get(code=CODE))
    page, complaints = watched_page(open_page, bob, language=language, width=width)
    page.emulate_media(color_scheme="dark")
    page.goto(QUOTES)
    expect(page.locator("[data-fact=last]")).to_have_text("4,004")
    expect(page.locator("html.dark")).to_have_count(1)
    if language == "zh-hans":
        expect(page.locator("[data-name-label]")).to_contain_text("螺纹钢")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.screenshot(path=tmp_path / "page.png", full_page=True)
    assert complaints == []


def test_colours_of_up_and_down_are_swapped_and_kept(open_page: OpenPage, bob: User, market: LiveMarket) -> None:
    page, complaints = watched_page(open_page, bob)
    page.goto(f"{QUOTES}?instrument={CODE}")
    price = page.locator(".q-price")
    expect(page.locator("[data-board]")).to_have_attribute("data-direction", "up")
    red = price.evaluate("element => getComputedStyle(element).color")
    page.get_by_role("button", name="Swap the colours").click()
    green = price.evaluate("element => getComputedStyle(element).color")
    assert red != green
    page.reload()
    expect(page.locator("[data-board]")).to_have_attribute("data-direction", "up")
    assert price.evaluate("element => getComputedStyle(element).color") == green
    assert complaints == []
