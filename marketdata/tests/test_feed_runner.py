"""Who may publish what: one feed a source, one source an instrument, what is wanted and nothing else."""

import threading
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone

from accounts import leases
from accounts.leases import LeaseLostError, take
from accounts.models import Alarm, AuditEntry, Lease, User
from marketdata import heartbeat, stream
from marketdata.domain.ticks import Tick
from marketdata.instruments import ensure_instrument
from marketdata.live_models import FeedState, InstrumentFeed, Subscription
from marketdata.models import Instrument
from marketdata.publishing import books as feed_books
from marketdata.publishing.alarms import FEED_REFUSED
from marketdata.publishing.claims import claim, give_up
from marketdata.publishing.kinds import FeedOptions
from marketdata.publishing.runner import FeedRunner
from marketdata.services import subscribe_symbol, unsubscribe_symbol
from marketdata.tests.feed_runs import new_source, published, replay, running
from marketdata.tests.stream_servers import wait_until
from marketdata.tests.tick_csv import SOUND, row, write_ticks
from quantsite.common.errors import ConflictError, MissingError, RefusedError, RuleError
from quantsite.common.times import ns_to_utc
from quantsite.testing.patience import SOON

pytestmark = [pytest.mark.embedded, pytest.mark.django_db(transaction=True)]

DEMO = "simrb88.SIM"


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are written and leases renewed more often than in earnest: a test waits for both."""
    monkeypatch.setattr(feed_books, "EVERY_SECONDS", 0.1)
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.1)


def state_of(source: str) -> FeedState:
    """What the feed tells."""
    return FeedState.objects.get(source=source)


def runs(source: str) -> bool:
    """Whether the feed has published a tick."""
    return FeedState.objects.filter(source=source, status="running", ticks__gt=0).exists()


def of_demo(ticks: list[Tick]) -> list[Tick]:
    """Those of the instrument that a generator publishes by itself."""
    return [tick for tick in ticks if tick.instrument == DEMO]


def test_a_generator_publishes_two_ticks_a_second_and_says_that_its_clock_is_ahead() -> None:
    source = new_source()
    with running(source, "generator") as feed:
        wait_until(lambda: runs(source), "ticks come")
        assert InstrumentFeed.objects.get(source=source).instrument.code == DEMO
        assert heartbeat.path_of("feed").exists()
        before = timezone.now()
        began, ticks = time.monotonic(), len(published(source).ticks)
        wait_until(lambda: len(published(source).ticks) >= ticks + 4, "two seconds of ticks")
        grown = len(published(source).ticks) - ticks
        assert grown < 2 * (time.monotonic() - began) + 3, "not faster than time"
    assert feed.ended == ["stopped"]
    state = state_of(source)
    assert (state.status, state.epoch, state.kind) == ("stopped", 1, "generator")
    assert state.market_time
    ahead = (state.market_time - timezone.now()).total_seconds()
    assert abs(ahead - state.counters.get("ahead_of_wall_seconds", 0)) < 70
    assert state.last_tick_at
    assert state.last_tick_at >= before
    assert not InstrumentFeed.objects.filter(source=source).exists()
    assert Lease.objects.get(name=f"feed:{source}").expires_at is None
    assert not heartbeat.path_of("feed").exists()

    told = published(source)
    assert [tick.seq for tick in told.ticks] == [(1 << 32) + number for number in range(len(told.ticks))]
    assert [tick.flags for tick in told.ticks] == [0] * len(told.ticks)
    clocks = [clock.now for clock in told.clocks if clock.now > told.ticks[0].time]
    assert len(clocks) / ((clocks[-1] - clocks[0]) / 1e9) == pytest.approx(4, abs=1)  # four a second
    assert told.clocks[-1].speed == 0.0


def test_a_generator_goes_on_where_it_stopped() -> None:
    source = new_source()
    ahead = timezone.now() + timedelta(days=2)
    FeedState.objects.create(source=source, kind="generator", status="stopped", market_time=ahead)
    with running(source, "generator"):
        wait_until(lambda: runs(source), "ticks come")
    assert min(ns_to_utc(tick.time) for tick in published(source).ticks) >= ahead - timedelta(seconds=1)


def test_what_is_subscribed_is_published_and_what_nobody_wants_is_not(ada: User) -> None:
    source, wanted = new_source(), ensure_instrument("simrb2705.SIM", date(2026, 11, 2))
    with running(source, "generator"):
        wait_until(lambda: runs(source), "the feed runs")
        subscribe_symbol(ada, wanted)
        wait_until(lambda: wanted.code in {t.instrument for t in published(source).ticks}, "the new one comes")
        assert set(InstrumentFeed.objects.filter(source=source).values_list("instrument__code", flat=True)) == {
            DEMO,
            wanted.code,
        }
        unsubscribe_symbol(ada, wanted)
        wait_until(lambda: not InstrumentFeed.objects.filter(instrument=wanted).exists(), "it is given up")
        given_up = stream.newest_id(source)
        wait_until(lambda: len(of_demo(published(source, given_up).ticks)) >= 2, "what was under way has come")
        after = stream.newest_id(source)
        wait_until(lambda: len(published(source, after).ticks) >= 2, "the other one goes on")
        assert {tick.instrument for tick in published(source, after).ticks} == {DEMO}


def test_a_second_feed_of_a_source_is_refused(tmp_path: Path) -> None:
    source = new_source()
    with running(source, "generator"):
        wait_until(lambda: runs(source), "the first runs")
        with pytest.raises(ConflictError, match=f"feed:{source} is held by") as refused:
            FeedRunner(source, "generator").run(threading.Event())
        assert refused.value.code == "lease_taken"
        with pytest.raises(CommandError, match=f"feed:{source} is held by"):
            call_command("run_feed", "generator", "--name", source)
        ticks = state_of(source).ticks
        wait_until(lambda: state_of(source).ticks > ticks, "the first one was not disturbed")
    assert state_of(source).epoch == 1


def test_an_instrument_of_another_living_source_is_refused_counted_and_alarmed(tmp_path: Path) -> None:
    path = write_ticks(tmp_path / "two.csv", *SOUND, row("09:00:01", 3000, 5, symbol="hc2405"))
    rb = ensure_instrument("rb2405.SHFE", date(2024, 1, 2))
    owner, source = new_source(), new_source()
    held = take(f"feed:{owner}", "elsewhere", 60)
    claim(owner, held, [rb.pk])

    found = replay(source, FeedOptions((path,), speed=0))
    assert {tick.instrument for tick in found.ticks} == {"hc2405.SHFE"}
    assert state_of(source).counters["refused"] == len(SOUND)
    assert InstrumentFeed.objects.get(instrument=rb).source == owner
    alarm = Alarm.objects.get(code=FEED_REFUSED)
    assert alarm.cleared_at  # the replay is over
    assert alarm.shown_text == f"The feed {source} does not publish rb2405.SHFE: {owner} does."

    held.release()  # the other source lives no more
    found = replay(source, FeedOptions((path,), speed=0))
    assert {tick.instrument for tick in found.ticks} == {"hc2405.SHFE", "rb2405.SHFE"}
    assert not Alarm.objects.open().filter(code=FEED_REFUSED).exists()


def test_claims_go_to_the_first_who_lives() -> None:
    one, two = (ensure_instrument(code, date(2024, 1, 2)).pk for code in ("rb2405.SHFE", "hc2405.SHFE"))
    first, second = take("feed:first", "here", 60, above=5), take("feed:second", "there", 60)
    assert claim("first", first, [one]).granted == {one}
    answer = claim("second", second, [one, two])
    assert answer.granted == {two}
    assert answer.refused == {one: "first"}
    assert claim("first", first, [one]).granted == {one}  # asking again changes nothing
    give_up("second", first, [two])  # not the holder's epoch and source
    assert InstrumentFeed.objects.filter(instrument=two, source="second").exists()
    Lease.objects.filter(name="feed:first").update(epoch=19)  # its process was shut out
    assert claim("second", second, [one]).granted == {one}


def test_a_feed_that_lost_its_lease_stops_and_writes_nothing_more() -> None:
    source = new_source()
    with running(source, "generator") as feed:
        wait_until(lambda: runs(source), "it runs")
        Lease.objects.filter(name=f"feed:{source}").update(epoch=7)
        FeedState.objects.filter(source=source).update(epoch=7, status="theirs")
        feed.thread.join(SOON)
        assert not feed.thread.is_alive()
    assert isinstance(feed.ended[0], LeaseLostError)
    assert state_of(source).status == "theirs"


def test_a_database_that_is_away_at_the_end_does_not_hide_why_it_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_held: leases.Held) -> bool:
        raise OperationalError("the connection is closed")

    source = new_source()
    with running(source, "generator") as feed:
        wait_until(lambda: runs(source), "it runs")
        monkeypatch.setattr(leases.Held, "release", away)
        Lease.objects.filter(name=f"feed:{source}").update(epoch=7)
        feed.thread.join(SOON)
        assert not feed.thread.is_alive()
    assert isinstance(feed.ended[0], LeaseLostError)


def test_an_instrument_that_changes_its_source_gets_no_number_twice() -> None:
    numbers: list[int] = []
    for _source in range(2):
        source = new_source()
        with running(source, "generator"):
            wait_until(lambda source=source: len(published(source).ticks) > 1, "it publishes")  # type: ignore[misc]
        numbers += [tick.seq for tick in published(source).ticks]
    assert len(set(numbers)) == len(numbers)


def test_a_feed_whose_stream_was_taken_stops() -> None:
    source = new_source()
    with running(source, "generator") as feed:
        wait_until(lambda: runs(source), "it runs")
        newer = stream.publisher(source, 50)
        newer.send(b"\x90")
        assert newer.flush(SOON)
        feed.thread.join(SOON)
        assert not feed.thread.is_alive()
    assert isinstance(feed.ended[0], LeaseLostError)
    newer.close()
    with running(source, "generator"):
        wait_until(lambda: state_of(source).epoch == 51, "the next one counts above what the stream has seen")


@pytest.mark.parametrize(
    ("kind", "options", "code"),
    [
        ("ctpx", FeedOptions(), "unknown_kind"),
        ("ctp", FeedOptions(), "no_feed_login"),
        ("generator", FeedOptions((Path("x"),)), "files_given"),
        ("generator", FeedOptions(loop=True), "files_given"),
        ("generator", FeedOptions(instruments=("rb2405.SHFE",)), "not_simulated"),
    ],
)
def test_what_a_feed_refuses(kind: str, options: FeedOptions, code: str) -> None:
    with pytest.raises(RuleError) as refused:
        FeedRunner(new_source(), kind, options).run(threading.Event())
    assert refused.value.code == code
    assert not FeedState.objects.exists()


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "two words", "x" * 33])
def test_a_source_has_a_name_that_can_be_a_folder_and_a_key(name: str) -> None:
    with pytest.raises(RuleError) as refused:
        FeedRunner(name, "generator")
    assert refused.value.code == "invalid_source"


def test_a_subscription_is_one_row_and_two_entries(ada: User, charlie: User) -> None:
    instrument = ensure_instrument(DEMO, date(2026, 11, 2))
    assert subscribe_symbol(ada, DEMO).pk == subscribe_symbol(ada, instrument).pk
    subscribe_symbol(None, DEMO, owner="strategy:12")
    owners = set(Subscription.objects.values_list("owner", flat=True))
    assert owners == {f"user:{ada.pk}", "strategy:12"}
    assert unsubscribe_symbol(ada, DEMO)
    assert not unsubscribe_symbol(ada, DEMO)
    entries = AuditEntry.objects.filter(object_text=DEMO).order_by("seq")
    assert [(entry.actor_name, entry.verb) for entry in entries] == [
        ("ada", "subscription.add"),
        ("system", "subscription.add"),
        ("ada", "subscription.remove"),
    ]
    for verb in (subscribe_symbol, unsubscribe_symbol):
        with pytest.raises(RefusedError):
            verb(charlie, DEMO)
        with pytest.raises(MissingError, match="simrb87"):
            verb(ada, "simrb87.SIM")
    assert Subscription.objects.count() == 1


def test_the_command_replays(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signal.signal", lambda *_about: None)
    monkeypatch.setattr("sys.setswitchinterval", lambda _seconds: None)
    source, path = new_source(), write_ticks(tmp_path / "day.csv", *SOUND)
    call_command("run_feed", source, str(path), "--kind", "replay", "--speed", "0", "--once")
    assert "finished" in capsys.readouterr().out
    assert len(published(source).ticks) == len(SOUND)
    with pytest.raises(CommandError, match="choose one of replay, generator"):
        call_command("run_feed", "nothing")
    assert Instrument.objects.get(code="rb2405.SHFE").product.code == "rb"
