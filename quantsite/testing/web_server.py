"""The whole platform (pages, API, sockets) served by uvicorn on a free port, for browser and socket tests."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from quantsite.web.direct import DirectProtocol
from quantsite.web.server import Server

START_SECONDS = 60


@contextmanager
def served(application: Any) -> Iterator[str]:
    """Serve an ASGI application in a thread; yields its origin, such as ``http://127.0.0.1:40123``."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(application, log_config=None, access_log=False, lifespan="off", ws=DirectProtocol)
        server = Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            _wait(server, thread)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=START_SECONDS)


def _wait(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the platform did not start serving; see the log above")
        time.sleep(0.02)
