"""One PostgreSQL for one test run: in a folder of its own, reached by a unix socket only."""

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from quantsite.testing.binaries import Road, postgres_folder

DATABASE = "quantsite"
OPTIONS = (
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "max_connections=200",
    "timezone=UTC",
    "log_timezone=UTC",
)
HASTY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
"""A test's data need not survive a crash; a benchmark that sets :data:`DURABLE` waits for the disk as a desk does."""
DURABLE = "QUANTSITE_PRIVATE_DURABLE"
START_SECONDS = 60
STOP_SIGNALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)  # fast, immediate, none asked


@contextmanager
def private_postgres(folder: Path, road: Road = "any") -> Iterator[str]:
    """Run a server whose files are all in ``folder`` (made here); yields its ``DATABASE_URL``.

    Raises ``RuntimeError`` with the end of the server's log where it does not start.
    """
    folder.mkdir(mode=0o700)
    account = _account()
    if account:
        os.chown(folder, account["user"], account["group"])
    programs = _readable(postgres_folder(road), folder, account)
    log = (folder / "log").open("wb")
    _initialise(programs, folder, account)
    options = [word for option in (*OPTIONS, *([] if os.environ.get(DURABLE) else HASTY)) for word in ("-c", option)]
    server: subprocess.Popen[bytes] = subprocess.Popen(
        [programs / "postgres", "-D", folder / "data", "-k", folder, *options],
        stdout=log,
        stderr=log,
        cwd=folder,
        **account,
    )
    try:
        _create_database(folder, server)
        yield f"postgres://postgres@/{DATABASE}?host={quote(str(folder), safe='/')}"
    finally:
        _stop(server)
        log.close()


def _account() -> dict[str, Any]:
    """Popen's keywords for another user where we are root: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = names.get("postgres") or names["nobody"]
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _readable(programs: Path, folder: Path, account: dict[str, Any]) -> Path:
    """``programs`` if ``account`` may run them, else a copy: a home folder may be closed to other users."""
    try:
        subprocess.run([programs / "postgres", "--version"], check=True, capture_output=True, cwd=folder, **account)
    except OSError:
        copy = folder / "programs"
        shutil.copytree(programs.parent, copy, symlinks=True)
        return copy / "bin"
    return programs


def _initialise(programs: Path, folder: Path, account: dict[str, Any]) -> None:
    arguments = ["-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    done = subprocess.run(
        [programs / "initdb", *arguments], cwd=folder, capture_output=True, text=True, check=False, **account
    )
    if done.returncode:
        raise RuntimeError(f"initdb failed: {done.stderr[-2000:]}")


def _create_database(folder: Path, server: "subprocess.Popen[bytes]") -> None:
    """Wait until the server answers, then create the database that ``DATABASE_URL`` names."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with psycopg.connect(host=str(folder), user="postgres", dbname="postgres", autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {DATABASE}")
                return
        except psycopg.OperationalError as error:
            if server.poll() is not None or time.monotonic() > deadline:
                tail = (folder / "log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"PostgreSQL did not start: {tail}") from error
            time.sleep(0.05)


def _stop(server: "subprocess.Popen[bytes]") -> None:
    for word in STOP_SIGNALS:
        server.send_signal(word)
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            continue
        return
