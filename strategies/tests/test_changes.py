"""Instances are made and changed: every refusal beside its input, and two persons for what was approved."""

from decimal import Decimal
from typing import Any

import pytest

from accounts import proposals
from accounts.models import AuditEntry, User
from marketdata.instruments import ensure_instrument
from quantsite.common.errors import ConflictError, RefusedError, RuleError
from strategies import registry, services
from strategies.models import StrategyInstance, StrategyState
from strategies.services import NewInstance
from strategies.tests.instances import CODE, DAY, at_stage, make_account, make_instance


def asked(**changes: Any) -> NewInstance:
    plain = {"key": "trend", "strategy": "double_ma", "instruments": (CODE,), "account": "paper", "interval": "5m"}
    return NewInstance(**(plain | changes))


@pytest.fixture
def paper(alice: User) -> None:
    """An account that Alice trades on, and the instrument."""
    make_account("paper", alice)
    ensure_instrument(CODE, DAY)


def test_a_draft_of_ones_own(paper: None, alice: User) -> None:
    made = services.create_instance(alice, asked(parameters={"fast": "7"}, day_loss_limit=Decimal("5000")))
    instance = StrategyInstance.objects.get(pk=made.pk)
    assert (instance.stage, instance.activity, instance.owner) == ("draft", "stopped", alice)
    assert instance.parameters == {**registry.get("double_ma").Parameters().as_dict(), "fast": 7}
    assert instance.source_hash == registry.source_hash("double_ma")
    assert [leg.instrument.code for leg in instance.legs.all()] == [CODE]
    entry = AuditEntry.objects.get(verb="strategy.create")
    assert (entry.after or {})["parameters"]["fast"] == 7
    assert (entry.after or {})["day_loss_limit"] == "5000"


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("key", "no blanks", "letters, digits"),
        ("key", "", "letters, digits"),
        ("strategy", "doublema", "double_ma"),
        ("parameters", {"fast": 0}, "at least"),
        ("instruments", (), "1 different"),
        ("instruments", (CODE, CODE), "1 different"),
        ("instruments", ("zz9999.SHFE",), "zz9999"),
        ("account", "nowhere", "nowhere"),
        ("interval", "7x", "7x"),
        ("unit", 0, "1 to"),
        ("unit", None, "1 to"),
        ("unit", True, "True"),
        ("seed", -1, "0 to"),
        ("day_loss_limit", Decimal(0), "above 0"),
        ("total_loss_limit", Decimal("NaN"), "above 0"),
        ("on_failure", "pray", "leave, cancel, flatten"),
        ("budget_ms", 0, "1 to"),
        ("memory_mb", 1, "64 to"),
        ("isolated", "yes", "true or false"),
        ("execution", "twap", "object"),
    ],
)
def test_what_is_refused_is_said_beside_its_input(paper: None, alice: User, field: str, value: Any, word: str) -> None:
    with pytest.raises(RuleError) as error:
        services.create_instance(alice, asked(**{field: value}))
    where = "fast" if field == "parameters" else field
    assert word in error.value.fields[where]
    assert not StrategyInstance.objects.exists()


def test_ticks_are_for_strategies_that_take_them(paper: None, alice: User) -> None:
    assert services.create_instance(alice, asked(key="ticks", interval="tick")).interval == "tick"
    with pytest.raises(RuleError) as error:
        services.create_instance(alice, asked(strategy="grid", interval="tick"))
    assert "bars only" in error.value.fields["interval"]


@pytest.mark.parametrize(
    ("execution", "field"),
    [
        ({"kind": "twapp"}, "execution.kind"),
        ({"kind": "twap", "slices": 0}, "execution.slices"),
        ({"kind": "market", "pair": {"seconds": 3}}, "execution.pair"),
    ],
)
def test_an_execution_is_checked_with_its_legs(paper: None, alice: User, execution: dict[str, Any], field: str) -> None:
    with pytest.raises(RuleError) as error:
        services.create_instance(alice, asked(execution=execution))
    assert field in error.value.fields
    plan = {"kind": "twap", "seconds": 60, "slices": 3}
    assert services.create_instance(alice, asked(execution=plan)).execution == plan


def test_every_fault_is_told_at_once(paper: None, alice: User) -> None:
    with pytest.raises(RuleError) as error:
        services.create_instance(alice, asked(unit=0, interval="7x", account="nowhere"))
    assert set(error.value.fields) == {"unit", "interval", "account"}


def test_an_account_at_a_broker_comes_with_the_approval(paper: None, ada: User) -> None:
    make_account("broker", kind="ctp")
    with pytest.raises(RuleError) as error:
        services.create_instance(ada, asked(account="broker"))
    assert error.value.code == "account_not_simulated"


def test_a_key_is_used_once(paper: None, alice: User) -> None:
    services.create_instance(alice, asked())
    with pytest.raises(ConflictError) as error:
        services.create_instance(alice, asked())
    assert error.value.code == "key_taken"


def test_who_lacks_the_role_makes_none(paper: None, rita: User, charlie: User) -> None:
    for person in (rita, charlie):
        with pytest.raises(RefusedError):
            services.create_instance(person, asked())


def test_parameters_change_while_it_runs_and_count_up(alice: User) -> None:
    instance = at_stage("paper", "running", owner=alice)
    StrategyState.objects.create(instance=instance)
    done = services.set_parameters(alice, instance.pk, {"fast": 7})
    instance.refresh_from_db()
    assert done.proposal is None
    assert (instance.parameters["fast"], instance.parameters_version, instance.version) == (7, 2, 2)
    assert instance.parameters["slow"] == registry.get("double_ma").Parameters().as_dict()["slow"]
    assert StrategyState.objects.filter(instance=instance).exists()
    entry = AuditEntry.objects.get(verb="strategy.change")
    assert (entry.before or {})["parameters"] == registry.get("double_ma").Parameters().as_dict()
    assert (entry.after or {})["parameters"]["fast"] == 7


def test_parameters_that_the_strategy_refuses_change_nothing(alice: User) -> None:
    instance = at_stage("paper", "running", owner=alice)
    with pytest.raises(RuleError) as error:
        services.set_parameters(alice, instance.pk, {"fast": 10_000, "wrong": 1})
    assert "wrong" in error.value.fields
    instance.refresh_from_db()
    assert instance.parameters_version == 1


@pytest.mark.parametrize("changes", [{"unit": 1}, {"parameters": {}}, {"instruments": (CODE,)}, {"title": ""}])
def test_what_stands_already_is_no_change(alice: User, changes: dict[str, Any]) -> None:
    instance = make_instance(owner=alice)
    with pytest.raises(RuleError) as error:
        services.change_instance(alice, instance.pk, changes)
    assert error.value.code == "nothing_changes"


def test_an_unknown_name_is_refused_with_the_near_one(alice: User) -> None:
    instance = make_instance(owner=alice)
    with pytest.raises(RuleError, match="day_loss_limit"):
        services.change_instance(alice, instance.pk, {"day_loss_limits": 1})


@pytest.mark.parametrize("stage", ["live", "approved", "activity", "key", "owner", "approved_by", "source_hash"])
def test_what_verbs_move_is_no_term(alice: User, stage: str) -> None:
    instance = make_instance(owner=alice)
    with pytest.raises(RuleError) as error:
        services.change_instance(alice, instance.pk, {stage: "live"})
    assert error.value.code == "unknown_field"


def test_what_is_read_at_the_start_changes_when_it_is_stopped(alice: User) -> None:
    instance = at_stage("paper", "running", owner=alice)
    for changes in ({"unit": 3}, {"interval": "15m"}, {"isolated": True}):
        with pytest.raises(ConflictError, match="Stop trend"):
            services.change_instance(alice, instance.pk, changes)
    services.change_instance(alice, instance.pk, {"day_loss_limit": "900", "budget_ms": 50})
    services.stop(alice, instance.pk)
    services.change_instance(alice, instance.pk, {"unit": 3, "interval": "60m"})
    instance.refresh_from_db()
    assert (instance.unit, instance.interval, instance.day_loss_limit) == (3, "1h", Decimal(900))


def test_another_instrument_begins_anew(alice: User) -> None:
    instance = at_stage("paper", owner=alice)
    StrategyState.objects.create(instance=instance)
    other = ensure_instrument("rb2505.SHFE", DAY)
    services.change_instance(alice, instance.pk, {"instruments": [other.code]})
    assert [leg.instrument for leg in instance.legs.all()] == [other]
    assert not StrategyState.objects.filter(instance=instance).exists()
    entry = AuditEntry.objects.get(verb="strategy.change")
    assert (entry.after or {})["instruments_before"] == [CODE]
    assert (entry.after or {})["instruments"] == [other.code]


def test_another_strategy_is_for_a_draft(alice: User) -> None:
    draft = make_instance(owner=alice)
    changes = {"strategy": "macd", "parameters": {}}
    done = services.change_instance(alice, draft.pk, changes).instance
    assert done.source_hash == registry.source_hash("macd")
    with pytest.raises(ConflictError, match="back to draft"):
        services.change_instance(alice, at_stage("paper", key="other", owner=alice).pk, changes)


def test_a_retired_one_keeps_its_terms_and_takes_notes(alice: User) -> None:
    instance = at_stage("retired", owner=alice)
    with pytest.raises(ConflictError, match="make a new one"):
        services.change_instance(alice, instance.pk, {"unit": 2})
    assert services.change_instance(alice, instance.pk, {"note": "It was good."}).instance.note == "It was good."


@pytest.mark.parametrize(
    "changes",
    [
        {"parameters": {"fast": 7}},
        {"day_loss_limit": "9000"},
        {"day_loss_limit": None},
        {"on_failure": "leave"},
        {"budget_ms": 1_000},
    ],
)
def test_what_was_approved_changes_by_two_persons(alice: User, rita: User, changes: dict[str, Any]) -> None:
    instance = at_stage("live", "running", owner=alice, approver=rita, day_loss_limit=5_000)
    done = services.change_instance(alice, instance.pk, changes, reason="It drifts.")
    assert done.proposal is not None
    before = services.terms_of(instance)
    instance.refresh_from_db()
    assert services.terms_of(instance) == before
    with pytest.raises(RefusedError):
        proposals.approve(alice, done.proposal.pk)
    proposals.approve(rita, done.proposal.pk)
    instance.refresh_from_db()
    after = services.terms_of(instance)
    assert {name for name in after if after[name] != before[name]} == set(changes)
    assert instance.version == 2
    entry = AuditEntry.objects.get(verb="strategy.change")
    assert entry.actor_name == "rita"
    assert (entry.after or {})["asked_by"] == "alice"


def test_a_closer_loss_limit_counts_at_once(alice: User, rita: User) -> None:
    instance = at_stage("live", "running", owner=alice, approver=rita, day_loss_limit=5_000)
    closer = {"day_loss_limit": "4000", "total_loss_limit": "20000"}
    assert services.change_instance(alice, instance.pk, closer).proposal is None
    instance.refresh_from_db()
    assert (instance.day_loss_limit, instance.total_loss_limit) == (Decimal(4_000), Decimal(20_000))


def test_a_note_of_a_live_one_is_written_at_once_beside_the_request(alice: User, rita: User) -> None:
    instance = at_stage("live", owner=alice, approver=rita)
    done = services.change_instance(alice, instance.pk, {"note": "New.", "unit": 2}, reason="More of it.")
    instance.refresh_from_db()
    assert (instance.note, instance.unit) == ("New.", 1)
    assert done.proposal is not None


def test_what_was_approved_keeps_its_instruments_and_account(alice: User, rita: User) -> None:
    instance = at_stage("approved", owner=alice, approver=rita)
    make_account("other", alice)
    for changes in ({"account": "other"}, {"seed": 4}):
        with pytest.raises(ConflictError, match="back to paper"):
            services.change_instance(alice, instance.pk, changes, reason="x")


def test_a_request_that_was_overtaken_is_void(alice: User, rita: User) -> None:
    instance = at_stage("live", "running", owner=alice, approver=rita)
    waits = services.set_parameters(alice, instance.pk, {"fast": 7}, reason="It drifts.").proposal
    services.change_instance(alice, instance.pk, {"day_loss_limit": "500"})
    assert waits is not None
    with pytest.raises(ConflictError) as error:
        proposals.approve(rita, waits.pk)
    assert error.value.code == "proposal_stale"


def test_what_needs_a_stop_needs_it_when_it_is_approved_too(alice: User, rita: User) -> None:
    instance = at_stage("live", owner=alice, approver=rita)
    waits = services.change_instance(alice, instance.pk, {"unit": 2}, reason="More.").proposal
    StrategyInstance.objects.update(activity="running")
    assert waits is not None
    with pytest.raises(ConflictError, match="Stop trend"):
        proposals.approve(rita, waits.pk)
