"""The colours of charts, by what they mean.

Market direction, profit and severity are tokens of their own, so that a reader who prefers green for a rise
changes candles and profits together and leaves alarms as they are. Direction, sign and severity are always
told by a shape, a sign or a word as well. Within one palette no two tokens share a value: a chart is made in
the light palette, and its dark form is the same document with each colour exchanged for its twin.
"""

from dataclasses import asdict, dataclass, replace


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours as ``#rrggbb``. ``up`` and ``down`` are the market's, ``profit`` and ``loss`` the reader's."""

    background: str
    ink: str
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
    profit: str
    loss: str
    buy: str
    sell: str
    warning: str
    critical: str


LIGHT = Palette(
    background="#ffffff",
    ink="#1b2430",
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
    profit="#c92a2a",
    loss="#127a46",
    buy="#0b66c3",
    sell="#b3520b",
    warning="#8a5a00",
    critical="#6b1d12",
)
DARK = Palette(
    background="#161b22",
    ink="#e4e9f0",
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
    profit="#ff7a75",
    loss="#45c486",
    buy="#5cb3ff",
    sell="#ffa45c",
    warning="#e8b04a",
    critical="#ff9e8c",
)


def swapped(palette: Palette) -> Palette:
    """``palette`` for readers to whom green is a rise and a gain."""
    return replace(palette, up=palette.down, down=palette.up, profit=palette.loss, loss=palette.profit)


def dark_twins() -> dict[str, str]:
    """For each colour of the light palette the one that takes its place in the dark."""
    dark = asdict(DARK)
    return {colour: dark[token] for token, colour in asdict(LIGHT).items()}
