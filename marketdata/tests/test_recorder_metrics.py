"""What ``/metrics`` tells of the recorder."""

from datetime import date, timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from accounts.leases import take
from marketdata.instruments import ensure_instrument
from marketdata.live_models import FeedState, RecorderPosition, TickGap
from quantsite.web.metrics import exposition

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]


def figures() -> dict[str, float]:
    """The lines about the recorder: name with labels -> value."""
    lines = exposition()[0].decode().splitlines()
    words = ("quantsite_recorde", "quantsite_tick_gaps", "quantsite_missing_ticks")
    told = [line.rpartition(" ") for line in lines if line.startswith(words) and "_created" not in line]
    return {name: float(value) for name, _space, value in told}


def position(source: str, stream_id: str, *, seconds_ago: float, lag_ms: float = 200.0) -> None:
    """A recorder's row."""
    RecorderPosition.objects.create(source=source, stream_id=stream_id, ticks=70, bars=7, lag_ms=lag_ms)
    then = timezone.now() - timedelta(seconds=seconds_ago)
    RecorderPosition.objects.filter(source=source).update(updated_at=then)


def published(source: str, stream_id: str) -> None:
    """A feed's row."""
    FeedState.objects.create(source=source, kind="replay", status="running", stream_id=stream_id)


def test_rows_and_whether_a_recorder_is_at_work() -> None:
    position("sim", "3-9", seconds_ago=0)
    told = figures()
    assert told['quantsite_recorded_ticks_total{source="sim"}'] == 70
    assert told['quantsite_recorded_bars_total{source="sim"}'] == 7
    assert told["quantsite_recorders"] == 0
    take("recorder", "here", 60)
    assert figures()["quantsite_recorders"] == 1


@pytest.mark.parametrize(
    ("newest", "seconds_ago", "low", "high"),
    [("3-9", 1, 0.2, 0.2), ("3-9", 3_600, 0, 0), ("3-10", 40, 40, 60), ("4-1", 40, 40, 60), ("", 1, 0.2, 0.2)],
    ids=["in time", "a quiet market", "frames behind", "a feed's new run not read", "no feed's row"],
)
def test_the_lag_is_that_of_the_last_batch_unless_the_feed_is_ahead(
    newest: str, seconds_ago: float, low: float, high: float
) -> None:
    position("sim", "3-9", seconds_ago=seconds_ago)
    if newest:
        published("sim", newest)
    assert low <= figures()['quantsite_recorder_lag_seconds{source="sim"}'] <= high


def test_gaps_and_the_ticks_missing_in_them() -> None:
    rb = ensure_instrument("rb2405.SHFE", date(2024, 1, 2))
    for first, last in ((5, 9), (20, 20)):
        TickGap.objects.create(
            instrument=rb, trading_day=date(2024, 1, 2), source="sim", first_seq=first, last_seq=last, created_at=Now()
        )
    told = figures()
    assert told['quantsite_tick_gaps_total{source="sim"}'] == 2
    assert told['quantsite_missing_ticks_total{source="sim"}'] == 6
