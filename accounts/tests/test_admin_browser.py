"""The console's dialogs about people and alarms, driven by a real browser."""

from pathlib import Path

import pytest

from accounts import alarms
from accounts.audit_verify import verify
from accounts.models import Alarm, User
from quantsite.testing.browser import OpenPage
from quantsite.testing.cast import make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_person_is_shut_out_with_a_reason(open_page: OpenPage, tmp_path: Path) -> None:
    ada, bob = make_user("ada", "administrator"), make_user("bob", "trader")
    page = open_page(ada)
    page.goto(f"/admin/accounts/user/{bob.pk}/change/")
    page.get_by_text("Deactivate", exact=True).first.click()
    reason = page.locator("#dialog textarea[name=reason]")
    reason.wait_for()
    page.screenshot(path=tmp_path / "dialog.png")
    page.locator("#dialog button[type=submit]").click()  # without a reason nothing happens
    page.locator("#dialog").get_by_text("required").wait_for()
    assert User.objects.get(pk=bob.pk).is_active
    reason.fill("left the desk")
    page.locator("#dialog button[type=submit]").click()
    page.get_by_text("bob is shut out.").wait_for()
    page.screenshot(path=tmp_path / "done.png")
    assert not User.objects.get(pk=bob.pk).is_active
    assert verify().intact


def test_a_broken_rule_shows_inside_the_dialog(open_page: OpenPage) -> None:
    ada = make_user("ada", "administrator")
    page = open_page(ada)
    page.goto(f"/admin/accounts/user/{ada.pk}/change/")
    page.get_by_text("Deactivate", exact=True).first.click()
    page.locator("#dialog textarea[name=reason]").fill("tired")
    page.locator("#dialog button[type=submit]").click()
    page.locator("#dialog").get_by_text("last administrator").wait_for()
    assert User.objects.get(pk=ada.pk).is_active


def test_an_alarm_is_taken_from_the_list(open_page: OpenPage, tmp_path: Path) -> None:
    rita = make_user("rita", "risk officer")
    alarms.raise_alarm("margin", "A1", "Risk degree 96 %", "critical")
    alarms.raise_alarm("feed_stale", "ctp", "No tick since 10:31:07", "warning")
    page = open_page(rita)
    page.goto("/admin/accounts/alarm/")
    page.screenshot(path=tmp_path / "alarms.png")
    assert page.locator("#result_list tbody").first.inner_text().strip().startswith("!!")
    page.goto(f"/admin/accounts/alarm/{Alarm.objects.get(code='margin').pk}/change/")
    page.get_by_text("Acknowledge", exact=True).first.click()
    page.locator("#dialog textarea[name=note]").fill("calling the trader")
    page.locator("#dialog button[type=submit]").click()
    page.get_by_text("You have taken this alarm.").wait_for()
    assert Alarm.objects.get(code="margin").acknowledged_by == rita
