"""The colours of charts, by what they mean.

Market direction, profit and severity are tokens of their own: here those of the market, of the reader's own fills
and trades, in ``report.css`` those of gain and loss, warning and critical. A reader who prefers green for a rise
changes market and gain together and leaves alarms as they are; direction, sign and severity are always told
by a shape, a sign or a word as well. A chart is transparent and made in the light palette. Its dark form is the
same document with each colour exchanged for its twin, so within one palette no two tokens share a value, and
none is a default of the chart library (defaults are not written into the document).
"""

from dataclasses import asdict, dataclass, replace


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours as ``#rrggbb``: ``up`` and ``down`` are the market's, ``buy`` and ``sell`` the strategy's fills.

    ``won`` and ``lost`` are closed trades, ``benchmark`` is what the run is held against.
    """

    muted: str
    grid: str
    frame: str
    equity: str
    drawdown: str
    baseline: str
    close: str
    band: str
    up: str
    down: str
    buy: str
    sell: str
    won: str
    lost: str
    benchmark: str


LIGHT = Palette(
    muted="#5a6676",
    grid="#e8ebf0",
    frame="#d5dae2",
    equity="#1f5fbf",
    drawdown="#7c5cb0",
    baseline="#9aa5b4",
    close="#46566b",
    band="#c3ccd9",
    up="#d1312f",
    down="#15824c",
    buy="#0b66c3",
    sell="#b3520b",
    won="#c92a2a",
    lost="#127a46",
    benchmark="#8a6a14",
)
DARK = Palette(
    muted="#9aa6b6",
    grid="#262d37",
    frame="#3a434f",
    equity="#6ba6ff",
    drawdown="#b79af0",
    baseline="#69778a",
    close="#b6c2d2",
    band="#3f4b5b",
    up="#ff6b66",
    down="#3fbf7f",
    buy="#5cb3ff",
    sell="#ffa45c",
    won="#ff7a75",
    lost="#45c486",
    benchmark="#d6b457",
)


def swapped(palette: Palette) -> Palette:
    """``palette`` for readers to whom green is a rise."""
    return replace(palette, up=palette.down, down=palette.up, won=palette.lost, lost=palette.won)


def dark_twins() -> dict[str, str]:
    """For each colour of the light palette the one that takes its place in the dark."""
    dark = asdict(DARK)
    return {colour: dark[token] for token, colour in asdict(LIGHT).items()}
