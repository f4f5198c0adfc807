"""A roll in a real browser: asked for in the dialog, then followed on the page to its end without loading it again."""

import re

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from accounts.models import User
from marketdata.instruments import ensure_instrument
from quantsite.testing.browser import OpenPage
from strategies.choices import RollState
from strategies.models import StrategyRoll
from strategies.tests.filled import DAY, HC, OPEN, filled_desk
from strategies.tests.test_console_browser import ONE, live, watched
from strategies.tests.test_console_roll import LATER, filled_leg

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WORDS = {
    "en": ("Roll now", "Asked to roll: Hot coil MACD.", "one leg open for 4.0 s", "1 lot uncovered", "cost"),
    "zh-hans": ("立即换月", "已要求换月：Hot coil MACD。", "4.0", "敞口 1 手", "成本"),
}


@pytest.mark.parametrize("language", list(WORDS))
def test_a_roll_is_asked_for_and_followed(open_page: OpenPage, bob: User, rita: User, language: str) -> None:
    coil = filled_desk(bob, rita).instances["hc-macd"]
    ensure_instrument(LATER, DAY)
    button, asked, timer, uncovered, cost = WORDS[language]
    page, complaints = watched(open_page, bob, language=language, width=420)
    page.goto(reverse(f"{ONE}change", args=[coil.pk]))
    live(page)
    page.locator(".st-hero-deeds a", has_text=button).click()
    box = page.get_by_role("dialog")
    expect(box.locator("select[name=target]")).to_have_value(f"0:{LATER}")
    box.locator("textarea").fill("the old one dries up")
    box.get_by_role("button", name=re.compile(button)).click()
    expect(page.get_by_text(asked)).to_be_visible()
    rows = page.locator("#st-roll-rows")
    expect(rows).to_contain_text(f"{HC} → {LATER}")
    expect(page.locator(".st-hero-deeds a", has_text=button)).to_have_count(0)
    live(page)
    page.evaluate("window.sameDocument = true")
    row = StrategyRoll.objects.get(instance=coil, state=RollState.PLANNED)
    row.lots, row.state, row.started_at, row.exposure_seconds = 2, RollState.EXPOSED, OPEN, 4.0
    row.document |= {"old": 1, "new": 0, "uncovered": 1, "spread": [3_470.0, 3_500.0]}
    row.save()
    filled_leg(row, 1, HC, "sell", 1, "3471")
    coil.log.create(level="info", kind="roll", text="Rolls.", values={})
    expect(rows.locator("[data-open-roll]")).to_contain_text(timer)
    expect(rows).to_contain_text(uncovered)
    filled_leg(row, 2, LATER, "buy", 1, "3504")  # nothing else tells of it: the page asks while a roll is at work
    expect(rows).to_contain_text("3,504")
    expect(rows).to_contain_text(cost)
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    StrategyRoll.objects.filter(pk=row.pk).update(state=RollState.DONE, ended_at=OPEN)
    expect(rows.locator("[data-open-roll]")).to_have_count(0)
    assert page.evaluate("window.sameDocument")
    assert complaints == []
