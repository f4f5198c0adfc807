"""The pages of strategies in a real browser: they follow the socket, ask before deeds, and fit every screen."""

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from accounts.models import User
from marketdata.models import Bar
from quantsite.testing.browser import OpenPage
from quantsite.testing.patience import SOON
from strategies import services
from strategies.choices import ActivityName, Health
from strategies.console.list_page import PER_PAGE
from strategies.models import StrategyInstance, StrategyPosition
from strategies.tests.filled import HC, RB, FilledDesk, bars, filled_desk, told
from strategies.tests.many import many

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ONE = "admin:strategies_strategyinstance_"
LIST = reverse(f"{ONE}changelist")


@pytest.fixture
def desk(bob: User, rita: User) -> FilledDesk:
    """Bob's strategies in the middle of a morning."""
    return filled_desk(bob, rita)


def watched(open_page: OpenPage, user: User, **given: object) -> tuple[Page, list[str]]:
    """An empty page, and what its console complains about: a breach of the policy for contents is told there."""
    page = open_page(user, **given)
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    return page, complaints


def live(page: Page) -> None:
    """Wait until the socket has told."""
    expect(page.locator("[data-trading-state]")).to_have_attribute("data-trading-state", "live")


def wait_for(look: Callable[[], list[int]], page: Page, last: list[int]) -> list[int]:
    """What there is once it ends with ``last``; the page's events arrive meanwhile."""
    until = time.monotonic() + SOON
    while (found := look())[-1:] != last:
        assert time.monotonic() < until, found
        page.wait_for_timeout(20)
    return found


def earn(instance: StrategyInstance, profit: int) -> None:
    """More profit than before, as the runner marks it."""
    row = StrategyPosition.objects.get(instance=instance)
    StrategyPosition.objects.filter(pk=row.pk).update(profit=row.day_base + profit)


def test_the_list_follows_without_being_loaded_again(open_page: OpenPage, bob: User, desk: FilledDesk) -> None:
    page, complaints = watched(open_page, bob)
    page.goto(LIST)
    live(page)
    page.evaluate("window.sameDocument = true")
    trend = desk.instances["rb-trend"]
    row = page.locator(f"tr[data-strategy='{trend.pk}']")
    earn(trend, 4_321)
    expect(row.locator("[data-name=day_profit]")).to_have_text("+4,321")
    expect(row.locator("[data-name=day_profit]")).to_have_class(re.compile("qs-profit"))
    told(trend, Health.GAP)
    expect(row).to_have_class(re.compile("st-troubled"))
    expect(page.locator("[data-sum=running]")).to_have_text("2")
    assert page.evaluate("window.sameDocument")
    assert complaints == []


def test_it_is_paused_by_the_keyboard_alone(open_page: OpenPage, bob: User, desk: FilledDesk) -> None:
    page, complaints = watched(open_page, bob)
    page.goto(LIST)
    live(page)
    trend = desk.instances["rb-trend"]
    page.locator(f"tr[data-strategy='{trend.pk}'] a", has_text="Pause").focus()
    page.keyboard.press("Enter")
    box = page.get_by_role("dialog")
    expect(box.locator("textarea[name=reason]")).to_be_focused()
    page.keyboard.press("Escape")
    expect(box).to_have_count(0)
    page.locator(f"tr[data-strategy='{trend.pk}'] a", has_text="Pause").focus()
    page.keyboard.press("Enter")
    expect(box.locator("textarea[name=reason]")).to_be_focused()
    page.keyboard.type("steel union speaks")
    for _step in range(2):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Paused: Rebar trend.")).to_be_visible()
    assert StrategyInstance.objects.get(pk=trend.pk).activity == ActivityName.PAUSED
    assert complaints == []


def test_those_that_are_ticked_are_stopped_together(open_page: OpenPage, bob: User, desk: FilledDesk) -> None:
    page, complaints = watched(open_page, bob)
    page.goto(LIST)
    live(page)
    chosen = [desk.instances[key].pk for key in ("rb-trend", "hc-macd")]
    for number in chosen:
        page.locator(f"[data-tick][value='{number}']").check()
    page.locator("#st-bulk a", has_text="Stop").click()
    box = page.get_by_role("dialog")
    expect(box.get_by_role("heading")).to_contain_text("2 strategies")
    box.get_by_label("leave everything").check()
    box.locator("textarea").fill("end of the test")
    box.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped: 2 strategies.")).to_be_visible()
    rows = StrategyInstance.objects.filter(pk__in=chosen)
    assert set(rows.values_list("activity", "stopping")) == {(ActivityName.STOPPED, "leave")}
    assert complaints == []


def test_an_instances_page_follows_decisions_figures_and_failures(
    open_page: OpenPage, bob: User, desk: FilledDesk
) -> None:
    page, complaints = watched(open_page, bob)
    trend = desk.instances["rb-trend"]
    page.goto(reverse(f"{ONE}change", args=[trend.pk]))
    live(page)
    expect(page.locator("[data-chart-state=drawn]")).to_have_count(1)
    page.evaluate("window.sameDocument = true")
    earn(trend, -987)
    expect(page.locator(".st-hero-value")).to_have_text("-987")
    newest = trend.signals.latest("number")
    newest.pk, newest.number, newest.target, newest.reason = None, newest.number + 1, -2.0, "a word of the test"
    newest.save(force_insert=True)
    expect(page.locator("#st-signal-rows")).to_contain_text("a word of the test")
    expect(page.locator(".st-signal-target")).to_contain_text("-2")
    services.fail(trend.pk, "budget", "It took too long.", {})
    expect(page.locator("#st-head [role=alert]")).to_contain_text("It took too long.")
    expect(page.locator(".st-hero")).to_have_class(re.compile("st-hero-failed"))
    assert page.evaluate("window.sameDocument")
    assert complaints == []


def test_the_chart_shows_the_leg_that_is_chosen(open_page: OpenPage, bob: User, desk: FilledDesk) -> None:
    bars(HC)
    page, complaints = watched(open_page, bob)
    pair = desk.instances["rb-hc"]
    address = reverse(f"{ONE}change", args=[pair.pk])
    page.goto(address)
    expect(page.locator("[data-chart-state=drawn]")).to_have_count(1)
    page.evaluate("window.sameDocument = true")
    tabs = page.get_by_role("navigation", name="Leg")
    expect(tabs.locator("[aria-current]")).to_have_text(RB)
    tabs.get_by_role("link", name=HC).click()
    expect(tabs.locator("[aria-current]")).to_have_text(HC)
    expect(page.locator("[data-chart-state=drawn]")).to_have_attribute("data-chart-url", re.compile("leg=1$"))
    assert page.evaluate("window.sameDocument")
    page.reload()
    expect(tabs.locator("[aria-current]")).to_have_text(HC)
    Bar.objects.filter(instrument__code=HC).delete()
    page.reload()
    expect(page.get_by_text("There is nothing to draw yet.")).to_be_visible()
    assert [said for said in complaints if "409" not in said] == []


def test_it_asks_by_itself_while_the_line_is_cut(open_page: OpenPage, bob: User, desk: FilledDesk) -> None:
    page, _complaints = watched(open_page, bob)
    page.route_web_socket(re.compile("/ws/tasks/"), lambda line: line.close(code=1012))
    page.goto(LIST)
    expect(page.get_by_text("No live connection")).to_be_visible()
    trend = desk.instances["rb-trend"]
    earn(trend, 777)
    expect(page.locator(f"tr[data-strategy='{trend.pk}'] [data-name=day_profit]")).to_have_text("+777")


def test_many_that_change_together_are_told_in_one_message(open_page: OpenPage, bob: User) -> None:
    rows = many(bob, PER_PAGE + 10)
    page, complaints = watched(open_page, bob)
    heard: list[dict[str, Any]] = []
    page.on("websocket", lambda line: line.on("framereceived", lambda text: heard.append(json.loads(text))))
    page.goto(LIST)
    live(page)
    expect(page.locator("tr[data-strategy]")).to_have_count(PER_PAGE)
    first = page.locator(f"tr[data-strategy='{rows[0].pk}'] [data-name=profit]")
    StrategyPosition.objects.update(profit=4_321)
    expect(first).to_have_text("+4,321")  # by the socket, or by a reading of the whole page that came before it
    whole = [len(rows)]
    sizes = wait_for(lambda: [len(each["data"]) for each in heard if each["type"] == "update"], page, whole)
    # First those that the snapshot left out, then all of them at once.
    assert sizes in (whole, [10, *whole])
    expect(page.locator("[data-sum=held]")).to_have_text(str(len(rows)))
    expect(page.locator("[data-sum=day]")).to_have_text(f"+{4_321 * len(rows):,}")  # the server's: of both pages
    page.get_by_role("link", name="2", exact=True).click()
    expect(page.locator("tr[data-strategy]")).to_have_count(10)
    assert complaints == []


def pages_of(desk: FilledDesk) -> dict[str, str]:
    """Every page about strategies, with something on each of them."""
    trend, pair, draft = (desk.instances[key].pk for key in ("rb-trend", "rb-hc", "rb-grid"))
    return {
        "list": LIST,
        "one": reverse(f"{ONE}change", args=[trend]),
        "failed": reverse(f"{ONE}change", args=[desk.instances["ore-turtle"].pk]),
        "draft": reverse(f"{ONE}change", args=[draft]),
        "choose": reverse(f"{ONE}add"),
        "new": f"{reverse(f'{ONE}add')}?strategy=turtle",
        "parameters": reverse(f"{ONE}parameters", args=[trend]),
        "terms": reverse(f"{ONE}terms", args=[trend]),
        "execution": reverse(f"{ONE}execution", args=[pair]),
        "stop": f"{reverse(f'{ONE}do', args=['stop'])}?id={trend}&id={pair}",
        "flatten": f"{reverse(f'{ONE}do', args=['flatten'])}?id={trend}",
        "promote": f"{reverse(f'{ONE}do', args=['promote'])}?id={draft}",
        "gates": reverse("admin:strategies_strategygate_changelist"),
        "signals": reverse("admin:strategies_signal_changelist"),
        "orders": reverse("admin:strategies_strategyorder_changelist"),
        "log": reverse("admin:strategies_strategylog_changelist"),
        "evidence": reverse("admin:strategies_evidence_changelist"),
        "first": reverse("admin:index"),
    }


def test_no_page_is_wider_than_the_screen_in_either_language(open_page: OpenPage, bob: User, desk: FilledDesk) -> None:
    wide: list[str] = []
    for language in ("zh-hans", "en"):
        page, complaints = watched(open_page, bob, language=language, width=420)
        page.emulate_media(color_scheme="dark")
        for name, address in pages_of(desk).items():
            answer = page.goto(address)
            assert answer is not None
            assert answer.status == 200, name
            for width in (420, 1360):
                page.set_viewport_size({"width": width, "height": 900})
                if page.evaluate("document.documentElement.scrollWidth") > width:
                    wide.append(f"{name} {language} {width}")
        assert complaints == []
    assert wide == []
