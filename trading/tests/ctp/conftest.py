"""The desk of the cases: an account at the fake front of a broker, ready to trade."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from quantsite.testing.ctp.front import Front
from trading.tests.ctp.broker_bench import TODAY, BrokerBench, broker_bench


@pytest.fixture
def desk(ctp_front: Callable[..., Front], tmp_path: Path) -> Iterator[BrokerBench]:
    """An account of a million at a broker, live, at a market of 4000."""
    with broker_bench(ctp_front(TODAY), tmp_path) as made:
        yield made
