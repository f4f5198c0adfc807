"""What somebody asks for who has a list of fills analysed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from backtests.requests import DEFAULT_CAPITAL, CostOptions

ANY = ""
"""Stands for the code of a marks file that names none: that of the file's one instrument."""


@dataclass(frozen=True, slots=True)
class FillsRequest:
    """How fills are analysed.

    ``capital`` in yuan; ``costs`` hold for every instrument of the file. ``marks`` are files of bars by instrument
    (:data:`ANY` where it is the only one); what has none is marked by its stored bars. ``interval`` is that of the
    bars, '' for the stored ones that reach furthest; ``bar_time`` (``start`` or ``end``) that of the files.
    ``settlement`` marks a day at its stored settlement price where there is one, ``None`` only what is marked by
    stored bars: a file says itself what counts.
    """

    capital: float = DEFAULT_CAPITAL
    costs: CostOptions = field(default_factory=CostOptions)
    marks: Mapping[str, Path] = field(default_factory=dict)
    interval: str = ""
    bar_time: str = ""
    settlement: bool | None = None
