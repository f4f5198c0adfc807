"""The verbs of the life cycle: each does in the database what the printed table says, and nothing else."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from accounts.models import AuditEntry, User
from quantsite.common.errors import ConflictError, RuleError
from strategies import registry, services, sources
from strategies.domain.lifecycle import STATES, TRANSITIONS, State, Verb
from strategies.models import StrategyInstance, StrategyLog, StrategyOrder, StrategyPosition, StrategyState
from strategies.tests.instances import CODE, DAY, NOON, at_stage, make_account, make_instance, open_gates, show
from trading.models import Fill, Order, TradingAccount

Verbs = Mapping[Verb, Callable[[int], object]]


def _verbs(approver: User) -> Verbs:
    def approve(number: int) -> None:
        asked = services.ask_approval(User.objects.get(username="alice"), number, "real", "It has earned it.")
        assert asked.after is not None
        services.approve(approver, number)

    return {
        Verb.PROMOTE: lambda number: services.promote(None, number),
        Verb.APPROVE: approve,
        Verb.GO_LIVE: lambda number: services.go_live(None, number),
        Verb.TO_PAPER: lambda number: services.demote(None, number, "paper", "Why not."),
        Verb.TO_BACKTESTED: lambda number: services.demote(None, number, "backtested", "Why not."),
        Verb.TO_DRAFT: lambda number: services.demote(None, number, "draft", "Why not."),
        Verb.RETIRE: lambda number: services.retire(None, number, "It is old."),
        Verb.START: lambda number: services.start(None, number),
        Verb.STOP: lambda number: services.stop(None, number),
        Verb.PAUSE: lambda number: services.pause(None, number),
        Verb.RESUME: lambda number: services.resume(None, number),
        Verb.FLATTEN: lambda number: services.flatten(None, number),
    }


def _after(verb: Callable[[int], object], instance: StrategyInstance) -> State | None:
    """Where the verb leads to, undone afterwards; None where it is refused, which changes nothing."""
    told = ""
    with transaction.atomic():
        try:
            verb(instance.pk)
        except ConflictError as error:
            told = error.code
        then = StrategyInstance.objects.get(pk=instance.pk).state
        transaction.set_rollback(True)
    assert told in {"", "not_now"}
    assert not told or then == instance.state
    return None if told else then


@pytest.mark.parametrize("state", STATES, ids=lambda state: f"{state.stage}-{state.activity}")
def test_every_verb_does_what_the_table_says(state: State, alice: User, rita: User) -> None:
    open_gates()
    make_account("real", alice, live_enabled=True)
    instance = at_stage(state.stage, state.activity, owner=alice, approver=rita)
    done = {verb: _after(call, instance) for verb, call in _verbs(rita).items()}
    assert {verb: then for verb, then in done.items() if then} == {
        verb: then for (before, verb), then in TRANSITIONS.items() if before == state
    }
    instance.refresh_from_db()
    assert instance.state == state


def test_a_whole_life(alice: User, rita: User) -> None:
    real = make_account("real", alice, live_enabled=True)
    paper = make_account("paper", alice)
    instance = make_instance(owner=alice, account=paper)
    show(instance)
    services.promote(alice, instance.pk)
    services.promote(alice, instance.pk)
    services.ask_approval(alice, instance.pk, "real", "Five good days.")
    services.approve(rita, instance.pk, "Agreed.")
    StrategyState.objects.create(instance=instance, document={"lots": 0})
    services.go_live(None, instance.pk)
    instance.refresh_from_db()
    assert (instance.stage, instance.account, instance.approved_by) == ("live", real, rita)
    assert not StrategyState.objects.filter(instance=instance).exists()
    services.start(None, instance.pk)
    services.stop(rita, instance.pk, then="leave")
    services.retire(alice, instance.pk, "It is old.")
    verbs = AuditEntry.objects.filter(verb__startswith="strategy.").order_by("seq").values_list("verb", "actor_name")
    assert list(verbs) == [
        ("strategy.promote", "alice"),
        ("strategy.promote", "alice"),
        ("strategy.approve", "rita"),
        ("strategy.go_live", "system"),
        ("strategy.start", "system"),
        ("strategy.stop", "rita"),
        ("strategy.retire", "alice"),
    ]


def test_old_and_new_stand_in_the_audit_trail_and_in_the_log(rita: User) -> None:
    instance = at_stage("paper", "running")
    services.demote(rita, instance.pk, "backtested", " It gaps. ", then="flatten")
    entry = AuditEntry.objects.get(verb="strategy.demote")
    assert entry.before
    assert entry.after
    assert (entry.before["stage"], entry.before["activity"]) == ("paper", "running")
    assert (entry.after["stage"], entry.after["activity"], entry.after["stopping"]) == (
        "backtested",
        "stopped",
        "flatten",
    )
    assert entry.after["reason"] == "It gaps."
    assert StrategyLog.objects.get().told == "rita has taken it back to backtested: It gaps."


def test_a_stage_counts_the_version_up_and_an_activity_does_not(db: None) -> None:
    open_gates()
    instance = at_stage("backtested")
    assert services.promote(None, instance.pk).version == 2
    assert services.start(None, instance.pk).version == 2


def test_who_has_seen_another_version_is_told_so(db: None) -> None:
    open_gates()
    instance = at_stage("paper")
    services.set_parameters(None, instance.pk, {"fast": 7})
    for verb in (services.start, services.go_live):
        with pytest.raises(ConflictError) as error:
            verb(None, instance.pk, version=1)
        assert error.value.code == "instance_changed"
    assert services.start(None, instance.pk, version=2).activity == "running"


def test_closed_gates_say_what_is_missing(db: None) -> None:
    instance = make_instance()
    with pytest.raises(ConflictError) as error:
        services.promote(None, instance.pk)
    assert error.value.code == "gates_closed"
    assert "manage.py check_strategy double_ma" in error.value.text
    instance.refresh_from_db()
    assert instance.stage == "draft"
    assert not AuditEntry.objects.filter(verb="strategy.promote").exists()


@pytest.fixture
def other_source(monkeypatch: pytest.MonkeyPatch, db: None) -> Callable[[], None]:
    """From its call on the code of every strategy is another one."""
    before = registry.source_hash

    def change() -> None:
        monkeypatch.setattr(registry, "source_hash", lambda cls: before(cls)[::-1])

    return change


@pytest.mark.parametrize(("stage", "verb"), [("paper", "start"), ("backtested", "promote"), ("approved", "go_live")])
def test_changed_code_holds_an_instance_until_it_is_tested_again(
    stage: str, verb: str, alice: User, rita: User, other_source: Callable[[], None]
) -> None:
    open_gates()
    instance = at_stage(stage, owner=alice, approver=rita)
    other_source()
    with pytest.raises(ConflictError) as error:
        getattr(services, verb)(None, instance.pk)
    assert error.value.code == "source_changed"
    assert "take it back to draft" in error.value.text


def test_a_draft_takes_the_present_source_and_its_evidence(other_source: Callable[[], None]) -> None:
    instance = make_instance()
    show(instance)
    other_source()
    with pytest.raises(ConflictError, match="present code"):  # what was shown was of the older source
        services.promote(None, instance.pk)
    show(instance)
    assert services.promote(None, instance.pk).source_hash == sources.source_hash("double_ma")


def test_demoted_to_draft_it_follows_the_present_source(other_source: Callable[[], None]) -> None:
    instance = at_stage("paper")
    other_source()
    assert services.demote(None, instance.pk, "draft", "New code.").source_hash == sources.source_hash("double_ma")


def _hold(instance: StrategyInstance, lots: int, *, status: str = "filled") -> None:
    """An order of the instance on its account, filled with so many lots."""
    rb = instance.legs.get().instrument
    number = instance.orders.count() + 1
    order = Order.objects.create(
        account=instance.account,
        client_order_id=f"s{instance.pk}-{number}",
        instrument=rb,
        direction="buy" if lots > 0 else "sell",
        offset="auto",
        type="market",
        volume=abs(lots),
        traded=abs(lots) if status == "filled" else 0,
        status=status,
        strategy_key=instance.key,
    )
    StrategyOrder.objects.create(
        instance=instance,
        number=number,
        order=order,
        instrument=rb,
        cause="target",
        direction=order.direction,
        type="market",
        lots=abs(lots),
        decided_at=NOON,
    )
    if status == "filled":
        Fill.objects.create(
            account=instance.account,
            order=order,
            instrument=rb,
            trading_day=DAY,
            trade_id=f"t{number}",
            direction=order.direction,
            offset="open",
            price=Decimal(3_300),
            volume=abs(lots),
            commission=0,
            traded_at=NOON,
            strategy_key=instance.key,
            seq=number,
        )


def test_an_instance_that_holds_lots_is_not_retired(db: None) -> None:
    instance = at_stage("paper")
    _hold(instance, 3)
    _hold(instance, -1)
    assert services.held_lots(instance) == {CODE: 2}
    with pytest.raises(ConflictError) as error:
        services.retire(None, instance.pk, "Old.")
    assert error.value.code == "not_flat"
    assert "+2 rb2501.SHFE" in error.value.text
    _hold(instance, -2)
    assert services.retire(None, instance.pk, "Old.").status == "retired"


def test_an_instance_with_working_orders_is_not_retired(db: None) -> None:
    instance = at_stage("paper")
    _hold(instance, 1, status="accepted")
    with pytest.raises(ConflictError, match="1 working orders"):
        services.retire(None, instance.pk, "Old.")


def test_going_live_begins_anew_on_the_approved_account(alice: User, rita: User) -> None:
    open_gates()
    instance = at_stage("approved", owner=alice, approver=rita)
    StrategyPosition.objects.create(instance=instance, instrument=instance.legs.get().instrument)
    _hold(instance, 1)
    with pytest.raises(ConflictError, match="flatten it first"):
        services.go_live(None, instance.pk)
    _hold(instance, -1)
    services.go_live(None, instance.pk)
    instance.refresh_from_db()
    assert (instance.account.code, instance.positions.count(), services.held_lots(instance)) == ("real", 0, {})


def test_what_no_two_persons_allowed_does_not_go_live(alice: User, rita: User) -> None:
    open_gates()
    instance = at_stage("approved", owner=alice, approver=rita)
    TradingAccount.objects.filter(code="real").update(live_enabled=False)
    with pytest.raises(ConflictError) as error:
        services.go_live(None, instance.pk)
    assert error.value.code == "account_not_live"


@pytest.mark.parametrize(
    ("columns", "code"),
    [({"is_active": False}, "account_closed"), ({"kind": "ctp"}, "account_not_simulated")],
)
def test_paper_runs_on_an_open_simulated_account(columns: dict[str, object], code: str, db: None) -> None:
    open_gates()
    instance = at_stage("paper")
    TradingAccount.objects.filter(pk=instance.account_id).update(**columns)
    with pytest.raises(ConflictError) as error:
        services.start(None, instance.pk)
    assert error.value.code == code


def test_live_stops_when_live_trading_was_ended(alice: User, rita: User) -> None:
    open_gates()
    instance = at_stage("live", owner=alice, approver=rita)
    TradingAccount.objects.filter(code="real").update(live_enabled=False)
    with pytest.raises(ConflictError) as error:
        services.start(None, instance.pk)
    assert error.value.code == "account_not_live"


def test_the_first_word_after_a_failure_is_cleared_by_a_start(db: None) -> None:
    open_gates()
    failed: dict[str, Any] = {"health": "failed", "failure_code": "raised", "failure_text": "It raised."}
    instance = services.start(None, at_stage("paper", **failed).pk)
    instance.refresh_from_db()
    assert (instance.health, instance.failure) == ("off", "")


def test_each_wish_to_close_is_counted(db: None) -> None:
    instance = at_stage("paper", "running")
    services.flatten(None, instance.pk)
    again = services.flatten(None, instance.pk)
    assert (again.activity, again.flatten_asked, again.flatten_done) == ("paused", 2, 0)


@pytest.mark.parametrize("to", ["approved", "live", "retired", "nowhere", ""])
def test_nothing_is_demoted_to_what_is_no_lower_stage(to: str, db: None) -> None:
    instance = at_stage("paper")
    with pytest.raises(RuleError) as error:
        services.demote(None, instance.pk, to, "x")
    assert error.value.code == "unknown_stage"


def test_a_reason_is_asked_for(db: None) -> None:
    instance = at_stage("paper")
    with pytest.raises(RuleError, match="Say why"):
        services.demote(None, instance.pk, "draft", "  ")
    with pytest.raises(RuleError, match="Say why"):
        services.retire(None, instance.pk, "")


def test_an_unknown_policy_is_refused_with_the_known_ones(db: None) -> None:
    instance = at_stage("paper", "running")
    with pytest.raises(RuleError, match="leave, cancel, flatten"):
        services.stop(None, instance.pk, then="hope")
