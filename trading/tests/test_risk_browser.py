"""A risk officer stops an account in a real browser while orders rest at its gateway, and sees them go."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection
from django.urls import reverse
from playwright.sync_api import expect

from accounts import proposals
from accounts.models import Proposal, User
from quantsite.testing.browser import OpenPage
from trading.limit_models import KillSwitch, SwitchEffect
from trading.order_models import Order
from trading.runner import AccountGateway
from trading.tests.loop_bench import Bench, Street, bench

pytestmark = [pytest.mark.browser, pytest.mark.servers, pytest.mark.django_db(transaction=True)]

STOPS = reverse("admin:trading_killswitch_changelist")
RESTING = 12
TICK_SECONDS = 0.2


def publish(street: Street, over: threading.Event) -> None:
    """The market goes on, far away from what rests."""
    while not over.wait(TICK_SECONDS):
        street.tick(4000.0)
    connection.close()


@contextmanager
def running(table: Bench) -> Iterator[None]:
    """The account's gateway and its market run on threads of their own."""
    table.loop.__exit__()
    over = threading.Event()
    threads = [
        threading.Thread(target=AccountGateway(table.account.code).run, args=(over,)),
        threading.Thread(target=publish, args=(table.street, over)),
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
        table.restart(clean=False)


def shown_seconds(text: str) -> float:
    """Seconds of ``612 ms`` or ``1.250 s``."""
    number, unit = re.fullmatch(r"([\d.,]+) (ms|s)", text).groups()  # type: ignore[union-attr]
    return float(number.replace(",", "")) / (1000 if unit == "ms" else 1)


def test_an_officer_stops_an_account_and_sees_its_orders_go(open_page: OpenPage, rita: User, ada: User) -> None:
    with bench() as table:
        for number in range(RESTING):
            table.order("buy", "open", 3700.0 + number, 1)
        table.turn()
        assert Order.objects.working().count() == RESTING
        with running(table):
            page = open_page(rita)
            complaints: list[str] = []
            page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
            page.goto(f"{STOPS}?scope=account:T1")
            page.get_by_role("link", name=re.compile("Cancel 12 orders on 1 account: account T1")).click()
            expect(page.locator("dialog textarea[name=reason]")).to_be_focused()
            page.get_by_role("button", name="Cancel 12 orders on 1 account: account T1").click()  # without a reason
            assert not KillSwitch.objects.exists()
            page.locator("dialog textarea").fill("nobody understands these orders")
            page.get_by_role("button", name="Cancel 12 orders on 1 account: account T1").click()
            expect(page.locator(".rb-sum")).to_contain_text("12 / 12")
            stop = KillSwitch.objects.get()
            effect = SwitchEffect.objects.get()
            last = page.locator(f"[data-stop-last='{stop.pk}']").text_content() or ""
            assert effect.seconds is not None
            assert shown_seconds(last) == pytest.approx(effect.seconds, abs=0.001)
            assert (effect.working, effect.cancelled) == (RESTING, RESTING)
            assert set(Order.objects.values_list("status", flat=True)) == {"cancelled"}
            assert "Cancel 0 orders on 0 accounts: account T1" in (page.locator("#rb-buttons").text_content() or "")
            page.get_by_role("link", name="Propose its release…").click()
            page.locator("dialog textarea").fill("a wrong file was loaded")
            page.get_by_role("button", name="Propose the release").click()
            expect(page.get_by_text("rita proposed its release")).to_be_visible()
            proposals.approve(ada, Proposal.objects.get().pk)
            expect(page.get_by_text("No stop is in force: trading runs.")).to_be_visible()
            assert complaints == []
