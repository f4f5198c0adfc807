"""The recorder on a real stream and database: everything once, and what is missing is told."""

import threading
import time
from datetime import date
from math import nan
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import translation

from accounts.leases import take
from accounts.models import Alarm, Lease, Severity
from marketdata.daily_facts import DailySettlement
from marketdata.domain.ticks import BarMessage, Clock, SettlementMessage, encode
from marketdata.instruments import ensure_instrument
from marketdata.live_models import BarNote, RecorderPosition, TickGap
from marketdata.models import Bar, BarCoverage, Instrument
from marketdata.recording.alarms import RECORDER_ASIDE, RECORDER_BEHIND, TICK_GAP, TICKS_REPEATED
from marketdata.recording.gaps import DROPPED
from marketdata.recording.recorder import Recorder
from marketdata.stream import publisher
from marketdata.tests.made_ticks import DAY, NINE, tick, ticks
from marketdata.tests.recordings import SECONDS, record, recording, wait_for, write
from marketdata.ticks.models import Tick
from quantsite.common.errors import ConflictError

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.embedded]

RB, HC = "rb2405.SHFE", "hc2405.SHFE"
LIVE = 7 << 32
"""The first number of epoch 7."""


@pytest.fixture
def source() -> str:
    """A name that no other test uses: in the embedded size streams live as long as the process."""
    return f"test-{uuid4().hex[:12]}"


@pytest.fixture(autouse=True)
def _instruments(transactional_db: None) -> None:
    for code in (RB, HC):
        ensure_instrument(code, date(2024, 1, 2))


def seqs(code: str = RB) -> list[int]:
    """The numbers of the stored ticks."""
    found: list[int] = Tick.objects.series(Instrument.objects.get(code=code)).seq.tolist()
    return found


def position(source: str) -> RecorderPosition:
    """How far the recorder says to be."""
    return RecorderPosition.objects.get(source=source)


def reached(source: str, name: str) -> bool:
    """Whether the recorder is at this frame."""
    return RecorderPosition.objects.filter(source=source, stream_id=name).exists()


def open_alarms(source: str) -> dict[str, Alarm]:
    """The open alarms of a source, by code."""
    return {alarm.code: alarm for alarm in Alarm.objects.open().filter(subject=source)}


def bar(code: str, *, close: float = 4001.0, **given: object) -> BarMessage:
    """The first minute after nine."""
    return BarMessage(code, "1m", NINE, DAY + 1, 4000.0, 4002.0, 3999.0, close, 20, 8e5, 1e6, **given)  # type: ignore[arg-type]


def test_what_is_published_is_recorded(source: str) -> None:
    now = time.time_ns()
    clock = Clock(source, NINE, DAY + 1)
    with recording(source):
        wait_for(lambda: RecorderPosition.objects.filter(source=source).exists())
        sender = publisher(source, 7)
        for message in (*ticks(RB, LIVE, LIVE + 4, received=now), tick(HC, LIVE, received=now), bar(RB), clock):
            sender.send(encode(message))
        sender.send(encode(bar(RB, close=1.0, final=False)))
        sender.send(encode(SettlementMessage(RB, DAY + 1, 4001.3, upper_limit=4300.0)))
        assert sender.close()
        wait_for(lambda: position(source).bars == 1 and DailySettlement.objects.exists())
    row = position(source)
    assert (row.stream_id, row.ticks, row.bars) == (sender.last_id, 6, 1)
    assert row.market_time is not None
    assert 0 < row.lag_ms < 1_000 * SECONDS
    assert (seqs(RB), seqs(HC)) == ([*range(LIVE, LIVE + 5)], [LIVE])
    assert Bar.objects.series(Instrument.objects.get(code=RB), "1m").close.tolist() == [4001.0]
    settled = DailySettlement.objects.get()
    assert (settled.settlement_price, settled.upper_limit, settled.pre_settlement) == (4001.3, 4300.0, None)
    assert not open_alarms(source)


def test_a_restart_goes_on_where_the_rows_end(source: str) -> None:
    write(source, "7-1", ticks(RB, LIVE, LIVE + 9))
    record(source)
    assert position(source).stream_id == "7-1"
    write(source, "7-2", ticks(RB, LIVE + 10, LIVE + 19))
    write(source, "7-3", [tick(HC, LIVE)])
    record(source)
    assert seqs() == [*range(LIVE, LIVE + 20)]
    assert (position(source).stream_id, position(source).ticks) == ("7-3", 21)
    assert not open_alarms(source)


def test_a_lost_position_doubles_nothing(source: str) -> None:
    write(source, "7-1", ticks(RB, LIVE, LIVE + 9))
    record(source)
    RecorderPosition.objects.all().delete()
    record(source)
    assert seqs() == [*range(LIVE, LIVE + 10)]
    assert TickGap.objects.count() == 0


def test_a_new_epoch_and_a_new_day_begin_anew(source: str) -> None:
    write(source, "7-1", ticks(RB, LIVE, LIVE + 3))
    write(source, "8-1", ticks(RB, 8 << 32, (8 << 32) + 3))
    write(source, "8-2", ticks(RB, 8 << 32, (8 << 32) + 1, day=DAY + 2))
    record(source)
    assert len(seqs()) == 10
    assert not open_alarms(source)


def test_a_replay_may_begin_in_the_middle_and_may_be_run_again(source: str) -> None:
    write(source, "7-1", ticks(RB, 100, 104))
    record(source)
    write(source, "7-2", ticks(RB, 105, 106))
    write(source, "8-1", ticks(RB, 200, 204))
    write(source, "8-2", ticks(RB, 206, 206))
    write(source, "9-1", ticks(RB, 1, 110))
    record(source)
    assert seqs() == [*range(1, 111), *range(200, 205), 206]
    assert [(gap.first_seq, gap.last_seq) for gap in TickGap.objects.all()] == [(205, 205)]
    assert set(open_alarms(source)) == {TICK_GAP}


def test_live_numbers_that_come_twice_are_told(source: str) -> None:
    write(source, "7-1", ticks(RB, LIVE, LIVE + 3))
    record(source)
    other = f"{source}-b"
    write(other, "7-1", ticks(RB, LIVE, LIVE + 4, bid_price=1.0))
    record(other)
    assert open_alarms(other)[TICKS_REPEATED].values["ticks"] == 4
    assert Tick.objects.series(Instrument.objects.get(code=RB)).bid_price.tolist() == [4000.0] * 4 + [1.0]


def test_numbers_that_the_feed_skipped_are_a_gap(source: str) -> None:
    write(source, "7-1", [*ticks(RB, LIVE, LIVE + 3), *ticks(RB, LIVE + 6, LIVE + 7), tick(HC, LIVE + 2)])
    record(source)
    found = TickGap.objects.order_by("first_seq").values_list("instrument__code", "first_seq", "last_seq")
    assert sorted(found) == [(HC, LIVE, LIVE + 1), (RB, LIVE + 4, LIVE + 5)]
    alarm = open_alarms(source)[TICK_GAP]
    assert (alarm.severity, alarm.values["ticks"], alarm.values["instruments"]) == (Severity.CRITICAL, 4, 2)
    assert len(seqs()) == 6, "what came is stored"


def test_a_gap_across_a_restart_is_found(source: str) -> None:
    write(source, "7-1", ticks(RB, LIVE, LIVE + 3))
    record(source)
    write(source, "7-2", ticks(RB, LIVE + 5, LIVE + 6))
    record(source)
    gap = TickGap.objects.get()
    assert (gap.first_seq, gap.last_seq, gap.reason, gap.source) == (LIVE + 4, LIVE + 4, str(DROPPED), source)


def test_frames_that_left_the_stream_unread_are_a_gap_with_its_reason(source: str) -> None:
    write(source, "7-1", ticks(RB, LIVE, LIVE + 3))
    record(source)
    write(source, "7-5", ticks(RB, LIVE + 9, LIVE + 9))
    write(source, "9-3", [Clock(source, NINE, DAY + 1)])
    record(source)
    gap = TickGap.objects.get()
    assert (gap.first_seq, gap.last_seq) == (LIVE + 4, LIVE + 8)
    assert gap.reason == "frames 7-2…7-4 were not in the stream any more"
    alarm = open_alarms(source)[TICK_GAP]
    assert (alarm.severity, alarm.values["frames"], alarm.count) == (Severity.CRITICAL, "9-1…9-2", 3)


def test_why_ticks_are_missing_is_told_in_the_language_of_its_reader(source: str) -> None:
    write(source, "7-1", ticks(RB, LIVE, LIVE + 3))
    record(source)
    write(source, "7-2", ticks(RB, LIVE + 6, LIVE + 7))
    record(source)
    write(source, "7-5", ticks(RB, LIVE + 9, LIVE + 9))
    record(source)
    first, second = TickGap.objects.order_by("first_seq")
    alarm = open_alarms(source)[TICK_GAP]
    for language, dropped, lost in (
        ("en", str(DROPPED), "frames 7-3…7-4 were not in the stream any more"),
        ("zh-hans", "数据帧完整", "数据帧 7-3…7-4 已不在流中"),
    ):
        with translation.override(language):
            assert first.reason.startswith(dropped), language
            assert lost in second.reason, language
            assert second.reason in alarm.shown_text, language


def test_the_alarm_of_a_gap_goes_with_the_next_trading_day(source: str) -> None:
    write(source, "7-1", [tick(RB, LIVE + 1), Clock(source, NINE, DAY + 1)])
    record(source)
    assert TICK_GAP in open_alarms(source)
    write(source, "7-2", [Clock(source, NINE, DAY + 1)])
    write(source, "7-3", [Clock(source, NINE, DAY + 2)])
    with recording(source):
        wait_for(lambda: reached(source, "7-3"))
        write(source, "7-4", [Clock(source, NINE, DAY + 3)])
    assert not open_alarms(source)
    assert TickGap.objects.count() == 1


def test_what_cannot_be_stored_is_kept_aside_and_holds_up_nothing(source: str) -> None:
    write(source, "7-1", ticks(RB, LIVE, LIVE + 1))
    write(source, "7-2", b"\xdc\x00\x01 no message")
    write(source, "7-3", [tick("zz2405.SHFE", LIVE), bar("zz2405.SHFE"), *ticks(RB, LIVE + 2, LIVE + 3)])
    write(source, "7-4", [bar(HC, partial=True), BarMessage(HC, "5m", NINE, DAY + 1, nan, nan, nan, nan, 0, 0.0, 0.0)])
    write(source, "7-5", ticks(RB, LIVE + 4, LIVE + 5))
    record(source)
    assert seqs() == [*range(LIVE, LIVE + 6)]
    assert position(source).stream_id == "7-5"
    folder = Path(settings.VAR_DIR) / "recorder" / source
    assert sorted(path.name for path in folder.iterdir()) == ["7-2.frame", "7-3.frame", "7-4.frame"]
    assert open_alarms(source)[RECORDER_ASIDE].count == 3
    assert BarCoverage.objects.count() == 0, "the refused frame left nothing behind"

    call_command("run_recorder", "--again", "--source", source)
    assert len(list(folder.iterdir())) == 3, "nothing is mended yet"
    assert RECORDER_ASIDE in open_alarms(source)


def test_what_was_kept_aside_is_stored_once_its_cause_is_mended(source: str) -> None:
    write(source, "7-1", [tick("ru2405.SHFE", LIVE), bar("ru2405.SHFE", partial=True)])
    record(source)
    ru = ensure_instrument("ru2405.SHFE", date(2024, 1, 2))
    call_command("run_recorder", "--again", "--source", source)
    assert seqs(ru.code) == [LIVE]
    assert BarNote.objects.get().instrument == ru
    assert not list((Path(settings.VAR_DIR) / "recorder" / source).iterdir())
    assert not open_alarms(source)


def test_a_second_recorder_is_refused(source: str) -> None:
    with recording(source) as first:
        wait_for(lambda: RecorderPosition.objects.filter(source=source).exists())
        with pytest.raises(ConflictError, match="is held by"):
            Recorder([source]).run(threading.Event())
        with pytest.raises(CommandError, match="is held by"):
            call_command("run_recorder", "--source", source)
        assert first.lease == f"recorder:{source}"


def test_who_has_lost_the_lease_stops_and_the_next_one_goes_on(source: str) -> None:
    write(source, "7-1", ticks(RB, LIVE, LIVE + 3))
    with recording(
        source,
    ):
        wait_for(lambda: reached(source, "7-1"))
        Lease.objects.filter(name=f"recorder:{source}").update(expires_at=None)
        taken = take(f"recorder:{source}", "somebody else", 600)
        time.sleep(2.5)
        write(source, "7-2", ticks(RB, LIVE + 4, LIVE + 5))
    assert len(seqs()) == 4, "nothing is written without the lease"
    taken.release()
    record(source)
    assert seqs() == [*range(LIVE, LIVE + 6)]


def test_a_recorder_whose_place_another_has_moved_writes_nothing_twice(source: str) -> None:
    write(source, "7-1", [*ticks(RB, LIVE, LIVE + 3), bar(RB)])
    with recording(source):
        wait_for(lambda: reached(source, "7-1"))
        RecorderPosition.objects.filter(source=source).update(stream_id="7-2", ticks=100)
        write(source, "7-2", [bar(RB, close=1.0)])
        write(source, "7-3", [bar(HC)])
        wait_for(lambda: reached(source, "7-3"))
    closes = dict(Bar.objects.values_list("instrument__code", "close"))
    assert closes == {RB: 4001.0, HC: 4001.0}, "it went on behind the other one's place"


def test_the_order_to_stop_drains_the_stream(source: str) -> None:
    for number in range(1, 71):
        first = LIVE + (number - 1) * 300
        write(source, f"7-{number}", ticks(RB, first, first + 299))
    record(source)
    assert position(source).stream_id == "7-70"
    assert len(seqs()) == 21_000


def test_a_lag_is_told_and_taken_back(source: str) -> None:
    """What was late is stored, and nothing more waits: the alarm may be gone before anybody sees it open."""
    old = time.time_ns() - 60_000_000_000
    with recording(source):
        write(source, "7-1", ticks(RB, LIVE, LIVE, received=old))
        wait_for(lambda: Alarm.objects.filter(code=RECORDER_BEHIND, subject=source).exists())
        assert Alarm.objects.get(code=RECORDER_BEHIND, subject=source).values["seconds"] >= 60
        wait_for(lambda: not open_alarms(source))
    assert position(source).lag_ms >= 60_000
