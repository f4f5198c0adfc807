"""A preset over a recorded day under the live host, once with each execution: offline as live."""

from typing import Any

import numpy as np
import pytest

from backtests.domain.hosted import HostedResult, run_hosted
from backtests.tests.domain.hosted_days import AP, RU, contract_of, hosted_day, hosted_leg
from backtests.tests.domain.test_hosted import setup
from marketdata.tests.domain.recorded import needs_data
from strategies import registry
from strategies.domain.execution.executor import make_executor
from strategies.domain.execution.plan import parse
from strategies.domain.hosting.intents import Cause
from trading.domain.checks import session_reason
from trading.domain.order_status import OrderType
from trading.tests.recorded_ticks import Recorded

pytestmark = [needs_data, pytest.mark.real_data]

DOCUMENTS: dict[str, dict[str, Any]] = {
    "chase": {"kind": "chase", "max_ticks": 5},
    "twap": {"kind": "twap", "seconds": 180, "slices": 6, "randomise": 0.2},
    "iceberg": {"kind": "iceberg", "show": 2, "peak_random": 0.4},
}
every_kind = pytest.mark.parametrize("kind", DOCUMENTS)
both = pytest.mark.parametrize("recorded", [RU, AP], ids=lambda recorded: recorded.file)


def run(recorded: Recorded, document: dict[str, Any]) -> HostedResult:
    """Crosses of five-minute bars, six lots a unit."""
    strategy = registry.create("double_ma", {"fast": 2, "slow": 5})
    executor = make_executor(parse(document), seed=4) if document else None
    asked = setup()
    asked = type(asked)(asked.capital, 6.0, rules=asked.rules)
    leg = hosted_leg(recorded, "5m")
    return run_hosted([hosted_day(recorded)], [leg], strategy, asked, interval="5m", executor=executor)


@both
@every_kind
def test_a_day_with_an_execution_decides_as_without_and_reaches_the_same_targets(recorded: Recorded, kind: str) -> None:
    plain, worked = run(recorded, {}), run(recorded, DOCUMENTS[kind])
    assert len(plain.decided) >= 6
    assert [each[:4] for each in worked.decided] == [each[:4] for each in plain.decided]
    assert {sent.place.cause for sent in worked.sent} == {Cause.ALGO}
    held = np.cumsum(worked.run.fills.direction * worked.run.fills.volume)
    assert np.abs(held).max() == 6.0
    table = contract_of(recorded).table
    assert not [sent for sent in worked.sent if not sent.refused and session_reason(table, sent.at) is not None]
    if kind == "iceberg":
        assert max(sent.place.lots for sent in worked.sent) <= 2
    assert (OrderType.LIMIT in {sent.place.type for sent in worked.sent}) == (kind != "twap")


@every_kind
def test_the_same_day_gives_the_same_orders(kind: str) -> None:
    first, second = run(RU, DOCUMENTS[kind]), run(RU, DOCUMENTS[kind])
    assert first.sent
    assert repr(first.sent) == repr(second.sent)
    assert first.fills == second.fills
