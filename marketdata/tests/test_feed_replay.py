"""Recorded days through the stream: every record once, in its order, the same each time, at any speed."""

import csv
import gzip
from datetime import datetime
from itertools import pairwise
from math import isnan
from pathlib import Path

import pytest

from marketdata import stream
from marketdata.domain.bar_builder import build_bars
from marketdata.domain.ticks import BarMessage, encode
from marketdata.instruments import contract_of, find_instrument
from marketdata.live_models import FeedState, InstrumentFeed
from marketdata.publishing.kinds import FeedOptions
from marketdata.publishing.runner import FeedRunner
from marketdata.tests.feed_runs import new_source, published, replay, running
from marketdata.tests.stream_servers import wait_until
from marketdata.tests.tick_csv import row, write_ticks
from quantsite.common.errors import RuleError
from quantsite.common.times import SHANGHAI, ns_to_utc, utc_to_ns

pytestmark = pytest.mark.django_db(transaction=True)

TWO_DAYS = (
    row("08:59:00", 3990, 7),
    row("09:00:00.500", 4000, 10),
    row("11:29:59", 4005, 12),
    row("13:30:01", 3998, 20),
    row("14:59:59.500", 4010, 25),
    row("21:00:00.500", 4020, 3, day="20240103"),
    row("21:01:00", 4021, 9, day="20240103"),
)


def moment(text: str) -> int:
    """A Shanghai wall time as ns UTC."""
    return utc_to_ns(datetime.fromisoformat(text).replace(tzinfo=SHANGHAI))


@pytest.mark.real_data
def test_a_recorded_day_comes_out_as_it_stands_in_the_file(shared_data: Path) -> None:
    path = shared_data / "ticks" / "CZCE.AP010_tick_20200803.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    source = new_source()
    found = replay(source, FeedOptions((path,), speed=0))

    assert len(found.ticks) == len(rows) == 12_515
    for number, (record, tick) in enumerate(zip(rows, found.ticks, strict=True), 1):
        assert (tick.instrument, tick.seq) == ("AP010.CZCE", number)
        local = ns_to_utc(tick.time).astimezone(SHANGHAI)
        assert local.strftime("%Y%m%d %H:%M:%S") == f"{record['ActionDay']} {record['UpdateTime']}"
        assert (tick.last, tick.volume) == (float(record["LastPrice"]), int(record["Volume"]))
        assert tick.turnover == pytest.approx(10 * float(record["Turnover"]))  # CZCE's carries no multiplier
        bid = record["BidPrice1"]
        assert isnan(tick.bid_price) if bid in ("N/A", "0.00") else tick.bid_price == float(bid)

    state = FeedState.objects.get(source=source)
    assert (state.status, state.ticks, state.instruments, state.speed) == ("finished", 12_515, 1, 0.0)
    assert state.bars == len([bar for bar in found.bars if isinstance(bar, BarMessage)])
    assert state.stream_id == stream.newest_id(source)
    assert not InstrumentFeed.objects.filter(source=source).exists()  # given up


def test_files_are_merged_by_time_and_numbered_the_same_each_time(tmp_path: Path) -> None:
    first = write_ticks(tmp_path / "1.csv", *TWO_DAYS[:5])
    second = write_ticks(tmp_path / "2.csv", *TWO_DAYS[5:])
    other = write_ticks(tmp_path / "3.csv", *(line.replace("rb2405", "hc2405") for line in TWO_DAYS[1:]))
    source = new_source()
    found = replay(source, FeedOptions((second, other, first), speed=0))
    assert [tick.time for tick in found.ticks] == sorted(tick.time for tick in found.ticks)
    for code, seqs in (("rb2405.SHFE", [1, 2, 3, 4, 5, 1, 2]), ("hc2405.SHFE", [1, 2, 3, 4, 1, 2])):
        assert [tick.seq for tick in found.ticks if tick.instrument == code] == seqs
    assert all(later.now >= earlier.now for earlier, later in pairwise(found.clocks))

    again = replay(source, FeedOptions((second, other, first), speed=0))
    assert list(map(encode, again.ticks)) == list(map(encode, found.ticks))
    assert FeedState.objects.get(source=source).epoch == 2


def test_speed_changes_nothing_but_the_time_it_takes(tmp_path: Path) -> None:
    path = write_ticks(tmp_path / "two.csv", *TWO_DAYS)
    fast = replay(new_source(), FeedOptions((path,), speed=0))
    slow = replay(new_source(), FeedOptions((path,), speed=20_000))
    evening = [moment(f"2024-01-02 {clock}") for clock in ("15:30:00", "20:30:00")]
    assert not [clock for clock in slow.clocks if evening[0] < clock.now < evening[1]]  # a second of the wall else
    assert list(map(encode, slow.ticks)) == list(map(encode, fast.ticks))
    assert list(map(encode, slow.bars)) == list(map(encode, fast.bars))
    contract = contract_of(find_instrument("rb2405.SHFE"))
    assert {repr(bar) for bar in build_bars(fast.ticks, contract, ["1m"])} <= {repr(bar) for bar in fast.bars}


def test_the_clock_runs_at_its_speed_and_jumps_over_closed_hours(tmp_path: Path) -> None:
    rows = (row("11:29:50", 4000, 10), row("13:30:05", 3998, 20))
    found = replay(new_source(), FeedOptions((write_ticks(tmp_path / "noon.csv", *rows),), speed=20))
    told = [clock.now for clock in found.clocks]
    assert 0 <= told[0] - moment("2024-01-02 11:29:50") < 10**9
    noon = [now for now in told if moment("2024-01-02 11:31:00") < now < moment("2024-01-02 13:29:50")]
    assert noon == []
    before = [now for now in told if now < moment("2024-01-02 11:31:00")]
    assert 4 <= len(before) <= 12  # 25 s of the market at 20 times, four a second
    assert {clock.speed for clock in found.clocks[:-1]} == {20.0}
    assert found.clocks[-1].speed == 0.0
    assert {clock.trading_day for clock in found.clocks} == {19_724}


def test_a_start_in_the_middle_keeps_the_numbers_and_flags_the_first_bar(tmp_path: Path) -> None:
    path = write_ticks(tmp_path / "two.csv", *TWO_DAYS)
    found = replay(new_source(), FeedOptions((path,), speed=0, start="13:00"))
    assert [tick.seq for tick in found.ticks] == [4, 5, 1, 2]
    night = replay(new_source(), FeedOptions((path,), speed=0, start="2024-01-02 21:00:30"))
    assert [tick.seq for tick in night.ticks] == [2]

    rows = [row(f"10:00:{second:02d}", 4000 + second, 100 + second) for second in (5, 20, 40)]
    found = replay(new_source(), FeedOptions((write_ticks(tmp_path / "one.csv", *rows),), speed=0, start="10:00:10"))
    bars = [bar for bar in found.bars if isinstance(bar, BarMessage) and bar.interval == "1m"]
    assert [(bar.volume, bar.partial) for bar in bars] == [(20, True)]  # without what came before


def test_a_loop_begins_again_with_the_same_numbers_until_it_is_stopped(tmp_path: Path) -> None:
    source, path = new_source(), write_ticks(tmp_path / "two.csv", *TWO_DAYS)
    with running(source, "replay", FeedOptions((path,), speed=100_000, loop=True)) as feed:
        wait_until(lambda: len(published(source).ticks) > 2 * len(TWO_DAYS), "the third time begins")
    assert feed.ended == ["stopped"]
    assert FeedState.objects.get(source=source).status == "stopped"
    seqs = [tick.seq for tick in published(source).ticks]
    assert seqs[:14] == [1, 2, 3, 4, 5, 1, 2] * 2


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (FeedOptions(), "no_files"),
        (FeedOptions((Path("x.csv"),), speed=-1), "invalid_speed"),
        (FeedOptions((Path("x.csv"),), speed=float("nan")), "invalid_speed"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: FeedOptions, code: str) -> None:
    with pytest.raises(RuleError) as refused:
        FeedRunner("anything", "replay", options)
    assert refused.value.code == code


def test_a_file_that_is_none_is_refused_and_the_lease_given_back(tmp_path: Path) -> None:
    source = new_source()
    bad = write_ticks(tmp_path / "bad.csv", *TWO_DAYS, row("09:xx:00", 1, 1))
    for path, start, code in (
        (tmp_path / "none.csv", "", "unreadable_file"),
        (bad, "", "invalid_rows"),
        (write_ticks(tmp_path / "good.csv", *TWO_DAYS), "noon", "invalid_start"),
        (write_ticks(tmp_path / "empty.csv"), "", "empty_file"),
        (write_ticks(tmp_path / "nowhere.csv", row("09:00:00", 1, 1, symbol="xy2405", exchange="")), "", "no_exchange"),
    ):
        with pytest.raises(RuleError) as refused:
            replay(source, FeedOptions((path,), start=start))
        assert refused.value.code == code, path
    assert replay(source, FeedOptions((tmp_path / "good.csv",), speed=0)).ticks
