"""The ``--metrics`` of commands that run: where Prometheus may ask the process for its counters."""

from argparse import ArgumentParser, ArgumentTypeError
from contextlib import AbstractContextManager, nullcontext
from functools import partial

from django.core.management.base import CommandError

from quantsite.web.metrics_server import MetricsServer

LAST_PORT = 65_535


def add_metrics_option(parser: ArgumentParser, port: int) -> None:
    """``--metrics HOST:PORT``, with the port that is usual there; without it nothing is served."""
    text = "where Prometheus may ask for this process's counters"
    parser.add_argument("--metrics", metavar="HOST:PORT", type=partial(_address, port), help=text)


def metrics_served(address: tuple[str, int] | None) -> AbstractContextManager[object]:
    """The page, while the block runs. Raises ``CommandError`` where nobody can listen there."""
    if address is None:
        return nullcontext()
    try:
        return MetricsServer(address)
    except OSError as error:
        raise CommandError(f"{address[0]}:{address[1]} cannot be listened to: {error}") from error


def _address(usual: int, text: str) -> tuple[str, int]:
    """``HOST:PORT``. Raises ``ArgumentTypeError``."""
    host, _colon, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > LAST_PORT:
        raise ArgumentTypeError(f"{text!r} is no address: write one as 127.0.0.1:{usual}")
    return host, int(port)
