"""``run_feed`` of kind ctp as a process, on a library that is the vendor's as far as it can tell."""

import signal
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from marketdata.feed_logins import set_feed_login
from marketdata.instruments import ensure_instrument
from marketdata.live_models import FeedState, InstrumentFeed
from marketdata.subscriptions import subscribe_symbol
from marketdata.tests.feed_processes import Feeds, feeds
from marketdata.tests.feed_runs import published
from marketdata.tests.stream_servers import wait_until
from quantsite.testing.ctp.front import Front
from quantsite.testing.ctp.wire import served
from quantsite.testing.patience import SOON

__all__ = ["feeds"]
pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]

SOURCE = "broker"


def test_quotes_of_a_front_reach_the_stream_through_losses(feeds: Feeds, tmp_path: Path) -> None:
    front = Front("20240103")
    front.contract("rb2405", "SHFE", pre_settlement=3900)
    front.contract("i2405", "DCE", pre_settlement=990)
    front.open_account("9999", "1", "pw")
    login = {"fronts": ["tcp://127.0.0.1:1"], "broker_id": "9999", "user_id": "1", "password": "pw"}
    set_feed_login(None, SOURCE, around_the_clock=True, **login)
    subscribe_symbol(None, ensure_instrument("rb2405.SHFE", date(2024, 1, 3)), "account:ONE")
    with served(front, tmp_path) as environment:
        feeds.environment = environment
        process = feeds.start(SOURCE, "--kind", "ctp")
        subscribed(front, "rb2405", feeds)
        quote(front, "rb2405", "10:00:01", 3901)
        wait_until(lambda: FeedState.objects.get(source=SOURCE).ticks == 1, "the first quote")
        subscribe_symbol(None, ensure_instrument("i2405.DCE", date(2024, 1, 3)), "account:ONE")
        subscribed(front, "i2405", feeds)
        front.lose()
        subscribed(front, "i2405", feeds)
        quote(front, "i2405", "10:00:05", 991)
        quote(front, "rb2405", "10:01:00", 3902)
        wait_until(lambda: FeedState.objects.get(source=SOURCE).ticks >= 3, "all quotes")
        wait_until(lambda: InstrumentFeed.objects.filter(last_tick_at__isnull=False).count() == 2, "when each was told")
        state = FeedState.objects.get(source=SOURCE)
        assert (state.status, state.counters["session"], state.trading_day) == ("running", "ready", date(2024, 1, 3))
        process.send_signal(signal.SIGTERM)
        assert process.wait(SOON) == 0, feeds.logs()
    ticks = published(SOURCE).ticks
    assert {(tick.instrument, tick.last) for tick in ticks if not tick.flags} == {
        ("rb2405.SHFE", 3901.0),
        ("i2405.DCE", 991.0),
        ("rb2405.SHFE", 3902.0),
    }
    assert "pw" not in feeds.logs().split()
    front.close()


def quote(front: Front, symbol: str, at: str, price: float) -> None:
    """A new price at that time."""
    front.time = at
    front.price(symbol, price)


def subscribed(front: Front, symbol: str, feeds: Feeds) -> None:
    """Wait until a connected peer has it."""
    condition: Callable[[], bool] = lambda: any(  # noqa: E731
        symbol in peer.symbols and peer.connected for peer in list(front.peers.values())
    )
    try:
        front.wait(condition, 60)
    except TimeoutError:
        pytest.fail(feeds.logs())
