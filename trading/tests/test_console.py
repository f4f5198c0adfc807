"""The console's pages about trading: who sees and does what, that rows stay as they are, and that verbs are audited."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override

from accounts.models import AuditEntry, User
from marketdata.live_models import FeedState, InstrumentFeed
from quantsite.common.errors import RuleError
from trading import services
from trading.account_models import TRADE, VIEW, AccountState, TradingAccount
from trading.choices import CommandKind
from trading.console.base import outcome
from trading.ledger_models import BalanceSnapshot, CashEntry, Position
from trading.models import AccountCommand, Fill, Order
from trading.tests.desk import Desk, make_desk
from trading.tests.statements import settled_day

pytestmark = pytest.mark.django_db

ORDERS = reverse("admin:trading_order_changelist")
CANCEL_ALL = reverse("admin:trading_order_cancel_all")


@pytest.fixture
def desk(bob: User) -> Desk:
    """An account that Bob trades on; four orders, three of which may still fill or be cancelled by nobody."""
    return make_desk("bobs", bob, orders=4)


@pytest.fixture
def other(db: None) -> Desk:
    """An account of nobody's."""
    return make_desk("others", orders=2)


def at(user: User) -> Client:
    """The console as this person sees it."""
    client = Client()
    client.force_login(user)
    return client


def page(name: str, key: Any) -> str:
    """The address of a page about one row."""
    return reverse(f"admin:trading_{name}", args=[key])


def told(client: Client, answer: Any) -> list[str]:
    """The messages on the page that an answer leads to."""
    assert answer.status_code == 302, answer.status_code
    shown = client.get(answer.headers["Location"])
    return [str(message) for message in shown.context["messages"]]


def deeds(verb: str) -> list[AuditEntry]:
    """What the audit trail tells under a verb."""
    return list(AuditEntry.objects.filter(verb=verb))


# --- nobody edits ---------------------------------------------------------------------------------------------


def test_no_order_fill_position_or_balance_is_edited_by_hand(desk: Desk, ada: User) -> None:
    statement = settled_day(desk)
    cash = desk.command.cash_entry
    client = at(ada)
    for row in (desk.order, desk.fill, desk.position, statement, cash, desk.command, desk.account):
        name = row._meta.model_name
        before = type(row).objects.values().get(pk=row.pk)
        posted = dict.fromkeys(before, "7")
        assert client.post(page(f"{name}_change", row.pk), posted).status_code == 403, name
        assert client.post(page(f"{name}_delete", row.pk), {"post": "yes"}).status_code == 403, name
        if name != "tradingaccount":
            assert client.post(reverse(f"admin:trading_{name}_add"), posted).status_code == 403, name
        assert type(row).objects.values().get(pk=row.pk) == before, name

    assert len(deeds("refused")) >= 20


# --- who sees what --------------------------------------------------------------------------------------------


def test_lists_and_filters_name_no_account_of_others(desk: Desk, other: Desk, bob: User, alice: User) -> None:
    settled_day(other)
    for name in ("order", "fill", "position", "balancesnapshot", "cashentry", "accountcommand", "tradingaccount"):
        address = reverse(f"admin:trading_{name}_changelist")
        shown = at(bob).get(address).content.decode()
        assert "others" not in shown, name
        assert "bobs" in shown, name
    for name in ("order", "fill", "position", "tradingaccount"):
        shown = at(alice).get(reverse(f"admin:trading_{name}_changelist")).content.decode()
        assert "bobs" not in shown, name
    # a filter by what one may not see shows nothing, and does not say whether it is there
    guessed = at(bob).get(f"{ORDERS}?account=others")
    assert "canary-others" not in guessed.content.decode()
    assert list(guessed.context["cl"].result_list) == []


def test_a_row_of_others_is_not_there(other: Desk, bob: User, ada: User) -> None:
    for name, row in (("order", other.order), ("fill", other.fill), ("position", other.position)):
        answer = at(bob).get(page(f"{name}_change", row.pk))
        assert (answer.status_code, answer.headers.get("Location")) == (302, reverse("admin:index"))
        assert at(ada).get(page(f"{name}_change", row.pk)).status_code == 200
    assert at(bob).get(page("tradingaccount_live", other.account.pk)).status_code == 404
    assert at(bob).post(page("order_cancel", other.order.pk)).status_code == 404
    states = at(bob).get(reverse("admin:trading_order_states"), {"ids": str(other.order.pk)}).json()
    assert states == {"orders": []}


def test_states_are_what_the_socket_would_tell(desk: Desk, bob: User) -> None:
    asked = {"ids": f"{desk.order.pk},nonsense,{2**70}"}
    [state] = at(bob).get(reverse("admin:trading_order_states"), asked).json()["orders"]
    assert (state["id"], state["status"], state["account"]) == (desk.order.pk, desk.order.status, "bobs")


def test_a_role_without_orders_gets_neither_states_nor_cancelling(desk: Desk, bob: User) -> None:
    role = bob.groups.get()
    role.permissions.remove(Permission.objects.get(codename="view_order"))
    assert at(bob).get(reverse("admin:trading_order_states"), {"ids": str(desk.order.pk)}).status_code == 403
    assert at(bob).post(CANCEL_ALL).status_code == 403
    assert at(bob).post(page("order_cancel", desk.order.pk)).status_code == 403
    assert len(deeds("refused")) == 3


def test_the_blotter_asks_as_little_for_many_orders_as_for_few(bob: User) -> None:
    make_desk("few", bob, orders=2)
    client = at(bob)
    client.get(ORDERS)
    with CaptureQueriesContext(
        connection,
    ) as few:
        client.get(ORDERS)
    make_desk("many", orders=30)
    services.grant_account(None, "many", bob, TRADE)
    with CaptureQueriesContext(connection) as many:
        assert client.get(ORDERS).content.decode().count("data-order-cancel") == 32
    assert len(many) <= len(few) + 3  # one question more for each account


def test_filters_of_the_blotter(desk: Desk, bob: User) -> None:
    def shown(query: str) -> set[str]:
        listed = at(bob).get(f"{ORDERS}?{query}").context["cl"].result_list
        return {order.client_order_id for order in listed}

    assert shown("") == {"c-0", "c-1", "c-2", "c-3"}
    assert shown("status=working") == {"c-0", "c-3"}
    assert shown("status=filled") == {"c-1"}
    assert shown("account=bobs&strategy=double_ma") == {"c-0"}
    assert shown("strategy=-") == {"c-1", "c-2", "c-3"}
    assert shown("trading_day_from=2024-12-02&trading_day_to=2024-12-02") == {"c-1", "c-3"}
    assert shown(f"instrument__id__exact={desk.order.instrument_id}&q=c-2") == {"c-2"}


# --- cancelling -----------------------------------------------------------------------------------------------


def test_cancel_goes_to_the_gateway_and_into_the_audit_trail(desk: Desk, bob: User) -> None:
    client = at(bob)
    order = Order.objects.get(client_order_id="c-3")
    answer = client.post(
        page("order_cancel", order.pk), headers={"Referer": f"http://testserver{ORDERS}?status=working"}
    )
    assert answer.headers["Location"] == f"http://testserver{ORDERS}?status=working"
    assert told(client, answer) == [f"The gateway is asked to cancel order #{order.pk}."]
    command = AccountCommand.objects.get(kind=CommandKind.CANCEL)
    assert (command.order, command.actor, command.status) == (order, bob, "queued")
    assert [entry.object_id for entry in deeds("order.cancel")] == [str(order.pk)]
    order.refresh_from_db()
    assert order.status == "accepted"  # the gateway moves it, nobody else
    elsewhere = client.post(page("order_cancel", order.pk), headers={"Referer": "https://elsewhere.example/"})
    assert elsewhere.headers["Location"] == page("order_change", order.pk)


def test_an_order_that_has_ended_is_not_cancelled(desk: Desk, bob: User) -> None:
    client = at(bob)
    done = Order.objects.get(client_order_id="c-1")
    [message] = told(client, client.post(page("order_cancel", done.pk)))
    assert "nothing left to cancel" in message
    assert not AccountCommand.objects.filter(kind=CommandKind.CANCEL).exists()
    assert deeds("order.cancel") == []


def test_why_an_order_was_refused_is_told_in_the_language_of_its_reader(desk: Desk, bob: User) -> None:
    done = Order.objects.get(client_order_id="c-1")
    done.reason_text = "9 lots need 500.00 yuan of margin and commission, 100.00 are available: at most 1 lots."
    done.save()
    for address in (ORDERS, page("order_change", done.pk)):
        assert done.reason_text in at(bob).get(address).content.decode()
        shown = at(bob).get(address, HTTP_ACCEPT_LANGUAGE="zh-hans").content.decode()
        assert "9 手需要保证金和手续费共 500.00 元" in shown
        assert done.reason_text not in shown


def test_who_may_only_look_cancels_and_closes_nothing(desk: Desk, alice: User) -> None:
    services.grant_account(None, "bobs", alice, VIEW)
    client = at(alice)
    shown = client.get(ORDERS).content.decode()
    assert "bobs" in shown
    assert "data-order-cancel" not in shown
    assert client.post(page("order_cancel", Order.objects.get(client_order_id="c-3").pk)).status_code == 403
    assert client.post(page("position_close", desk.position.pk), {"volume": 1, "how": "any"}).status_code == 403
    assert not AccountCommand.objects.exclude(kind=CommandKind.DEPOSIT).exists()
    assert len(deeds("refused")) == 2
    assert "You may look at this position" in client.get(page("position_change", desk.position.pk)).content.decode()
    assert client.get(CANCEL_ALL).context["count"] == 0


def test_cancel_all_says_how_many_and_takes_those_that_one_may(desk: Desk, other: Desk, bob: User, rita: User) -> None:
    asked = at(bob).get(CANCEL_ALL)
    assert (asked.context["count"], asked.context["accounts"]) == (2, 1)
    assert "Cancel 2 working orders" in asked.content.decode()
    assert at(rita).get(CANCEL_ALL).context["count"] == 3
    assert at(rita).get(CANCEL_ALL, {"account": "bobs", "strategy": "double_ma"}).context["count"] == 1
    client = at(rita)
    assert told(client, client.post(CANCEL_ALL, {"account": "bobs"})) == ["2 orders are being cancelled."]
    commands = AccountCommand.objects.filter(kind=CommandKind.CANCEL)
    assert {command.order.client_order_id for command in commands if command.order} == {"c-0", "c-3"}
    assert {command.account.code for command in commands} == {"bobs"}
    [entry] = deeds("orders.cancel_all")
    assert entry.actor == rita
    assert entry.after
    assert entry.after["account"] == "bobs"


# --- money and people -----------------------------------------------------------------------------------------


def test_money_comes_and_goes_with_a_reason(desk: Desk, ada: User, bob: User) -> None:
    address = page("tradingaccount_cash", desk.account.pk)
    client = at(ada)
    assert told(client, client.post(address, {"kind": "deposit", "amount": "250.50", "note": "top up"})) == [
        "250.50 yuan deposited."
    ]
    entry = CashEntry.objects.latest("pk")
    assert (entry.amount, entry.note, entry.actor) == (Decimal("250.5"), "top up", ada)
    assert AccountState.objects.get(account=desk.account).deposit == Decimal("1000250.5")
    assert told(client, client.post(address, {"kind": "deposit", "amount": "1", "note": ""})) == [
        "Reason: This field is required."
    ]
    [refused] = told(client, client.post(address, {"kind": "withdraw", "amount": "9000000", "note": "all"}))
    assert "9000000" in refused
    assert CashEntry.objects.count() == 2
    assert at(bob).post(address, {"kind": "deposit", "amount": "1", "note": "mine"}).status_code == 403
    assert CashEntry.objects.count() == 2
    assert [entry.actor for entry in deeds("account.deposit")] == [ada]
    shown = client.get(page("tradingaccount_change", desk.account.pk)).content.decode()
    [token] = re.findall(r'name="client_cash_id" value="(page-[0-9a-f]{32})"', shown)
    pressed = {"kind": "withdraw", "amount": "3", "note": "twice", "client_cash_id": token}
    assert [told(client, client.post(address, pressed)) for _ in range(2)] == [["3.00 yuan withdrawn."]] * 2
    assert CashEntry.objects.filter(note="twice").count() == 1


def test_a_refusal_is_stored_for_every_reader_whoever_asked(desk: Desk, ada: User) -> None:
    with override("zh-hans"):
        command = services.withdraw(ada, desk.account.code, Decimal(9_000_000), "all")
        assert command.reason_text.startswith("cannot withdraw 9000000.00 yuan")
        with pytest.raises(RuleError, match="无法"):
            outcome(command, "")


def test_grants_are_given_and_taken_back(desk: Desk, ada: User, alice: User, rita: User) -> None:
    client = at(ada)
    wanted = {"receiver": f"user:{alice.pk}", "level": VIEW}
    client.post(page("tradingaccount_grant", desk.account.pk), wanted)
    assert TradingAccount.objects.visible_to(alice).get() == desk.account
    shown = client.get(page("tradingaccount_change", desk.account.pk))
    assert ("alice", "may look") in {(grant["name"], str(grant["word"])) for grant in shown.context["grants"]}
    client.post(page("tradingaccount_revoke", desk.account.pk), wanted)
    assert not TradingAccount.objects.visible_to(alice).exists()
    assert (len(deeds("account.grant")), len(deeds("account.revoke"))) == (2, 1)
    for verb in ("grant", "revoke", "activity", "cash"):
        assert at(rita).post(page(f"tradingaccount_{verb}", desk.account.pk), wanted).status_code == 403, verb
    # nobody is offered who sees every account anyway
    assert "rita" not in str(shown.context["grant_form"]["receiver"])


def test_an_account_is_opened_and_closed(ada: User) -> None:
    client = at(ada)
    form = {
        "code": "fresh",
        "name": "Fresh",
        "kind": "simulated",
        "capital": "5000",
        "desk_code": "night",
        "group_code": "",
        "margin_price": "2",
        "profit_algorithm": "1",
        "include_close_profit": "on",
        "latency_ms": "3",
        "queue_model": "none",
    }
    answer = client.post(reverse("admin:trading_tradingaccount_add"), form)
    account = TradingAccount.objects.get(code="fresh")
    assert answer.headers["Location"] == page("tradingaccount_change", account.pk)
    assert (account.desk.code, account.control_group.code, account.margin_price) == ("night", "fresh", 2)
    assert (account.latency_ms, account.queue_model, account.created_by) == (3.0, "none", ada)
    assert AccountState.objects.get(account=account).balance == 5000
    assert [entry.actor for entry in deeds("account.add")] == [ada]
    again = client.post(reverse("admin:trading_tradingaccount_add"), form)
    assert again.status_code == 200  # the form, with what is wrong
    assert "code" in again.context["adminform"].form.errors
    client.post(page("tradingaccount_activity", account.pk), {"active": "0"})
    account.refresh_from_db()
    assert not account.is_active
    assert len(deeds("account.close")) == 1


def test_the_terms_of_an_account_are_changed_on_its_page(desk: Desk, ada: User, rita: User) -> None:
    client, address = at(ada), page("tradingaccount_terms", desk.account.pk)
    shown = client.get(page("tradingaccount_change", desk.account.pk))
    form = {field.html_name: field.value() for field in shown.context["terms_form"]}
    sent = {**form, "name": "first", "margin_price": "2", "cancel_when_blind": "on"}
    sent = {name: value for name, value in sent.items() if value is not False}
    assert told(client, client.post(address, sent)) == ["The terms hold now."]
    desk.account.refresh_from_db()
    account = desk.account
    assert (account.name, account.margin_price, account.cancel_when_blind) == ("first", 2, True)
    assert (account.desk.code, account.include_close_profit) == ("house", True)
    assert len(deeds("account.change")) == 1
    assert told(client, client.post(address, {**sent, "margin_price": "9"})) != ["The terms hold now."]
    assert "working orders" in told(client, client.post(address, {**sent, "control_group": "other"}))[0]
    assert len(deeds("account.change")) == 1
    assert at(rita).post(address, sent).status_code == 403
    assert address not in at(rita).get(page("tradingaccount_change", desk.account.pk)).content.decode()


# --- statements -----------------------------------------------------------------------------------------------


def test_a_statement_that_does_not_add_up_says_so(desk: Desk, bob: User) -> None:
    sums = {"deposit": 1_000_000, "commission": Decimal("13.248"), "balance": Decimal("999986.752"), "pre_balance": 0}
    day = desk.fill.trading_day
    seq = AccountState.objects.get(account=desk.account).last_seq + 100
    made = BalanceSnapshot.objects.create(account=desk.account, trading_day=day, seq=seq, **sums)
    Fill.objects.filter(account=desk.account).update(seq=seq)
    good = at(bob).get(page("balancesnapshot_change", made.pk))
    assert good.context["total"]["agrees"]
    assert all(line["agrees"] for line in good.context["lines"])
    assert "999,986.75" in good.content.decode()
    Fill.objects.filter(pk=desk.fill.pk).update(commission=1)
    BalanceSnapshot.objects.filter(pk=made.pk).update(balance=1_000_000)
    bad = at(bob).get(page("balancesnapshot_change", made.pk))
    assert not bad.context["total"]["agrees"]
    assert [line["word"] for line in bad.context["lines"] if not line["agrees"]] == ["Commission"]
    assert "the entries sum to 10.94" in bad.content.decode()


def test_prices_that_have_stopped_are_told(desk: Desk, bob: User) -> None:
    address = page("tradingaccount_live", desk.account.pk)
    assert "No prices since" not in at(bob).get(address).content.decode()  # nobody publishes what is held
    FeedState.objects.create(source="one", kind="test", status="running")
    InstrumentFeed.objects.create(instrument=desk.order.instrument, source="one", epoch=1)
    assert "No prices since" not in at(bob).get(address).content.decode()
    FeedState.objects.update(updated_at=timezone.now() - timedelta(seconds=4))
    assert "No prices since" in at(bob).get(address).content.decode()


def test_accounts_stand_worst_first(ada: User) -> None:
    degrees = {"calm": 0.1, "endless": None, "near": 0.9, "fresh": None}
    for code, degree in degrees.items():
        account = make_desk(code).account
        margin = 0 if code == "fresh" else 5
        AccountState.objects.filter(account=account).update(risk_degree=degree, margin=margin)
    listed = at(ada).get(reverse("admin:trading_tradingaccount_changelist")).context["cl"].result_list
    assert [account.code for account in listed] == ["endless", "near", "calm", "fresh"]
    first = at(ada).get(reverse("admin:index"))
    assert "Highest risk degree" in first.content.decode()
    assert "∞" in first.content.decode()
    assert Position.objects.count() == 4
