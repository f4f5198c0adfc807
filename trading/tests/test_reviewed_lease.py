"""A gateway that begins while short deeds hold its account."""

import threading
import time

import pytest
from django.db import connection

from accounts.leases import take, take_over

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.embedded]

NAME = "gateway:busy"


def test_who_comes_to_stay_waits_for_deeds_that_take_turns() -> None:
    first = take(NAME, "a deed", 1.0)
    second: list[int] = []

    def next_deed() -> None:
        time.sleep(0.3)
        first.release()
        held = take(NAME, "another deed", 1.5)  # ends later than the first one's would
        second.append(held.epoch)
        connection.close()

    deeds = threading.Thread(target=next_deed)
    deeds.start()
    try:
        gateway = take_over(NAME, "gateway")
    finally:
        deeds.join()
    assert gateway.epoch > max([first.epoch, *second])
