"""The broker's page of an account and its address for programs: what they show, and who may do what there."""

import re
from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from accounts.models import Proposal, User
from quantsite.testing.browser import OpenPage
from quantsite.testing.cast import client_of
from trading import services
from trading.account_models import TRADE
from trading.books_models import BrokerStatement
from trading.domain.offsets import Direction, Offset
from trading.order_models import AccountCommand
from trading.tests.ctp.stand_in import DAY, RB, Desk, M, desk_of, make_account, make_broker

WIDE, NARROW = 1360, 420


@pytest.fixture
def desk() -> Desk:
    """An account at a broker, compared once, with a statement that waits for a person."""
    broker = make_broker()
    broker.book.foreign_fill(RB, Direction.BUY, Offset.OPEN, 4005.0, 2, 1, 19724)
    broker.book.foreign_fill(M, Direction.SELL, Offset.OPEN, 3002.0, 4, 1, 19724)
    made = desk_of(make_account(), broker)
    made.tend(2)
    for code in (RB, M):
        broker.answer_rates(code)
    made.tend()
    BrokerStatement.objects.create(account=made.account, trading_day=DAY, text="客户号 1\n期末结存 1,000,000.00")
    return made


def differ(desk: Desk) -> None:
    """The broker has a lot more."""
    desk.broker.book.foreign_fill(RB, Direction.BUY, Offset.OPEN, 4001.0, 1, 1, 19724)
    desk.compare()
    desk.compare()


def address(desk: Desk, name: str = "broker") -> str:
    return reverse(f"admin:trading_tradingaccount_{name}", args=[desk.account.pk])


@pytest.mark.embedded
@pytest.mark.django_db
def test_rest_tells_what_the_broker_says(desk: Desk, bob: User, alice: User) -> None:
    differ(desk)
    services.grant_account(None, "ctp-1", bob, TRADE)
    told = client_of(bob).get("/api/v1/trading-accounts/ctp-1/broker/").json()
    assert (told["session"]["state"], told["session"]["trading_day"]) == ("ready", "2024-01-02")
    wrong = {(line["subject"], line["field"]) for line in told["comparison"]["lines"] if not line["agrees"]}
    assert (f"{RB} long", "volume") in wrong
    assert (told["comparison"]["in_a_row"], told["adoption"]["adopted_by"]) == (2, None)
    assert told["statement"]["confirmed_at"] is None
    assert client_of(alice).get("/api/v1/trading-accounts/ctp-1/broker/").status_code in {403, 404}
    services.add_account(None, "sim")
    services.grant_account(None, "sim", bob, TRADE)
    assert client_of(bob).get("/api/v1/trading-accounts/sim/broker/").json()["code"] == "not_at_a_broker"


@pytest.mark.embedded
@pytest.mark.django_db
def test_adopting_is_proposed_by_rest(desk: Desk, rita: User, bob: User) -> None:
    differ(desk)
    body = {"kind": "adopt_broker", "target": "ctp-1", "reason": "a fill was lost"}
    assert client_of(bob).post("/api/v1/risk-proposals/", body, format="json").status_code == 403
    answer = client_of(rita).post("/api/v1/risk-proposals/", body, format="json")
    assert answer.status_code == 202
    assert {line["name"] for line in answer.json()["diff"]} >= {f"{RB} long volume"}


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_differences_are_marked_and_adopting_is_proposed(open_page: OpenPage, rita: User, desk: Desk) -> None:
    page = open_page(rita, width=WIDE)
    page.goto(reverse("admin:trading_tradingaccount_change", args=[desk.account.pk]))
    page.get_by_role("link", name="Broker…").click()
    expect(page.locator("[data-differences]")).to_have_text("0")
    expect(page.locator(".br-wrong")).to_have_count(0)
    differ(desk)
    page.reload()
    row = page.locator("tr.br-wrong", has=page.get_by_role("rowheader", name=re.compile("^▲ Lots$")))
    expect(row.locator("td")).to_have_text(["2", "3", "-1"])
    page.get_by_label("Reason").fill("a fill was lost")
    page.get_by_role("button", name="Propose to adopt the broker's figures").click()
    expect(page.get_by_text("rita proposes to adopt the broker's figures.")).to_be_visible()
    assert Proposal.objects.get().kind == "adopt_broker"


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_an_older_comparison_can_be_looked_at(open_page: OpenPage, rita: User, desk: Desk) -> None:
    differ(desk)
    page = open_page(rita, width=WIDE)
    page.goto(address(desk))
    page.locator(".br-history tr.br-wrong a").nth(1).click()
    expect(page.get_by_role("link", name="The newest comparison")).to_be_visible()
    expect(page.locator(".br-books tr.br-wrong").first).to_be_visible()


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_person_confirms_the_statement_who_may(open_page: OpenPage, ada: User, bob: User, desk: Desk) -> None:
    services.grant_account(None, "ctp-1", bob, TRADE)
    page = open_page(bob, width=WIDE)
    page.goto(address(desk))
    expect(page.get_by_text("期末结存 1,000,000.00")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Confirm the statement"))).to_have_count(0)
    page = open_page(ada, width=WIDE)
    page.goto(address(desk))
    page.get_by_role("button", name="Confirm the statement of 2024-01-02").click()
    expect(page.get_by_text("The gateway of the account has been asked")).to_be_visible()
    assert AccountCommand.objects.get(kind="confirm").actor == ada


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("language", "width"), [("zh-hans", NARROW), ("en", NARROW), ("en", WIDE)])
def test_nothing_is_wider_than_the_screen(
    open_page: OpenPage, rita: User, desk: Desk, language: str, width: int, tmp_path: Path
) -> None:
    differ(desk)
    page = open_page(rita, language=language, width=width)
    page.goto(address(desk))
    assert wider(page) <= 0
    page.screenshot(path=tmp_path / "broker.png", full_page=True)


def wider(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
