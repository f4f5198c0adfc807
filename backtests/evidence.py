"""What backtests and checks show of a strategy, written where the gates of live instances read it."""

from typing import TYPE_CHECKING, Any

from backtests.models import BacktestRun
from strategies.domain.gates import EvidenceKind
from strategies.models import Evidence
from strategies.services import Finding, write_evidence

if TYPE_CHECKING:
    from accounts.models import User
    from backtests.strategy_check import StrategyCheck


def show_backtest(run: BacktestRun, source_hash: str, figures: dict[str, Any]) -> Evidence:
    """A backtest ran to its end: of exactly this source, these parameters and this interval. The owner showed it."""
    finding = Finding(
        kind=EvidenceKind.BACKTEST,
        strategy=run.strategy,
        passed=True,
        parameters=run.parameters,
        interval=run.interval,
        source_hash=source_hash,
        facts={"run": run.pk, "instruments": [run.instrument.code, *run.legs], "rules": run.rules, **figures},
        reference=f"backtest {run.pk}",
    )
    return write_evidence(run.owner, finding)


def show_check(actor: "User | None", check: "StrategyCheck", source_hash: str) -> list[Evidence]:
    """Both halves of a check of this source: that nothing looks ahead, and how many bars the decisions need."""
    asked = check.checked
    facts = {"instruments": [instrument.code for instrument in asked.instruments], "bars": check.bars}
    halves: tuple[tuple[EvidenceKind, bool, dict[str, Any]], ...] = (
        (EvidenceKind.LOOK_AHEAD, not check.looks.faults, {"cuts": check.cuts}),
        (EvidenceKind.WARM_UP, check.warm_up_holds, {"stated": check.stated, "needed": check.needed}),
    )
    return [
        write_evidence(
            actor,
            Finding(
                kind=kind,
                strategy=asked.request.strategy,
                passed=passed,
                parameters=asked.parameters,
                interval=asked.interval,
                source_hash=source_hash,
                facts={**facts, **own},
                reference="check_strategy",
            ),
        )
        for kind, passed, own in halves
    ]
