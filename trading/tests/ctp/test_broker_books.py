"""The ledger of an account at a broker: begun, rolled, compared and adopted, by the loop's own parts."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from accounts import proposals
from accounts.models import Alarm, AuditEntry, User
from marketdata.domain.instrument import FeeRates, MarginRates
from quantsite.common.errors import ConflictError, RefusedError, RuleError
from trading import services
from trading.books_models import BookAdoption, BrokerComparison, BrokerRate, BrokerSession, BrokerStatement
from trading.choices import CommandKind
from trading.domain import events
from trading.domain.account_book import AccountBook
from trading.domain.ctp.broker import StatementTold
from trading.domain.ctp.rates import ToldRates
from trading.domain.gateway import Report
from trading.domain.offsets import Direction, Offset
from trading.ledger.adopting import adopt
from trading.ledger.verbs import carry_out
from trading.ledger_models import BalanceSnapshot, CashEntry, Position
from trading.limit_models import KillSwitch
from trading.order_models import AccountCommand, AccountEvent, Fill, Order
from trading.tests.ctp.stand_in import DAY, NEXT_DAY, RB, Desk, M, desk_of, make_account, make_broker
from trading.verbs.comparing import prune_comparisons
from trading.verbs.inbox import enqueue

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]


@pytest.fixture
def desk() -> Desk:
    """A broker that holds lots of before and of today, and an account that knows nothing of it yet."""
    broker = make_broker()
    buy(broker.book, RB, 3, 3990.0)
    broker.book.settle({RB: 3995.0})
    buy(broker.book, RB, 2, 4005.0)
    buy(broker.book, M, 4, 3002.0)
    return desk_of(make_account(), broker)


def buy(book: AccountBook, code: str, lots: int, price: float) -> None:
    book.foreign_fill(code, Direction.BUY, Offset.OPEN, price, lots, 1, 19724)


def answer_rates(desk: Desk) -> None:
    """The broker tells the rates of our own tables."""
    for code in (RB, M):
        desk.broker.answer_rates(code)


@pytest.fixture
def begun(desk: Desk) -> Desk:
    """The same after its first login."""
    desk.tend(2)
    answer_rates(desk)
    desk.tend()
    return desk


def kinds(desk: Desk) -> list[str]:
    rows = AccountEvent.objects.filter(account=desk.account).exclude(kind="mark").order_by("seq")
    return list(rows.values_list("kind", flat=True))


def begins(desk: Desk) -> date | None:
    return desk.keeper.trading_day


def newest() -> BrokerComparison:
    found = BrokerComparison.objects.first()
    assert found is not None
    return found


def wrong(row: BrokerComparison) -> set[str]:
    return {f"{line['subject']} {line['field']}".strip() for line in row.lines or [] if not line["agrees"]}


# --- the first login ---------------------------------------------------------------------------------------


def test_the_first_login_adopts_the_brokers_figures_by_itself(desk: Desk) -> None:
    desk.tend(2)
    assert begins(desk) is None  # what the positions cost is asked first
    assert desk.broker.asked_rates == {RB, M}
    answer_rates(desk)
    desk.tend()
    assert desk.broker.ready == [(DAY, True)]
    assert begins(desk) == DAY
    row = BookAdoption.objects.get()
    assert (row.trading_day, row.command, row.adopted_by) == (DAY, None, None)
    assert kinds(desk) == ["adopted"]
    held = {(p.instrument.code, p.side): (p.volume, p.today, p.open_price) for p in Position.objects.all()}
    assert held == {(RB, "long"): (5, 2, Decimal(3996)), (M, "long"): (4, 4, Decimal(3002))}
    assert newest().differences == 0
    assert {line["field"] for line in newest().lines or []} >= {"balance", "available", "margin", "commission"}
    changes = {line["what"]: (line["before"], line["after"]) for line in row.changes}
    assert changes["pre_balance"] == (0.0, float(desk.broker.book.funds.pre_balance))
    assert changes[f"{RB} long volume"] == (None, 5)


def test_a_rebuild_from_rows_gives_the_adopted_books(begun: Desk) -> None:
    assert services.reconcile(None, begun.account.code) == []
    again = begun.again()
    assert again.keeper.book.funds == begun.keeper.book.funds
    again.tend()
    assert newest().differences == 0
    assert BookAdoption.objects.count() == 1


def test_an_account_that_trades_already_is_not_adopted_again(begun: Desk) -> None:
    begun.broker.book.deposit(5.0)
    begun.broker.login_at += 1
    begun.tend()
    assert BookAdoption.objects.count() == 1
    assert begun.broker.ready == [(DAY, True), (DAY, False)]


def test_nothing_is_adopted_from_a_picture_that_orders_disturbed(desk: Desk) -> None:
    desk.broker.disturbed = True
    desk.tend()
    assert not BookAdoption.objects.exists()
    assert desk.broker.ready == []


def test_case_46_what_the_tables_do_not_know_is_left_out_and_differs(desk: Desk) -> None:
    """An instrument missing from the table while it is held: the rest is adopted, and the gap is shown."""
    broker = desk.broker
    terms = broker.book.terms(RB)
    broker.book.set_terms("zz2405.SHFE", "SHFE", DAY, terms)
    broker.prices["zz2405.SHFE"] = 10.0
    buy(broker.book, "zz2405.SHFE", 1, 10.0)
    desk.tend(2)
    answer_rates(desk)
    desk.tend()
    assert BookAdoption.objects.count() == 1
    assert "zz2405.SHFE volume" in wrong(newest())


# --- the comparison ----------------------------------------------------------------------------------------


def test_the_second_difference_in_a_row_alarms_and_stops_openings(begun: Desk) -> None:
    begun.broker.told = {"Commission": 99.0}
    begun.compare()
    assert (newest().successive, wrong(newest())) == (1, {"commission"})
    assert not Alarm.objects.open().exists()
    begun.compare()
    alarm = Alarm.objects.open().get()
    assert (alarm.code, alarm.subject, alarm.severity) == ("broker_books_differ", "ctp-1", "critical")
    stop = KillSwitch.objects.active().get()
    assert (stop.scope_kind, stop.scope_key, stop.strength, stop.set_by) == ("account", "ctp-1", 1, None)
    assert "commission" in stop.reason
    begun.compare()
    alarm.refresh_from_db()
    assert (alarm.count, KillSwitch.objects.count(), newest().successive) == (2, 1, 3)
    begun.broker.told = {}
    begun.compare()
    assert not Alarm.objects.open().exists()
    assert KillSwitch.objects.active().exists()  # two persons release it
    assert newest().successive == 0


def test_who_releases_the_stop_has_the_last_word_while_the_same_difference_stays(
    begun: Desk, ada: User, rita: User
) -> None:
    begun.broker.told = {"Commission": 99.0}
    begun.compare()
    begun.compare()
    proposal = services.ask_release(rita, KillSwitch.objects.get().pk, "known")
    proposals.approve(ada, proposal.pk)
    begun.compare()
    assert not KillSwitch.objects.active().exists()


def test_one_difference_that_goes_away_is_only_noted(begun: Desk) -> None:
    for commission in ({"Commission": 99.0}, {}, {"Commission": 98.0}):
        begun.broker.told = commission
        begun.compare()
    assert not Alarm.objects.open().exists()
    assert not KillSwitch.objects.exists()
    rows = list(BrokerComparison.objects.order_by("pk").values_list("differences", flat=True))
    assert rows == [0, 1, 0, 1]
    kept = [row.lines is not None for row in BrokerComparison.objects.order_by("pk")]
    assert kept == [False, True, False, True]


def test_nothing_is_compared_while_orders_move(begun: Desk) -> None:
    before = BrokerComparison.objects.count()
    begun.broker.disturbed = True
    begun.compare()
    assert BrokerComparison.objects.count() == before
    begun.broker.disturbed = False
    begun.tend()
    assert BrokerComparison.objects.count() == before + 1


def test_what_is_held_at_the_broker_only_is_named(begun: Desk) -> None:
    buy(begun.broker.book, RB, 1, 4000.0)
    begun.compare()
    assert {f"{RB} long volume", f"{RB} long today", "commission"} <= wrong(newest())


def test_comparisons_are_kept_some_days_and_the_newest_always(begun: Desk) -> None:
    begun.compare()
    BrokerComparison.objects.update(created_at=timezone.now() - timedelta(days=400))
    last = newest().pk
    assert prune_comparisons() == 1
    assert [row.pk for row in BrokerComparison.objects.all()] == [last]


# --- money and rates ---------------------------------------------------------------------------------------


def test_money_that_came_at_the_broker_becomes_an_entry(begun: Desk) -> None:
    begun.broker.book.deposit(5_000.25)
    begun.broker.book.withdraw(100.0)
    begun.compare()
    rows = {(row.kind, row.amount, row.source, row.command) for row in CashEntry.objects.all()}
    assert rows == {("deposit", Decimal("5000.25"), "broker", None), ("withdraw", Decimal(100), "broker", None)}
    assert newest().differences == 0
    begun.compare()
    assert CashEntry.objects.count() == 2
    assert services.reconcile(None, begun.account.code) == []


def test_money_that_is_told_and_taken_back_is_a_difference(begun: Desk) -> None:
    begun.broker.book.deposit(5_000.0)
    begun.compare()
    begun.broker.told = {"Deposit": 0.0, "Balance": begun.broker.book.funds.balance - 5_000.0}
    begun.compare()
    assert CashEntry.objects.count() == 1
    assert "deposit" in wrong(newest())


def test_money_is_not_moved_here(begun: Desk) -> None:
    with pytest.raises(RuleError, match="at its broker"):
        services.deposit(None, begun.account.code, Decimal(1))


def fill_here_and_there(desk: Desk, lots: int, price: float) -> Fill:
    """The same fill in our ledger, by an order of ours, and in the broker's books."""
    row = Order.objects.create(
        account=desk.account, client_order_id=f"o{Order.objects.count()}", instrument=desk.keeper.facts.row(RB),
        direction="buy", offset="open", type="limit", price=Decimal(str(price)), volume=lots,
    )  # fmt: skip
    tracked = desk.keeper.adopt(row)
    desk.keeper.know(RB)
    at = 1_704_160_800 * 10**9
    desk.keeper.place(tracked, at, desk.keeper.reserve(tracked, (4400.0, 3600.0)))
    desk.keeper.apply(Report(row.pk, events.Traded(at=at, trade_id="SHFE:1", price=price, volume=lots)))
    desk.exchange.store()
    buy(desk.broker.book, RB, lots, price)
    return Fill.objects.get(order=row)


def test_fills_are_charged_what_the_broker_tells_later(begun: Desk) -> None:
    """Rates come after the first order: what was charged before is set right, here and in a rebuild."""
    dear = FeeRates(0.0, 7.0, 0.0, 7.0, 0.0, 7.0)
    steep = MarginRates(0.2, 0.0, 0.2, 0.0)
    fill = fill_here_and_there(begun, 2, 4001.0)
    begun.compare()
    assert newest().differences == 0
    terms = begun.broker.book.terms(RB)
    begun.broker.book.correct_commission(14.0 - float(fill.commission))
    begun.broker.book.set_terms(
        RB, "SHFE", DAY, type(terms)(terms.multiplier, dear, steep, terms.larger_side, terms.margin_group)
    )
    begun.broker.rates = [ToldRates(RB, DAY, dear, steep)]
    begun.compare()
    fill.refresh_from_db()
    assert fill.commission == 14
    assert newest().differences == 0
    assert BrokerRate.objects.filter(instrument__code=RB).count() == 1
    assert services.reconcile(None, begun.account.code) == []
    assert begun.again().keeper.book.funds.margin == pytest.approx(begun.keeper.book.funds.margin)


def test_rates_that_come_after_a_restart_set_right_what_was_charged_before_it(begun: Desk) -> None:
    dear, steep = FeeRates(0.0, 7.0, 0.0, 7.0, 0.0, 7.0), MarginRates(0.2, 0.0, 0.2, 0.0)
    fill = fill_here_and_there(begun, 2, 4001.0)
    begun.compare()
    later = begun.again()
    margin = later.keeper.book.funds.margin
    later.broker.rates = [ToldRates(RB, DAY, dear, steep)]
    later.tend()
    fill.refresh_from_db()
    assert fill.commission == 14
    assert later.keeper.book.funds.margin > margin


def test_half_a_table_of_rates_leaves_the_other_half_as_it_is(begun: Desk) -> None:
    before = begun.keeper.book.terms(RB)
    begun.broker.rates = [ToldRates(RB, DAY, None, MarginRates(0.3, 0.0, 0.3, 0.0))]
    begun.tend()
    after = begun.keeper.book.terms(RB)
    assert (after.fees, after.margins.long_by_money) == (before.fees, 0.3)


# --- the next day ------------------------------------------------------------------------------------------


def next_login(desk: Desk, price: float) -> None:
    """The broker has settled, and logs the account in on the next trading day."""
    broker = desk.broker
    broker.book.settle({RB: price, M: 3010.0})
    broker.day, broker.login_at = NEXT_DAY, broker.login_at + 1
    for code in (RB, M):
        broker.book.mark(code, broker.prices[code])


def test_the_next_login_settles_at_the_brokers_prices_and_begins_the_day(begun: Desk) -> None:
    next_login(begun, 4012.0)
    begun.tend()
    assert begun.keeper.trading_day == NEXT_DAY
    row = BalanceSnapshot.objects.get()
    assert (row.trading_day, row.prices[RB]) == (DAY, {"price": 4012.0, "source": "broker"})
    assert row.balance == pytest.approx(Decimal(str(begun.broker.book.funds.pre_balance)), abs=Decimal("0.001"))
    assert begun.broker.ready[-1] == (NEXT_DAY, False)
    assert (newest().trading_day, newest().differences) == (NEXT_DAY, 0)
    assert kinds(begun) == ["adopted", "settled"]
    assert services.reconcile(None, begun.account.code) == []


def test_the_day_begins_once_though_the_connection_breaks(begun: Desk) -> None:
    next_login(begun, 4012.0)
    begun.tend()
    begun.broker.state = "lost"
    begun.tend()
    begun.broker.state, begun.broker.login_at = "ready", 9
    begun.tend()
    assert BalanceSnapshot.objects.count() == 1
    assert begun.broker.ready == [(DAY, True), (NEXT_DAY, False), (NEXT_DAY, False)]


def test_a_settlement_that_differs_is_a_difference_of_the_next_day(begun: Desk) -> None:
    next_login(begun, 4012.0)
    begun.broker.told = {"PreBalance": 1.0}
    begun.tend()
    assert "pre_balance" in wrong(newest())


def test_a_broker_on_a_day_that_is_past_is_told_and_nothing_moves(begun: Desk) -> None:
    begun.broker.day, begun.broker.login_at = date(2023, 12, 29), 7
    begun.tend()
    assert begun.keeper.trading_day == DAY
    assert Alarm.objects.open().get().code == "broker_day_not_begun"


def test_a_day_that_the_broker_still_trades_on_is_not_settled_by_hand(begun: Desk) -> None:
    command = enqueue(None, begun.account, CommandKind.SETTLE, payload={"prices": {RB: 4000.0, M: 3000.0}})
    carry_out(begun.keeper, command)
    begun.keeper.commit()
    command.refresh_from_db()
    assert (command.status, command.reason_code) == ("failed", "broker_day_runs")


# --- by two persons ----------------------------------------------------------------------------------------


def test_two_persons_adopt_the_brokers_figures(begun: Desk, ada: User, rita: User) -> None:
    buy(begun.broker.book, RB, 1, 4000.0)
    begun.compare()
    proposal = services.ask_adoption(rita, "ctp-1", "a fill was lost")
    told = {line.name: (line.before, line.after) for line in proposals.diff_of(proposal)}
    assert told[f"{RB} long volume"] == (5.0, 6.0)
    with pytest.raises(RefusedError):
        proposals.approve(rita, proposal.pk)
    proposals.approve(ada, proposal.pk)
    command = AccountCommand.objects.get(kind="adopt")
    begun.books.obey(command)
    assert begun.books.waiting == {command.pk}  # the broker is asked anew
    begun.books.obey(command)
    begun.exchange.store()
    command.refresh_from_db()
    assert (command.status, begun.books.waiting) == ("done", set())
    row = BookAdoption.objects.first()
    assert row is not None
    assert (row.command, row.adopted_by) == (command, ada)
    assert {"what": f"{RB} long volume", "before": 5, "after": 6} in row.changes
    begun.tend()
    assert newest().differences == 0
    assert services.reconcile(None, "ctp-1") == []
    assert begun.again().keeper.book.funds.balance == pytest.approx(begun.keeper.book.funds.balance, abs=1e-4)
    verbs = set(AuditEntry.objects.values_list("verb", flat=True))
    assert {"proposal.made", "proposal.approved", "account.adopt"} <= verbs


def test_working_orders_survive_an_adoption_with_what_they_hold_back(begun: Desk) -> None:
    row = Order.objects.create(
        account=begun.account, client_order_id="w", instrument=begun.keeper.facts.row(RB), direction="sell",
        offset="close_today", type="limit", price=Decimal(4100), volume=2,
    )  # fmt: skip
    tracked = begun.keeper.adopt(row)
    begun.keeper.place(tracked, 1, begun.keeper.reserve(tracked, (4400.0, 3600.0)))
    begun.exchange.store()
    begun.broker.ask_picture()
    picture = begun.broker.picture()
    assert picture is not None
    frozen = begun.keeper.book.frozen(row.pk)
    command = AccountCommand.objects.create(account=begun.account, kind="adopt")
    adopt(begun.keeper, picture, command)
    begun.exchange.store()
    assert begun.keeper.book.frozen(row.pk) == pytest.approx(frozen)
    position = Position.objects.get(instrument__code=RB)
    assert (position.frozen, position.frozen_today) == (2, 2)


def test_books_that_agree_are_not_adopted(begun: Desk, rita: User) -> None:
    with pytest.raises(ConflictError, match="nothing to adopt"):
        services.ask_adoption(rita, "ctp-1", "why not")
    services.add_account(None, "sim")
    with pytest.raises(RuleError, match="no broker"):
        services.ask_adoption(rita, "sim", "why not")


def test_an_adoption_waits_for_a_gateway(begun: Desk, ada: User) -> None:
    BrokerStatement.objects.create(account=begun.account, trading_day=DAY, text="x")
    asked = services.confirm_statement(ada, "ctp-1", BrokerStatement.objects.get().pk)
    assert asked.status == "queued"


def test_who_may_not_propose_does_not(begun: Desk, alice: User, bob: User) -> None:
    for person in (alice, bob):
        with pytest.raises(RefusedError):
            services.ask_adoption(person, "ctp-1", "mine")
        with pytest.raises(RefusedError):
            services.confirm_statement(person, "ctp-1", 1)


# --- statement and session ---------------------------------------------------------------------------------


def test_a_statement_is_stored_and_confirmed_by_a_person(begun: Desk, ada: User) -> None:
    begun.broker.statements = [StatementTold(DAY, "结算单\n1,000,000.00")]
    begun.tend()
    row = BrokerStatement.objects.get()
    assert (row.text, row.confirmed_at) == ("结算单\n1,000,000.00", None)
    command = services.confirm_statement(ada, "ctp-1", row.pk)
    begun.books.obey(command)
    begun.exchange.store()
    assert begun.broker.confirmed == 1
    begun.broker.statements = [StatementTold(DAY, "", confirmed_at=1_704_160_800 * 10**9)]
    begun.tend()
    row.refresh_from_db()
    assert (row.text, row.confirmed_by, row.confirmed_at is not None) == ("结算单\n1,000,000.00", ada, True)
    with pytest.raises(ConflictError, match="confirmed already"):
        services.confirm_statement(ada, "ctp-1", row.pk)


def test_where_the_session_stands_is_told(begun: Desk) -> None:
    row = BrokerSession.objects.get()
    assert (row.state, row.front, row.trading_day) == ("ready", "tcp://front:1", DAY)
    begun.broker.state = "lost"
    begun.tend()
    row.refresh_from_db()
    assert row.state == "lost"
