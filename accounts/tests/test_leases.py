"""One holder at a time, by the database's clock: taking, renewing, losing, giving back, and two who race."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.db.models.functions import Now

from accounts import leases
from accounts.leases import Held, LeaseKeeper, LeaseLostError, take, take_over
from accounts.models import Lease
from quantsite.common.errors import ConflictError
from quantsite.testing.patience import SOON

pytestmark = [pytest.mark.embedded, pytest.mark.django_db(transaction=True)]

RACE = """
import django, sys; django.setup()
from django.conf import settings
from accounts.leases import take
from quantsite.common.errors import ConflictError
sys.stdin.readline()
for number in range(30):
    try:
        take(f"race:{number}", sys.argv[1], 60)
        print(number)
    except ConflictError:
        pass
"""


def run_out(name: str) -> None:
    """Make the lease end now, however long it was taken for."""
    assert Lease.objects.filter(name=name).update(expires_at=Now())


def ends(name: str) -> datetime:
    """When the lease ends unless renewed."""
    at = Lease.objects.get(name=name).expires_at
    assert at is not None
    return at


def wait_until(condition: Callable[[], bool]) -> None:
    """Until it is so."""
    deadline = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_lease_has_one_holder_and_the_next_one_a_higher_epoch() -> None:
    held = take("feed:a", "here:1", 60)
    assert (held.epoch, held.holder) == (1, "here:1")
    with pytest.raises(ConflictError, match=r"feed:a is held by here:1 until \d\d:") as refused:
        take("feed:a", "there:2")
    assert refused.value.code == "lease_taken"
    assert take("feed:b", "there:2").epoch == 1

    assert held.release()
    after = take("feed:a", "there:2")
    assert after.epoch == 2
    assert not held.release()  # must not end the lease of the next one
    with pytest.raises(LeaseLostError):
        held.renew()
    after.renew()
    assert Lease.objects.get(name="feed:a").holder == "there:2"


def test_an_epoch_rises_above_what_a_stream_has_seen() -> None:
    assert take("feed:a", "here", above=41).epoch == 42


def test_a_lease_ends_by_itself_and_its_holder_is_told_by_renewing() -> None:
    held = take("feed:a", "here", 60)
    run_out("feed:a")
    held.renew()  # nobody took it: it is still ours
    with pytest.raises(ConflictError):
        take("feed:a", "there")
    run_out("feed:a")
    assert take("feed:a", "there", 0.3).epoch == 2
    time.sleep(0.35)
    assert take("feed:a", "over there").epoch == 3
    with pytest.raises(LeaseLostError) as lost:
        held.renew()
    assert lost.value.code == "lease_lost"


def test_a_lease_that_was_given_back_is_not_renewed() -> None:
    held = take("feed:a", "here")
    held.release()
    with pytest.raises(LeaseLostError):
        held.renew()


def test_taking_over_waits_for_a_dead_holder_and_refuses_beside_a_living_one() -> None:
    take("feed:dead", "killed", 0.5)
    assert take_over("feed:dead", "next").epoch == 2

    keeper = LeaseKeeper(take("feed:alive", "alive", 600), lambda _reason: None).start()
    with pytest.raises(ConflictError, match="alive"):
        take_over("feed:alive", "next")  # does not wait for the end of the lease
    keeper.stop()


def test_a_keeper_renews_and_says_once_that_the_lease_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.05)
    told: list[str] = []
    held = take("feed:a", "here", 60)
    keeper = LeaseKeeper(held, told.append).start()
    for _time in range(2):
        before = ends("feed:a")
        wait_until(lambda before=before: ends("feed:a") > before)  # type: ignore[misc]
    with pytest.raises(ConflictError):
        take("feed:a", "there")
    assert keeper.valid

    Lease.objects.filter(name="feed:a").update(epoch=9)  # as if taken over by force
    wait_until(lambda: bool(told))
    assert (len(told), keeper.valid) == (1, False)
    keeper.stop()


def test_a_keeper_gives_up_before_the_end_when_the_database_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    hang = threading.Event()
    monkeypatch.setattr(Held, "renew", lambda _held: hang.wait(SOON))
    lost_at: list[float] = []
    keeper = LeaseKeeper(take("feed:a", "here", 1), lambda _reason: lost_at.append(time.monotonic()))
    until = keeper._until
    assert until <= time.monotonic() + 0.75  # a quarter of the lease before its end
    keeper.start()
    wait_until(lambda: bool(lost_at))  # while the database still hangs
    hang.set()
    keeper.stop()
    assert len(lost_at) == 1
    assert lost_at[0] >= until


def test_a_keeper_survives_a_database_that_is_away_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    real, failures = Held.renew, iter([True, True])

    def renew(held: Held) -> None:
        if next(failures, False):
            raise OperationalError("gone")
        real(held)

    monkeypatch.setattr(Held, "renew", renew)
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.05)
    keeper = LeaseKeeper(take("feed:a", "here", 60), lambda _reason: None).start()
    before = ends("feed:a")
    wait_until(lambda: ends("feed:a") > before)
    assert keeper.valid
    assert next(failures, None) is None
    keeper.stop()


@pytest.mark.servers
def test_of_two_processes_that_race_one_gets_each_lease() -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "quantsite.settings"}
    name = str(connection.settings_dict["NAME"])
    if settings.EMBEDDED:
        # The settings choose the file's folder and name; the test's own file stands beside it.
        code = RACE.replace("from accounts", f'settings.DATABASES["default"]["NAME"] = {name!r}\nfrom accounts', 1)
    else:
        code = RACE
        environment["DATABASE_URL"] = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", code, holder],
            env=environment,
            cwd=settings.BASE_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for holder in ("one", "two")
    ]
    for racer in racers:
        assert racer.stdin
        racer.stdin.write("go\n")
        racer.stdin.flush()
    won = [[int(line) for line in racer.communicate(timeout=60)[0].split()] for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0]
    assert sorted(won[0] + won[1]) == list(range(30))
    assert set(Lease.objects.filter(name__startswith="race:").values_list("epoch", flat=True)) == {1}
