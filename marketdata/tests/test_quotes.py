"""The newest tick of an instrument: from this process, else from the stream, else as it was recorded."""

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import date
from itertools import count
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from marketdata.broadcast import hub
from marketdata.domain.tick_series import TickSeries
from marketdata.domain.ticks import STALE, Clock, Tick, encode
from marketdata.hub.state import Market
from marketdata.instruments import ensure_instrument
from marketdata.live_models import InstrumentFeed
from marketdata.models import Instrument
from marketdata.quotes import services as quotes
from marketdata.services import get_realtime_data
from marketdata.tests.made_ticks import tick, ticks
from marketdata.tests.recordings import write
from marketdata.ticks.store import insert_ticks
from quantsite.common.errors import MissingError, RefusedError

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

CODE, OTHER = "rb2405.SHFE", "hc2405.SHFE"
PATH = "/api/v1/ticks/latest/"


NAMES: Iterator[str] = (f"quotes{number}" for number in count())


@pytest.fixture
def source() -> str:
    """A source of this test alone."""
    return next(NAMES)


@pytest.fixture
def market() -> Iterator[Market]:
    """What a hub of this process knows, without its reader."""
    loop = asyncio.new_event_loop()

    async def begin() -> Market:
        return hub().market

    yield loop.run_until_complete(begin())
    loop.close()


@pytest.fixture
def rb(db: None) -> Instrument:
    """Five recorded ticks of one contract, none of another one."""
    ensure_instrument(OTHER, date(2024, 1, 2))
    row = ensure_instrument(CODE, date(2024, 1, 2))
    insert_ticks({row: TickSeries.of(CODE, ticks(CODE, 1, 5))})
    return row


def seqs(*codes: str) -> list[tuple[str, int]]:
    """What is told of these instruments."""
    return [(found.instrument, found.seq) for found in get_realtime_data(None, codes)]


def publish(row: Instrument, source: str, frame: str, messages: list[Tick | Clock]) -> None:
    """The source publishes the instrument and has sent this frame."""
    InstrumentFeed.objects.update_or_create(instrument=row, defaults={"source": source, "epoch": 1})
    write(source, frame, messages)


def test_the_last_recorded_tick_where_nothing_is_published(rb: Instrument) -> None:
    assert seqs(CODE) == [(CODE, 5)]
    assert seqs(OTHER, CODE) == [(CODE, 5)], "one that never had a tick is left out"
    [found] = get_realtime_data(None, [rb])
    assert encode(found) == encode(tick(CODE, 5))


def test_a_repeated_old_snapshot_is_not_the_newest(rb: Instrument) -> None:
    insert_ticks({rb: TickSeries.of(CODE, [tick(CODE, 6, flags=STALE)])})
    assert seqs(CODE) == [(CODE, 5)]


def test_the_end_of_the_stream_is_newer_than_the_rows(rb: Instrument, source: str) -> None:
    publish(rb, source, "1-1", [tick(CODE, 6), Clock(source, 1, 19_724), tick(OTHER, 1)])
    publish(rb, source, "1-2", [tick(CODE, 7), tick(CODE, 8, flags=STALE)])
    assert seqs(CODE) == [(CODE, 7)]


def test_a_frame_that_was_torn_hides_nothing(rb: Instrument, source: str) -> None:
    publish(rb, source, "1-1", [tick(CODE, 6)])
    write(source, "1-2", b"\xc1")
    assert seqs(CODE) == [(CODE, 6)]


def test_a_stream_without_a_tick_of_it_leaves_the_rows(rb: Instrument, source: str) -> None:
    publish(rb, source, "1-1", [Clock(source, 1, 19_724)])
    assert seqs(CODE) == [(CODE, 5)]


def test_an_unreachable_stream_leaves_the_rows(rb: Instrument, source: str, settings: Any) -> None:
    InstrumentFeed.objects.create(instrument=rb, source=source, epoch=1)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert seqs(CODE) == [(CODE, 5)]


def test_what_this_process_knows_comes_first_while_it_listens(rb: Instrument, source: str, market: Market) -> None:
    market.on_message(source, tick(CODE, 9))
    assert seqs(CODE) == [(CODE, 9)]
    market.sources[source].heard_at = time.monotonic() - quotes.SILENT_SECONDS - 1
    assert seqs(CODE) == [(CODE, 5)], "what has not been told for long is not trusted"


def test_who_may_ask(rb: Instrument, alice: User, charlie: User) -> None:
    assert len(get_realtime_data(alice, [CODE])) == 1
    with pytest.raises(RefusedError):
        get_realtime_data(charlie, [CODE])
    with pytest.raises(MissingError, match="Did you mean"):
        get_realtime_data(alice, ["rb2406.SHFE"])


def test_the_newest_ticks_over_rest(rb: Instrument, alice: User, api: Callable[..., APIClient]) -> None:
    body = api(alice).get(f"{PATH}?instruments={OTHER}, {CODE},{CODE}").json()
    [row] = body["results"]
    assert (row["instrument"], row["seq"], row["trading_day"]) == (CODE, 5, "2024-01-02")
    assert row["time"] == "2024-01-02T01:00:02.500000Z"
    assert (row["last"], row["volume"], row["high"], row["depth"]) == (4005.0, 10, None, None)
    assert api(alice).get(PATH).json()["fields"] == {"instruments": "Say which instruments."}
    many = ",".join(f"rb{number}.SHFE" for number in range(201))
    assert "At most 200" in api(alice).get(f"{PATH}?instruments={many}").json()["detail"]
    assert api(alice).get(f"{PATH}?instruments=rb1.SHFE").status_code == 404
