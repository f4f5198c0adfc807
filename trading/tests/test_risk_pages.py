"""The pages about risk: who sees which account, what stands on them without a picture, and what needs a person."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from marketdata.instruments import ensure_instrument
from trading import services
from trading.account_models import TRADE, TradingAccount
from trading.console.risk_figures import RiskFigures
from trading.ledger_models import Position
from trading.order_models import Fill, Order
from trading.risk_models import AccountRisk
from trading.tests.desk import CODE, DAY, make_desk
from trading.tests.risk_book import show
from trading.verbs.risk_events import Found, found

pytestmark = pytest.mark.django_db

DESK = reverse("risk-desk")


@pytest.fixture
def accounts(bob: User) -> list[TradingAccount]:
    """Two desks with an account each; Bob trades on the first."""
    made = [
        services.add_account(None, code, capital=Decimal(1_000_000), desk=desk)
        for code, desk in (("bobs", "main"), ("others", "arb"))
    ]
    services.grant_account(None, "bobs", bob, TRADE)
    return made


def at(user: User) -> Client:
    """The console as this person sees it."""
    client = Client()
    client.force_login(user)
    return client


def codes(answer: Any) -> list[str]:
    """The accounts on the page, from above to below."""
    return [line["account"].code for line in answer.context["lines"]]


def test_the_worst_comes_first_with_what_it_is_of_and_whose(accounts: list[TradingAccount], rita: User) -> None:
    bobs, others = accounts
    show(bobs, scale=1, cancels=10)
    show(others, scale=2, cancels=10)  # twice as many lots: 120 of 100 of rb
    answer = at(rita).get(DESK)
    assert codes(answer) == ["others", "bobs"]
    worst = answer.context["worst"]
    assert worst["worst"]["title"] == "position in one product rb.SHFE"
    assert (worst["worst"]["share"], worst["worst"]["level"]) == ("120.0 %", "broken")
    shown = answer.content.decode()
    assert "120 <" not in shown  # used and limit stand apart from each other
    assert "product rb.SHFE" in shown  # where the limit comes from


def test_a_desk_of_the_address_narrows_everything(accounts: list[TradingAccount], rita: User) -> None:
    for account in accounts:
        show(account)
        services.set_switch(None, "account", account.code, 1, f"why-{account.code}")
    answer = at(rita).get(DESK, {"desk": "arb"})
    assert codes(answer) == ["others"]
    assert [need.text for need in answer.context["needs"].lines] == ["why-others"]
    figures = at(rita).get(reverse("risk-figures"), {"desk": "arb"}).json()
    assert [told["account"] for told in figures["accounts"]] == ["others"]
    assert codes(at(rita).get(DESK, {"desk": "none"})) == []


def test_nobody_sees_an_account_or_an_event_of_others(accounts: list[TradingAccount], bob: User) -> None:
    for account in accounts:
        show(account)
        found(Found("breach", "The risk degree is %(value)s.", {"value": f"of-{account.code}"}, account=account))
        services.set_switch(None, "account", account.code, 1, f"why-{account.code}")
    for page in ("risk-desk", "risk-figures", "risk-needs"):
        shown = at(bob).get(reverse(page)).content.decode()
        assert "others" not in shown, page
        assert "arb" not in shown, page
    assert codes(at(bob).get(DESK)) == ["bobs"]
    assert codes(at(bob).get(DESK, {"desk": "arb"})) == []


def test_an_account_without_a_picture_shows_its_funds_and_says_so(accounts: list[TradingAccount], rita: User) -> None:
    answer = at(rita).get(DESK, {"desk": "main"})
    [line] = answer.context["lines"]
    assert (line["balance"], line["limits"], line["exposure"], line["left"]) == ("1,000,000", [], "–", "–")
    assert "no picture yet" in answer.content.decode()


def test_a_picture_of_which_much_is_missing_or_wrong_is_still_a_page(
    accounts: list[TradingAccount], rita: User
) -> None:
    odd: dict[str, Any] = {
        "balance": "a million", "limits": [{"rule": "tomorrow"}, 7], "cancel_budget": None, "margin": 5,
        "margin_by_product": [], "data_age": 3, "as_of": "noon",
    }  # fmt: skip
    AccountRisk.objects.create(account=accounts[0], figures=odd, updated_at=timezone.now())
    answer = at(rita).get(DESK)
    line = answer.context["lines"][0]
    assert (line["account"].code, line["worst"]["share"], line["worst"]["title"]) == ("bobs", "?", "tomorrow")
    assert line["balance"] == "–"


def test_what_is_old_is_stale_from_the_moment_that_it_was_fresh(accounts: list[TradingAccount]) -> None:
    now = timezone.now()
    row = show(accounts[0], at=now)
    row.account.risk = row
    figures = RiskFigures(row.account)
    assert figures.data_age == 0.9
    assert figures.stale_since(now + timedelta(seconds=2)) is None
    assert figures.stale_since(now + timedelta(seconds=2.8)) == now - timedelta(seconds=0.9)  # its oldest price
    row.figures["data_age"] = {"max": 0.0}
    fresh = RiskFigures(row.account)
    assert fresh.stale_since(now + timedelta(seconds=2.4)) is None
    assert fresh.stale_since(now + timedelta(seconds=2.8)) == now


def test_what_nobody_has_taken_comes_first_and_goes_when_it_is_taken(
    accounts: list[TradingAccount], rita: User
) -> None:
    held = {"value": "480,000"}
    found(Found("warning", "The margin is %(value)s yuan.", held, account=accounts[0], level=0.8))
    breach = found(Found("breach", "The risk degree is %(value)s.", {"value": "101 %"}, account=accounts[1]))
    needs = at(rita).get(reverse("risk-needs")).context["needs"]
    assert [(need.severity, need.about) for need in needs.lines] == [("critical", "others"), ("warning", "bobs")]
    assert needs.lines[0].text == "The risk degree is 101 %."
    services.assign(rita, breach.pk, rita.username)
    needs = at(rita).get(reverse("risk-needs")).context["needs"]
    assert ([need.about for need in needs.lines], needs.events) == (["bobs"], 1)


def test_a_proposal_waits_for_whoever_may_approve(accounts: list[TradingAccount], rita: User, bob: User) -> None:
    switch = services.set_switch(rita, "account", "bobs", 1, "too many orders")
    services.ask_release(rita, switch.pk, "it was the clock")
    told = [need.text for need in at(rita).get(reverse("risk-needs")).context["needs"].lines]
    assert told == ["too many orders", "it was the clock"]
    told = [need.text for need in at(bob).get(reverse("risk-needs")).context["needs"].lines]
    assert told == ["too many orders"]


def test_one_question_for_all_accounts(
    accounts: list[TradingAccount], rita: User, django_assert_max_num_queries: Any
) -> None:
    for account in accounts:
        show(account)
    client = at(rita)
    client.get(reverse("risk-figures"))
    with django_assert_max_num_queries(8):
        client.get(reverse("risk-figures"))


# --- one account, product, strategy, plan ------------------------------------------------------------------


def account_page(account: TradingAccount) -> str:
    """The address of the account's page."""
    return reverse("admin:trading_tradingaccount_change", args=[account.pk])


def test_the_account_page_drills_down_the_same_figures(accounts: list[TradingAccount], rita: User, alice: User) -> None:
    show(accounts[0], scale=2)
    answer = at(rita).get(account_page(accounts[0]))
    shown = answer.content.decode()
    assert answer.context["risk_line"]["worst"]["share"] == "120.0 %"
    products = {row["key"]: row["exposure"] for row in answer.context["risk_products"]}
    assert products == {"rb.SHFE": "+3,630,000", "hc.SHFE": "-1,360,000", "i.DCE": "+1,248,000"}
    facts = dict(answer.context["risk_facts"])
    assert facts["Margin call at the price limits"] != "–"
    assert facts["Value at risk, one day"].endswith("250 days")
    for word in ("desk main", "the rule&#x27;s own", "2025-01-15"):
        assert word in shown, word
    assert "risk_line" not in (at(alice).get(account_page(accounts[0])).context or {})


def test_a_plan_is_seen_and_stopped_with_a_reason(accounts: list[TradingAccount], rita: User, bob: User) -> None:
    desk = make_desk("held", bob, orders=3)
    plan = services.make_plan(rita, "held", reason="close before the holiday")
    address = reverse("risk-plan", args=[plan.pk])
    shown = at(rita).get(account_page(desk.account)).content.decode()
    assert address in shown
    assert b"close before the holiday" in at(bob).get(address).content
    assert b"Stop closing" not in at(bob).get(address).content  # it is not his
    assert at(bob).post(address, {"reason": "no"}).status_code == 403
    at(rita).post(address, {"reason": ""})
    plan.refresh_from_db()
    assert plan.status == "waiting"
    part = at(rita).get(address, {"part": "1"}).content.decode()
    assert 'data-fresh="1000"' in part
    assert "0 / 3" in part
    assert "<form" not in part  # what is being typed is not taken away
    at(rita).post(address, {"reason": "the broker called"})
    plan.refresh_from_db()
    assert (plan.status, plan.stopped_by) == ("stopped", rita)
    assert "rk-plan-over" in at(rita).get(address, {"part": "1"}).content.decode()
    assert at(rita).get(reverse("risk-plan", args=[2**40])).status_code == 404


def test_a_product_sums_up_what_one_may_see(accounts: list[TradingAccount], rita: User, bob: User) -> None:
    for number, account in enumerate(accounts, 1):
        held = ensure_instrument("rb2501.SHFE", DAY)
        figures = {"open_price": 3_300, "base_price": 3_300, "last_price": 3_310, "margin": 1_000 * number}
        common = {"account": account, "instrument": held, "today": 0, "position_profit": 100 * number}
        Position.objects.create(**common, **figures, side="long", volume=number)
        Position.objects.create(**common, **figures, side="short", volume=1)
        show(account)
    page = reverse("risk-product")
    answer = at(rita).get(page, {"product": "rb.SHFE"})
    sums = answer.context["sums"]
    assert (sums["long"], sums["short"], sums["net"], sums["margin"]) == (3, 2, "+1", "6,000")
    assert (sums["exposure"], sums["profit"]) == ("+33,100", "+600")
    told = {(limit["account"].code, limit["title"]) for limit in answer.context["limits"]}
    assert ("others", "position in one product rb.SHFE") in told
    assert not any("hc" in title for _code, title in told)
    own = at(bob).get(page, {"product": "rb.SHFE"})
    assert (own.context["sums"]["long"], "others" in own.content.decode()) == (1, False)
    assert [row["key"] for row in at(bob).get(page).context["products"]] == ["rb.SHFE"]
    assert at(rita).get(page, {"product": "nothing.SHFE"}).status_code == 404


def test_a_strategy_is_what_its_orders_and_fills_say(bob: User, rita: User, alice: User) -> None:
    desk = make_desk("held", bob, orders=1)
    order = desk.order
    Order.objects.filter(pk=order.pk).update(strategy_key="double_ma")
    Fill.objects.filter(pk=desk.fill.pk).update(direction="buy", price=3_300, volume=3, commission=10)
    Position.objects.filter(pk=desk.position.pk).update(last_price=3_310)
    page = reverse("risk-strategy")
    answer = at(bob).get(page, {"key": "double_ma"})
    [line] = answer.context["lots"]
    assert (line["net"], line["profit"], line["exposure"]) == ("+3", "+290", "+99,300")  # 3 lots of 10 t, 10 yuan up
    assert [row.pk for row in answer.context["orders"]] == [order.pk]
    services.set_switch(rita, "strategy", "double_ma", 1, "it runs wild")
    assert "it runs wild" in at(bob).get(page, {"key": "double_ma"}).content.decode()
    assert [row["strategy_key"] for row in at(bob).get(page).context["strategies"]] == ["double_ma"]
    make_desk("hidden", orders=1)
    assert at(bob).get(page, {"key": "other"}).context["orders"] == []
    assert at(alice).get(page).status_code == 403


def test_what_if_tells_margin_fee_and_limits_and_places_nothing(
    accounts: list[TradingAccount], rita: User, bob: User
) -> None:
    desk = make_desk("held", bob, orders=1)
    count = Order.objects.count()
    services.set_limit(rita, "max_order_volume", "account", "held", 5, reason="small orders")
    asked = {"account": "held", "instrument": CODE, "direction": "buy", "offset": "open", "type": "limit"}
    page = reverse("risk-what-if")
    answer = at(bob).get(page, {**asked, "price": "3300", "volume": "10"})
    rows = {name: [float(text.replace(",", "")) for text in told[:2]] for name, *told in answer.context["rows"][1:]}
    assert rows["Margin, yuan"][1] > rows["Margin, yuan"][0]
    assert rows["Available, yuan"][1] < rows["Available, yuan"][0]
    assert rows["Value of all positions, yuan"][1] - rows["Value of all positions, yuan"][0] == 10 * 10 * 3_300
    assert float(answer.context["fee"].replace(",", "")) > 0
    lots = next(limit for limit in answer.context["limits"] if limit["title"] == "lots of one order")
    assert (lots["after"], lots["level"], lots["from"]) == ("200.0 %", "broken", "account held")
    assert any("10 lots" in reason for reason in answer.context["reasons"])
    shown = answer.content.decode()
    assert "nothing here is placed" in shown
    assert "others" not in shown  # not even as a choice
    assert (Order.objects.count(), desk.account.commands.count()) == (count, 1)


def test_what_if_says_what_is_wrong_with_the_order(accounts: list[TradingAccount], bob: User) -> None:
    make_desk("held", bob, orders=1)
    asked = {"account": "held", "instrument": CODE, "direction": "buy", "offset": "open", "type": "limit"}
    asked |= {"price": "3300", "volume": "1"}
    page = reverse("risk-what-if")
    for wrong in ({"price": "3300.5"}, {"instrument": "nothing.SHFE"}, {"price": ""}, {"account": "bobs"}):
        answer = at(bob).get(page, asked | wrong)
        assert answer.context["wrong"], wrong
        assert "rows" not in answer.context, wrong
    assert "rows" not in at(bob).get(page, asked | {"account": "others"}).context
    begun = at(bob).get(page, {"account": "held"})
    assert (begun.context["form"].initial["account"], "wrong" in begun.context) == ("held", False)
