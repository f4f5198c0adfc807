"""A strategy that hangs, raises, takes all memory or was killed stands first in the list, and its page says why."""

from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from accounts.models import User
from quantsite.testing.browser import OpenPage
from strategies import services
from strategies.running import log as say
from strategies.tests.filled import FilledDesk, filled_desk
from strategies.tests.test_console_browser import LIST, ONE, live

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TROUBLES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "rb-trend": ("over_budget", say.HUNG, {"budget": 200}),
    "hc-macd": ("died", say.DIED, {"error": "exit code -9"}),
}
SHOWN = {
    "en": {
        "failed": "failed",
        "rb-trend": "did not come back within its time of 200 ms",
        "hc-macd": "has died: exit code -9",
    },
    "zh-hans": {"failed": "出错", "rb-trend": "200", "hc-macd": "exit code -9"},
}


@pytest.fixture
def desk(bob: User, rita: User) -> FilledDesk:
    """Bob's strategies in the middle of a morning, two of which have failed meanwhile."""
    made = filled_desk(bob, rita)
    for key, (code, text, values) in TROUBLES.items():
        row = made.instances[key]
        services.fail(row.pk, code, text, {"key": key, **values})
    return made


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_failures_stand_first_and_are_told_in_words(
    open_page: OpenPage, bob: User, desk: FilledDesk, language: str
) -> None:
    words = SHOWN[language]
    page = open_page(bob, language=language)
    page.goto(LIST)
    live(page)
    first = page.locator("tr[data-strategy]").evaluate_all("rows => rows.map(row => Number(row.dataset.strategy))")
    assert {desk.instances[key].pk for key in TROUBLES} <= set(first[:3])
    for key in TROUBLES:
        row = page.locator(f"tr[data-strategy='{desk.instances[key].pk}']")
        expect(row.locator(".st-health")).to_contain_text(words["failed"])
        expect(row.locator(".st-failure")).to_contain_text(words[key])
    for key in TROUBLES:
        page.goto(reverse(f"{ONE}change", args=[desk.instances[key].pk]))
        live(page)
        expect(page.get_by_role("alert")).to_contain_text(words[key])
        expect(page.locator(".st-hero-health")).to_contain_text(words["failed"])
