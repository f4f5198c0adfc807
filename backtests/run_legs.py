"""The instruments of a run, and one hash over the bars of all: light enough for a web process."""

import hashlib
from collections.abc import Sequence

from backtests.models import BacktestRun
from backtests.optimise.models import AskedRun
from marketdata.models import Instrument
from quantsite.common.errors import RuleError

Asked = BacktestRun | AskedRun
"""What asks for runs: one of its own, or many of an optimisation."""


def codes_of(run: Asked) -> tuple[str, ...]:
    """The codes of all legs, the first one first."""
    return (run.instrument.code, *run.legs)


def instruments_of(run: Asked) -> list[Instrument]:
    """The instruments of all legs, the first one first. Raises ``RuleError`` for one that is gone."""
    if not run.legs:
        return [run.instrument]
    known = {row.code: row for row in Instrument.objects.select_related("product").filter(code__in=run.legs)}
    if gone := [code for code in run.legs if code not in known]:
        raise RuleError("unknown_instrument", f"There is no instrument {', '.join(gone)} any more.")
    return [run.instrument, *(known[code] for code in run.legs)]


def data_hash_of(hashes: Sequence[str]) -> str:
    """The data hash of a run: that of its one leg, or the SHA-256 (hex) over those of its legs in their order."""
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode("ascii")).hexdigest()
