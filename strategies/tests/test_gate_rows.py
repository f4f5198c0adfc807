"""Gates as rows: asking for more counts at once, asking for less takes two persons."""

from typing import Any

import pytest

from accounts import proposals
from accounts.models import AuditEntry, User
from quantsite.common.errors import ConflictError, RefusedError, RuleError
from quantsite.testing.cast import make_user
from strategies import services
from strategies.models import StrategyGate
from strategies.tests.instances import make_instance, show

DAYS: dict[str, Any] = {"stage": "approved", "kind": "paper_day", "same_parameters": True}


def test_the_first_gates_are_those_of_the_desk_without_a_word(db: None) -> None:
    active = StrategyGate.objects.filter(is_active=True).values_list("stage", "kind", "minimum")
    assert set(active) == {
        ("backtested", "backtest", 1),
        ("backtested", "look_ahead", 1),
        ("approved", "paper_day", 5),
    }


def test_more_is_asked_for_at_once(rita: User) -> None:
    done = services.set_gate(rita, **DAYS, minimum=20)
    assert done.proposal is None
    assert StrategyGate.objects.get(stage="approved", kind="paper_day").minimum == 20
    entry = AuditEntry.objects.get(verb="strategy.gate")
    assert ((entry.before or {})["minimum"], (entry.after or {})["minimum"]) == (5, 20)


@pytest.mark.parametrize(
    "less",
    [{"minimum": 4}, {"minimum": 5, "same_parameters": False}, {"minimum": 5, "is_active": False}],
)
def test_less_takes_two(rita: User, less: dict[str, Any]) -> None:
    with pytest.raises(RuleError) as error:
        services.set_gate(rita, **(DAYS | less))
    assert error.value.code == "reason_missing"
    waits = services.set_gate(rita, **(DAYS | less), reason="Too slow.").proposal
    gate = StrategyGate.objects.get(stage="approved", kind="paper_day")
    assert waits is not None
    assert (gate.minimum, gate.same_parameters, gate.is_active) == (5, True, True)
    with pytest.raises(RefusedError):
        proposals.approve(rita, waits.pk)
    proposals.approve(make_user("otto", "risk officer"), waits.pk)
    gate.refresh_from_db()
    assert {name: getattr(gate, name) for name in less} == less


def test_evidence_that_ages_longer_is_less(rita: User) -> None:
    gate: dict[str, Any] = {"stage": "backtested", "kind": "look_ahead", "same_parameters": True}
    services.set_gate(rita, **gate, max_age_days=30)
    assert (
        services.set_gate(
            rita, "backtested", "look_ahead", same_parameters=True, max_age_days=60, reason="Slow."
        ).proposal
        is not None
    )
    assert services.set_gate(rita, **gate, max_age_days=10).proposal is None


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"stage": "draft"}, "stage"),
        ({"stage": "retired"}, "stage"),
        ({"kind": "luck"}, "kind"),
        ({"minimum": 0}, "minimum"),
        ({"max_age_days": 0}, "max_age_days"),
    ],
)
def test_what_no_gate_can_say(rita: User, wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(RuleError) as error:
        services.set_gate(rita, **(DAYS | {"minimum": 6} | wrong))
    assert set(error.value.fields) == {field}


def test_traders_and_researchers_set_none(alice: User, bob: User) -> None:
    for person in (alice, bob):
        with pytest.raises(RefusedError):
            services.set_gate(person, **DAYS, minimum=20)


def test_a_gate_of_the_desk_holds_instances_back(rita: User, alice: User) -> None:
    instance = make_instance(owner=alice)
    show(instance)
    services.set_gate(rita, "backtested", "warm_up")
    with pytest.raises(ConflictError, match="warm-up"):
        services.promote(alice, instance.pk)
