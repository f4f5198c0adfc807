"""The calendar of data quality as people meet it: by mouse, by keyboard, on a phone, in the dark, in Chinese."""

import pytest
from playwright.sync_api import expect

from accounts.models import User
from marketdata.quality.services import check_quality
from marketdata.tests.quality_rows import SPOILT, stored_series, take_away
from quantsite.testing.browser import OpenPage

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

CALENDAR = "/admin/marketdata/dayquality/?instrument=simrb88.SIM&year=2024"
FOCUSED = "document.activeElement.dataset.day"
CONTRAST = """() => [...document.querySelectorAll('a.dq-day')].map((day) => {
  const shade = (text) => text.match(/[\\d.]+/g).slice(0, 3).map(Number).map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0.05);
  const style = getComputedStyle(day);
  const both = [shade(style.color), shade(style.backgroundColor)];
  return Math.max(...both) / Math.min(...both);
})"""


@pytest.fixture
def judged(transactional_db: None) -> None:
    """Ten judged days, one of them poor."""
    instrument = stored_series()
    take_away(instrument, SPOILT, *range(30))
    check_quality(None, instrument.code)


@pytest.mark.parametrize(("width", "scheme"), [(1360, "light"), (420, "dark")])
def test_the_calendar_fits_is_legible_and_the_console_is_quiet(
    open_page: OpenPage, rita: User, judged: None, width: int, scheme: str
) -> None:
    page = open_page(rita, width=width)
    spoken: list[str] = []
    page.on("console", lambda said: spoken.append(said.text) if said.type == "error" else None)
    page.goto(CALENDAR)
    expect(page.locator("a.dq-day")).to_have_count(10)
    page.evaluate(f"document.documentElement.classList.toggle('dark', {str(scheme == 'dark').lower()})")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert min(page.evaluate(CONTRAST)) >= 4.5
    side = page.locator("a.dq-day").first.bounding_box()
    assert side is not None
    assert min(side["width"], side["height"]) >= 24
    assert spoken == []


def test_days_are_reached_by_arrow_keys_and_tell_what_is_wrong(open_page: OpenPage, rita: User, judged: None) -> None:
    page = open_page(rita, width=1360)
    page.goto(CALENDAR)
    days = page.locator("a.dq-day")
    assert [days.nth(place).get_attribute("tabindex") for place in (0, 1, 9)] == ["0", "-1", "-1"]
    days.first.focus()
    seen = []
    for key in ("ArrowDown", "ArrowRight", "ArrowUp", "ArrowLeft", "End", "ArrowRight", "Home"):
        page.keyboard.press(key)
        seen.append(page.evaluate(FOCUSED))
    assert seen == [
        *("2024-01-03", "2024-01-10", "2024-01-09", "2024-01-02", "2024-01-15", "2024-01-15", "2024-01-02"),
    ]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    expect(page.locator("a.dq-day:focus .dq-tip")).to_contain_text("missing bars 30")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Missing bars: 30")).to_be_visible()


def test_in_chinese_the_months_and_weekdays_are_chinese(open_page: OpenPage, rita: User, judged: None) -> None:
    page = open_page(rita, language="zh-hans", width=420)
    page.goto(CALENDAR)
    expect(page.locator(".dq-month h3").first).to_have_text("一月")
    assert page.locator(".dq-month").first.locator(".dq-weekday").all_text_contents() == list("一二三四五")
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
