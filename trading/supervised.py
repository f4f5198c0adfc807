"""What a supervisor and the processes that it keeps know of each other: their figures, and that it is still there."""

import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from urllib.error import URLError
from urllib.request import urlopen

import structlog
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 2.0
OWN = "quantsite_"
"""Figures of the platform are told on; those of the interpreter are each process's own affair."""
Ports = Callable[[], Iterable[tuple[str, int]]]


class Figures(Collector):
    """The figures of the processes of several accounts as one page: each sample names its ``account``."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def collect(self) -> Iterator[Metric]:
        """Families of all that answer; who does not is left out, and told in the log."""
        joined: dict[str, Metric] = {}
        for account, port in self._ports():
            for family in _asked(account, port):
                kept = joined.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                for sample in family.samples:
                    labels = {"account": account, **sample.labels}
                    kept.samples.append(sample._replace(labels=labels))
        yield from joined.values()


def _asked(account: str, port: int) -> list[Metric]:
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_SECONDS) as page:
            families = list(text_string_to_metric_families(page.read().decode()))
    except (URLError, OSError, ValueError) as error:
        log.warning("figures of a gateway are missing", account=account, reason=str(error))
        return []
    return [family for family in families if family.name.startswith(OWN)]


def end_with_supervisor(stop: threading.Event) -> threading.Thread:
    """Set ``stop`` when whoever started us is gone: our standard input, a pipe that it holds, is at its end then."""

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        log.warning("the supervisor is gone")
        stop.set()

    thread = threading.Thread(target=watch, name="supervisor", daemon=True)
    thread.start()
    return thread
