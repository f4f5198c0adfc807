"""One Redis for one test run: on a free port of the loopback address, keeping nothing on disk."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from quantsite.testing.binaries import Road, redis_program
from quantsite.web.ports import free_port

START_SECONDS = 60
TRIES = 5  # the port found free may be taken by somebody before the server binds it
DATABASES = 64  # one for each test worker


@contextmanager
def private_redis(folder: Path, road: Road = "any") -> Iterator[str]:
    """Run a server whose files are all in ``folder`` (made here); yields its ``REDIS_URL``.

    Raises ``RuntimeError`` with the end of the server's log where it does not start.
    """
    folder.mkdir(mode=0o700)
    program = redis_program(road)
    with (folder / "log").open("wb") as log:
        server, port = _start(program, folder, log.fileno())
        try:
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            _stop(server)


def _start(program: Path, folder: Path, log: int) -> "tuple[subprocess.Popen[bytes], int]":
    for _ in range(TRIES):
        port = free_port()
        arguments = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        arguments += ["--dir", str(folder), "--databases", str(DATABASES), "--daemonize", "no"]
        server = subprocess.Popen([program, *arguments], stdout=log, stderr=log, cwd=folder)
        try:
            answers = _answers(server, port)
        except BaseException:
            _stop(server)
            raise
        if answers:
            return server, port
        _stop(server)
    raise RuntimeError(f"Redis did not start: {(folder / 'log').read_text(errors='replace')[-2000:]}")


def _answers(server: "subprocess.Popen[bytes]", port: int) -> bool:
    """Whether our own server (not another one on that port) says that it is ready, within the time given."""
    deadline = time.monotonic() + START_SECONDS
    with redis.Redis(host="127.0.0.1", port=port) as client:
        while server.poll() is None and time.monotonic() < deadline:
            try:
                info = client.info("server")
            except redis.RedisError:
                time.sleep(0.02)
                continue
            return int(info["process_id"]) == server.pid
    return False


def _stop(server: "subprocess.Popen[bytes]") -> None:
    server.terminate()
    try:
        server.wait(timeout=5)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
