"""What a host has to tell beside its intents: where a roll stands, and what an execution wants people to know."""

from typing import Any

import msgspec

from strategies.domain.execution.executor import exposure_of, notices_of
from strategies.domain.execution.roll import Roll
from strategies.domain.hosting.host import LiveHost
from strategies.domain.hosting.rolling import Roll as Rolling


class RollTold(msgspec.Struct, array_like=True, frozen=True):
    """A roll of ``leg`` as :meth:`Roll.progress` has it; ``contract`` is what the leg trades if it is over now.

    ``spread`` in it are the two prices by which the strategy sees the new contract's.
    ``reason`` is a stored sentence (``quantsite.common.texts.stored``), None where it did not fail.
    """

    leg: int
    contract: str
    progress: dict[str, Any]
    reason: Any = None


class NoticeTold(msgspec.Struct, array_like=True, frozen=True):
    """See :class:`strategies.domain.execution.executor.Notice`."""

    kind: str
    leg: int | None
    at: int
    sentence: Any


class Report(msgspec.Struct, array_like=True, frozen=True):
    """``roll`` is under way, ``ended`` are over since the last report; ``exposed`` lots of a pair since an instant."""

    roll: RollTold | None = None
    ended: list[RollTold] = []
    notices: list[NoticeTold] = []
    exposed: tuple[int, int] | None = None

    def __bool__(self) -> bool:
        return bool(self.roll or self.ended or self.notices or self.exposed)


NOTHING = Report()


def report_of(host: LiveHost) -> Report:
    """What there is to tell now; rolls that have ended and notices are told once."""
    under_way, ended, executor = host.roll_under_way, host.rolled, host.aims.executor
    exposed = exposure_of(executor)
    notices = notices_of(executor)
    if under_way is None and not ended and not notices and exposed is None:
        return NOTHING
    host.rolled = []
    return Report(
        None if under_way is None else _told(host, under_way),
        [_told(host, roll) for roll in ended],
        [NoticeTold(*notice) for notice in notices],
        None if exposed is None else (exposed.since, exposed.lots),
    )


def _told(host: LiveHost, roll: Rolling) -> RollTold:
    algo, spread = roll.algo, roll.spread
    assert isinstance(algo, Roll)  # noqa: S101 - the only kind that the runner begins
    counted = {"spread": [spread.old, spread.new] if spread.known else None, "adjust": spread.adjust}
    return RollTold(roll.leg, algo.contract, algo.progress(host.now) | counted, algo.reason_stored)
