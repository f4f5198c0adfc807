"""The execution of an instance is checked where it is written, for as many legs as its strategy has."""

from typing import Any

import pytest

from marketdata.instruments import ensure_instrument
from quantsite.common.errors import RuleError
from strategies import services
from strategies.models import StrategyInstance
from strategies.tests.instances import CODE, DAY, make_account
from strategies.verbs.terms import NewInstance

pytestmark = pytest.mark.django_db
OTHER = "hc2501.SHFE"


def create(strategy: str = "double_ma", instruments: tuple[str, ...] = (CODE,), **terms: Any) -> StrategyInstance:
    make_account()
    for code in instruments:
        ensure_instrument(code, DAY)
    asked = NewInstance("trend", strategy, instruments, "paper", "5m", **terms)
    return services.create_instance(None, asked)


def test_a_sound_one_is_kept_as_it_was_given() -> None:
    document = {"kind": "twap", "slices": 4}
    assert create(execution=document).execution == document


@pytest.mark.parametrize(
    ("execution", "field"),
    [
        ({"kind": "twap", "slices": 0}, "execution.slices"),
        ({"kind": "twaap"}, "execution.kind"),
        ("twap", "execution"),
        ({"pair": {"seconds": 5}}, "execution.pair"),
    ],
)
def test_a_fault_is_told_beside_its_input(execution: object, field: str) -> None:
    with pytest.raises(RuleError) as refused:
        create(execution=execution)
    assert (refused.value.code, list(refused.value.fields)) == ("invalid_execution", [field])
    assert not StrategyInstance.objects.exists()


def test_a_pair_is_for_a_strategy_on_two_legs() -> None:
    assert create("spread", (CODE, OTHER), execution={"pair": {"then": "undo"}}).execution["pair"] == {"then": "undo"}


def test_a_change_of_the_execution_is_checked_too() -> None:
    instance = create()
    with pytest.raises(RuleError) as refused:
        services.change_instance(None, instance.pk, {"execution": {"kind": "chase", "then": "wait"}})
    assert list(refused.value.fields) == ["execution.then"]
