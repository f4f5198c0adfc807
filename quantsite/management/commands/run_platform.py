"""``manage.py run_platform``: pages, API and sockets in one process."""

import gc
import signal
import socket
from argparse import ArgumentParser
from ipaddress import ip_address
from typing import Any, NoReturn

import structlog
import uvicorn
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from quantsite import live_parts
from quantsite.background import Background
from quantsite.common.pauses import keep_pauses_short
from quantsite.web.assets import collected, note_collected
from quantsite.web.direct import DirectProtocol
from quantsite.web.health import unapplied
from quantsite.web.server import Server

log = structlog.get_logger(__name__)

GRACE_SECONDS = 20
MAX_SOCKET_MESSAGE = 64 * 1024
PING_TIMEOUT_SECONDS = 90.0
"""A client whose network is gone for a minute keeps its sockets; the market hub cuts what takes nothing for longer."""


class Command(BaseCommand):
    """Serves until SIGTERM or Ctrl-C, then finishes what it has begun."""

    help = "Serve pages, API and sockets; the worker is a second process: celery -A quantsite.celery worker -B"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The command's options."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (8000); 0 for any free one")
        parser.add_argument(
            "--static-ready", action="store_true", help="static files are collected already: an image brings its own"
        )
        live = parser.add_argument_group("live market data in this process (embedded size; processes elsewhere)")
        live.add_argument("--feed", choices=live_parts.FEEDS, default=settings.FEED, help=f"({settings.FEED})")
        live.add_argument("--replay", nargs="+", default=(), metavar="FILE", help="what --feed replay plays")
        live.add_argument("--speed", type=float, default=1.0, help="of a replay (1)")
        live.add_argument("--loop", action="store_true", help="play the replay again and again")

    def handle(self, **options: Any) -> None:
        """Check what must be there, prepare static files, serve."""
        refuse_old_tables()
        parts = live_parts.parts(options)
        if not options["static_ready"]:
            prepare_static_files()
        listener = listen(options["host"], options["port"])
        host, port = listener.getsockname()[:2]
        advise(options["host"])
        shown = f"[{host}]" if ":" in host else host
        self.stdout.write(f"serving http://{shown}:{port}/")
        config = configuration()
        load(config)
        background = Background(parts)
        signal.signal(signal.SIGTERM, _as_interrupt)
        background.start()
        try:
            Server(config).run(sockets=[listener])
        except KeyboardInterrupt:  # uvicorn has shut down in good order and passes the signal on
            self.stdout.write("stopped")
        finally:
            background.stop()


def _as_interrupt(*_signal: object) -> NoReturn:
    """Else SIGTERM ends the process before the parts beside the pages have: gateways would tell nobody their end."""
    raise KeyboardInterrupt


def advise(host: str) -> None:
    """Tell the log what an operator would otherwise find out from a page that does not work."""
    if not is_loopback(host):
        log.warning(
            "listening beyond this machine",
            host=host,
            advice="put nginx with TLS in front (deploy/) and set QUANTSITE_ALLOWED_HOSTS",
        )
    elif settings.HTTPS:
        log.info(
            "cookies go over https only",
            advice="log in to the console through the proxy with TLS, or set QUANTSITE_HTTPS=0 on a test machine",
        )


def configuration() -> uvicorn.Config:
    """How we serve: our own logs, no lifespan, and no trust in anybody's forwarding headers."""
    return uvicorn.Config(
        settings.ASGI_APPLICATION.replace(".application", ":application"),
        log_config=None,
        access_log=False,
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        ws=DirectProtocol,
        ws_max_size=MAX_SOCKET_MESSAGE,
        ws_ping_timeout=PING_TIMEOUT_SECONDS,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def load(config: uvicorn.Config) -> None:
    """Load the application, keep its pauses short, and spare the garbage collector looking through it.

    A full collection stops every socket: with the application's objects in it 100 ms, without them what the
    connections weigh, some 180 objects each. A thousand that come at once would set off two or three of 50 to 200 ms;
    as the thresholds are, one comes with 4,000 connections, which bounds what their ends leave to be collected to some
    100 MB.
    """
    config.load()
    gc.collect()
    gc.freeze()
    keep_pauses_short()  # the sockets' thread waits for those that compute or ask the database


def refuse_old_tables() -> None:
    """Raise ``CommandError`` where the database lacks migrations: serving on old tables loses data."""
    missing = unapplied()
    if missing:
        raise CommandError(
            f"The database lacks {len(missing)} migrations (first: {missing[0]}): run manage.py migrate first"
        )


def prepare_static_files() -> None:
    """Collect, hash and compress static files where the sources changed since the last time."""
    if collected():
        return
    log.info("collecting static files", folder=str(settings.STATIC_ROOT))
    call_command("collectstatic", interactive=False, verbosity=0)
    note_collected()


def listen(host: str, port: int) -> socket.socket:
    """A bound socket. Raises ``CommandError`` where the address is in use or not ours."""
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise CommandError(f"Cannot listen on {host}:{port} ({error.strerror}): choose another --port") from error
    return listener


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches ``host``; of names only ``localhost`` is known to be so."""
    return host == "localhost" or _is_loopback_address(host)


def _is_loopback_address(host: str) -> bool:
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False
