"""The private servers of tests: both roads start, and nothing is left whatever way the owner ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from quantsite.testing.binaries import Road, ServerNotFoundError, postgres_folder, redis_program
from quantsite.testing.patience import SOON
from quantsite.testing.servers import ROOT, Servers, start

OWNER = """
import signal, time
from quantsite.testing.servers import start
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs in a shell's background is born deaf to it
servers = start()
print(servers.guardian.pid, servers.folder, flush=True)
time.sleep(600)
"""

pytestmark = pytest.mark.servers


@pytest.fixture(params=["wheels", "any"])
def servers(request: pytest.FixtureRequest) -> Iterator[Servers]:
    road: Road = request.param
    started = start(road=road)
    yield started
    started.stop()


def test_postgres_is_set_as_the_platform_needs_it(servers: Servers) -> None:
    with psycopg.connect(servers.urls["DATABASE_URL"]) as connection:
        rows = connection.execute(
            "SELECT name, setting FROM pg_settings WHERE name IN"
            " ('TimeZone', 'fsync', 'server_encoding', 'listen_addresses', 'unix_socket_permissions')"
        ).fetchall()
        collation = connection.execute(
            "SELECT datcollate FROM pg_database WHERE datname = current_database()"
        ).fetchone()

    assert dict(rows) == {
        "TimeZone": "UTC",
        "fsync": "off",
        "server_encoding": "UTF8",
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
    }
    assert collation == ("C",)


def test_redis_answers_on_loopback_only(servers: Servers) -> None:
    with redis.Redis.from_url(servers.urls["REDIS_URL"], decode_responses=True) as client:
        assert client.ping()
        assert client.config_get("bind")["bind"] == "127.0.0.1"
        assert client.config_get("save")["save"] == ""


def test_nothing_is_left_after_stop(servers: Servers) -> None:
    base = servers.folder.parent
    assert str(base) in servers.urls["DATABASE_URL"]
    (servers.folder / "written by the owner").touch()

    servers.stop()

    assert not base.exists()
    assert running_below(base) == []
    with pytest.raises(redis.ConnectionError):
        redis.Redis.from_url(servers.urls["REDIS_URL"]).ping()


@pytest.mark.parametrize("word", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_after_the_owner_was_ended(word: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER], cwd=ROOT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        guardian, _, address = owner.stdout.readline().strip().partition(" ")
        folder = Path(address).parent
        assert len(running_below(folder)) >= 2
        owner.send_signal(word)
        owner.wait(SOON)
    wait_until_gone(int(guardian))

    assert not folder.exists()
    assert running_below(folder) == []


@pytest.mark.parametrize("names", [(), ("REDIS_URL",)])
def test_only_what_is_asked_for_is_started(names: tuple[str, ...]) -> None:
    started = start(names)
    try:
        assert set(started.urls) == set(names)
        assert started.folder.stat().st_mode & 0o777 == 0o700
    finally:
        started.stop()


def test_wheels_are_found_where_nothing_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")

    assert "site-packages" in str(postgres_folder("wheels"))
    assert "site-packages" in str(redis_program())
    with pytest.raises(ServerNotFoundError, match="redis-server"):
        redis_program("installed")


def running_below(folder: Path) -> list[str]:
    """Processes that work in ``folder`` or below; [] where the system has no /proc."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cwd"):
        try:
            working = path.readlink()
        except OSError:  # it ended while we looked, or is none of ours
            continue
        if working.is_relative_to(folder):
            found.append(f"{path.parent.name} in {working}")
    return found


def wait_until_gone(pid: int, seconds: float = SOON) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{pid}/stat").exists() and ") Z " in Path(f"/proc/{pid}/stat").read_text():
            return
        time.sleep(0.05)
    raise AssertionError(f"process {pid} still runs")
