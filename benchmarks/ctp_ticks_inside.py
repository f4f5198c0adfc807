"""The measurement of ``ctp_ticks.py``: this process has the front and the feed, a child of it is the reader."""

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import date
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

from benchmarks import ready  # noqa: F401  (before any model)

# isort: split
import numpy as np
from django.core.management import call_command

from benchmarks.figures import Figure, show
from benchmarks.recorded_ticks import FOLDER
from marketdata import stream
from marketdata.ctp.link import Link
from marketdata.ctp.md_session import MdSession
from marketdata.ctp.settings import SessionSettings
from marketdata.domain.ctp.login import LoginTerms
from marketdata.feeds.ctp import CtpSource
from marketdata.instruments import contract_of, ensure_instrument
from marketdata.publishing.path import TickPath
from quantsite.common.pauses import keep_switches_short
from quantsite.testing.ctp.fixtures import installed
from quantsite.testing.ctp.front import Front
from quantsite.testing.ctp.market import EMPTY, recorded

INTERVALS = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "1d")
RATES = (100, 500, 2_000)
SECONDS = 3.0
SYMBOL, FRONT = "ru1901", "tcp://127.0.0.1:17011"
FILE = "SHFE.ru1901_tick_20181009.csv.gz"


class Feed:
    """One md session and what happens to its quotes."""

    def __init__(self, name: str, flow: Path) -> None:
        contract = contract_of(ensure_instrument("ru1901.SHFE", date(2018, 10, 9)))
        self.publisher = stream.publisher(name, epoch=1)
        self.path = TickPath(name, contract.table.calendar, self.publisher.send, intervals=INTERVALS)
        self.path.watch(contract, 0)
        terms = LoginTerms("9999", "bench", (FRONT,), "secret")
        link = Link("md", flow, (FRONT,), lambda: None)
        self.source = CtpSource(MdSession(link, terms, settings=SessionSettings(name)), first_seq=1)
        self.source.add(contract, 0)
        self.spent: list[int] = []

    def work(self) -> None:
        """One turn, as a feed takes it: everything that was heard, out."""
        self.source.wait(0.2)
        for tick in self.source.ticks(None):
            self.path.on_tick(tick)
            self.spent.append(time.time_ns() - tick.received)


def quotes(count: int) -> list[dict[str, Any]]:
    """The recording's first quotes, with all fields of a depth message."""
    path = FOLDER / FILE
    if not path.exists():
        raise SystemExit(f"the recorded ticks are not here: {FOLDER}")
    return [{**EMPTY, **message} for message in islice(recorded(path), count)]


def paced(rate: int, messages: list[dict[str, Any]], flow: Path) -> Iterator[Figure]:
    """Latency from callback to handed to the publisher, and to the frame in a reader's hands."""
    name = f"ctp_ticks.{rate}_a_second"
    front = Front("20181009")
    front.contract(SYMBOL, "SHFE", pre_settlement=12310)
    command = [sys.executable, "-m", "benchmarks.market_path_inside", "--read", name]
    with installed(front), subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        answers = cast(IO[str], reader.stdout)
        answers.readline()  # it follows the stream now
        feed = Feed(name, flow)
        while not any(peer.symbols for peer in front.peers.values()):
            feed.work()
        feed.spent.clear()
        count = int(rate * SECONDS)
        player = threading.Thread(target=front.play, args=(messages, rate, count))
        player.start()
        while player.is_alive() or len(feed.spent) < count:
            feed.work()
        feed.publisher.flush(10)
        feed.publisher.close()
        feed.source.close()
        latencies = np.array(answers.read().split(), dtype=np.float64) * 1e3
    yield Figure(f"{name}.lost", count - len(latencies), "ticks")
    for what, values in (("handed_over", np.array(feed.spent) / 1e3), ("read", latencies)):
        for part in (50, 99, 100):
            label = f"p{part}" if part < 100 else "worst"
            yield Figure(f"{name}.{what}.{label}", float(np.percentile(values, part)), "us")


def figures() -> Iterator[Figure]:
    """Each rate on a feed of its own."""
    call_command("migrate", verbosity=0)
    messages = quotes(int(max(RATES) * SECONDS))
    for rate in RATES:
        with tempfile.TemporaryDirectory(prefix="quantsite-ctp-") as flow:
            yield from paced(rate, messages, Path(flow))


if __name__ == "__main__":
    keep_switches_short()  # as run_feed does
    show(figures())
