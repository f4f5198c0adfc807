"""A limit that is lowered by its verb is obeyed by the next order of a gateway that runs as a process of its own."""

import time
from pathlib import Path

import pytest

from quantsite.testing.patience import SOON
from trading import services
from trading.domain.risk.rules import Rule
from trading.tests.street_desk import StreetDesk, street_desk

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]

PATIENCE = SOON
"""Seconds; how long it takes is measured by ``python -m benchmarks.kill_switch``."""


def lowered(desk: StreetDesk, maximum: int) -> float:
    """Lower the limit of an order's lots; gives the seconds until an order beyond it is refused."""
    services.set_limit(None, Rule.ORDER_VOLUME, "account", "T1", maximum, reason="tighter")
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE:
        order = desk.placed("buy", "open", 3990.0, maximum + 1)
        if order.status == "rejected":
            assert (order.reason_code, f"{maximum}" in order.reason_text) == ("max_order_volume", True)
            return time.monotonic() - began
        assert order.status == "accepted"
        desk.cancelled(order)
    pytest.fail(f"a limit of {maximum} lots is not obeyed after {PATIENCE:.0f} s\n{desk.running.logs()}")


def test_a_lowered_limit_is_obeyed_without_a_restart(tmp_path: Path) -> None:
    with street_desk(tmp_path, "T1") as desk:
        for maximum in (8, 5, 3, 1):
            assert lowered(desk, maximum) < PATIENCE
            assert desk.cancelled(desk.placed("buy", "open", 3990.0, maximum)).status == "cancelled"
        assert desk.log("T1").count("gateway begins") == 1
