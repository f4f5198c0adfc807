"""The path of a tick through a feed: what is watched, given up, and watched again."""

from marketdata.domain.contract import Contract
from marketdata.domain.ticks import BarMessage, Clock, SettlementMessage, Tick, frame, unframe
from marketdata.publishing.path import TickPath
from marketdata.tests.domain.recorded import table
from marketdata.tests.hub_parts import CODE, NINE, tick

HOUR = 3_600 * 10**9
TABLE = table("SHFE", "rb")
CONTRACT = Contract(CODE, "rb2501", "SHFE", 10.0, 1.0, TABLE)


def at(seconds: int, volume: int) -> Tick:
    """A tick so many seconds after nine."""
    return tick(2 * seconds, volume=volume)


def test_a_contract_that_is_watched_again_does_not_count_what_was_traded_meanwhile() -> None:
    sent: list[bytes] = []
    path = TickPath("test", TABLE.calendar, sent.append, intervals=["1m"])
    path.watch(CONTRACT, NINE - 13 * HOUR)  # before the night opened
    path.on_tick(at(10, 100))
    path.advance(NINE + HOUR // 10)
    path.drop(CODE)
    path.on_tick(at(900, 5_000))
    path.watch(CONTRACT, NINE + HOUR // 2)
    for seconds, volume in ((1_810, 9_000), (1_830, 9_010), (1_870, 9_015), (1_930, 9_030)):
        path.on_tick(at(seconds, volume))
    messages: list[Tick | BarMessage | SettlementMessage | Clock] = unframe(frame(sent))
    bars = [message for message in messages if isinstance(message, BarMessage)]
    assert [((bar.start - NINE) // 60_000_000_000, bar.volume, bar.partial) for bar in bars] == [
        (0, 100, False),
        (30, 10, True),
        (31, 5, False),
    ]
    assert path.refused == 1
