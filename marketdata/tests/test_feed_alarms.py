"""What is said of feeds that died, fell silent or cannot publish, and the figures about them."""

import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.leases import Held, take
from accounts.models import Alarm
from marketdata import stream
from marketdata.instruments import ensure_instrument
from marketdata.live_models import FeedState, InstrumentFeed
from marketdata.publishing import alarms as feed_alarms
from marketdata.publishing.alarms import FEED_SILENT, FEED_STOPPED, STREAM_TROUBLE, TICKS_DROPPED, check_feeds
from marketdata.publishing.books import FeedBooks, StreamTold, Told
from marketdata.tasks import check_living_feeds
from quantsite.common.times import SHANGHAI

pytestmark = [pytest.mark.embedded, pytest.mark.django_db]

OPEN = datetime(2024, 1, 2, 10, 0, tzinfo=SHANGHAI)
CLOSED = datetime(2024, 1, 2, 12, 0, tzinfo=SHANGHAI)


def feed(source: str, *, market: datetime = OPEN, silent: float = 0.0, status: str = "running") -> Held:
    """A feed of rb2405 that lives, whose last tick came ``silent`` seconds ago."""
    held = take(f"feed:{source}", "here", 60)
    instrument = ensure_instrument("rb2405.SHFE", date(2024, 1, 2))
    FeedState.objects.create(
        source=source,
        kind="replay",
        status=status,
        epoch=held.epoch,
        market_time=market,
        last_tick_at=timezone.now() - timedelta(seconds=silent),
        counters={"stale": 3, "pending": 7},
        ticks=11,
    )
    InstrumentFeed.objects.update_or_create(instrument=instrument, defaults={"source": source, "epoch": held.epoch})
    return held


def open_codes() -> set[str]:
    """The alarms that stand."""
    return set(Alarm.objects.open().values_list("code", flat=True))


def test_a_feed_that_lives_and_speaks_is_no_alarm() -> None:
    feed("one", silent=10)
    assert check_feeds() == []
    assert open_codes() == set()


@pytest.mark.parametrize("status", ["starting", "running", "waiting"])
def test_a_feed_whose_lease_ended_is_an_alarm_until_it_runs_again(status: str) -> None:
    held = feed("one", status=status)
    held.release()
    assert check_living_feeds() == ["one"]
    assert open_codes() == {FEED_STOPPED}
    assert "The feed one told last at 20" in Alarm.objects.get().shown_text
    take("feed:one", "here")
    assert check_feeds() == []
    assert open_codes() == set()


@pytest.mark.parametrize("status", ["stopped", "finished"])
def test_a_feed_that_ended_in_good_order_is_none(status: str) -> None:
    feed("one", status=status).release()
    assert check_feeds() == []


@pytest.mark.parametrize(("market", "silent", "alarm"), [(OPEN, 90, True), (OPEN, 30, False), (CLOSED, 900, False)])
def test_silence_is_an_alarm_while_the_market_is_open(market: datetime, silent: float, alarm: bool) -> None:
    feed("one", market=market, silent=silent)
    assert check_feeds() == (["one"] if alarm else [])
    assert open_codes() == ({FEED_SILENT} if alarm else set())
    FeedState.objects.update(last_tick_at=timezone.now())
    check_feeds()
    assert open_codes() == set()


def books(held: Held, tell_stream: Callable[[], StreamTold]) -> FeedBooks:
    """The books of a feed that publishes nothing."""
    FeedState.objects.create(source="one", kind="replay", status="running", epoch=held.epoch)
    told = Told("running")
    return FeedBooks("one", "replay", held, tell=lambda: told, stream=tell_stream, introduce=lambda _row: None)


def test_a_stream_that_is_away_is_an_alarm_until_it_is_back_and_losses_stay_one() -> None:
    states = iter([StreamTold("", 0), StreamTold("refused", 0), StreamTold("refused", 40), StreamTold("", 40)])
    kept = books(take("feed:one", "here"), lambda: next(states))
    kept.look()
    assert open_codes() == set()
    kept.look()
    assert open_codes() == {STREAM_TROUBLE}
    kept.look()
    assert open_codes() == {STREAM_TROUBLE, TICKS_DROPPED}
    assert Alarm.objects.get(code=TICKS_DROPPED).shown_text.startswith("The feed one has lost 40 messages")
    kept.look()
    assert open_codes() == {TICKS_DROPPED}
    feed_alarms.clear_own("one")
    assert open_codes() == {TICKS_DROPPED}


def test_figures_of_feeds(settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    feed("one", silent=10)
    feed("ended", status="finished").release()
    publisher = stream.publisher("one", 1)
    publisher.send(b"\x90")
    publisher.close()
    page = Client().get("/metrics").content.decode()
    told = dict(line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
    assert told['quantsite_feed_up{source="one"}'] == "1.0"
    assert 'quantsite_feed_up{source="ended"}' not in told
    assert 10 <= float(told['quantsite_feed_data_age_seconds{source="one"}']) < 40
    assert told['quantsite_feed_ticks_total{source="one"}'] == "11.0"
    assert told['quantsite_feed_pending_messages{source="one"}'] == "7.0"
    assert told['quantsite_feed_odd_ticks_total{reason="stale",source="one"}'] == "3.0"
    assert told['quantsite_stream_frames{source="one"}'] == "1.0"
    assert told["quantsite_subscribed_instruments"] == "0.0"


def test_figures_without_a_stream(settings: Any) -> None:
    settings.METRICS_TOKEN, settings.REDIS_URL = "", "redis://127.0.0.1:1/0"
    feed("one")
    began = time.monotonic()
    page = Client().get("/metrics").content.decode()
    assert 'quantsite_feed_up{source="one"} 1.0' in page
    assert 'quantsite_stream_frames{source="one"}' not in page
    assert time.monotonic() - began < 30
