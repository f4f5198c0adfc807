"""A bell rings for what is told on its channel, until it is closed: from then on nobody is called."""

from queue import SimpleQueue

import pytest

from quantsite.testing.patience import SOON
from trading.wake import INBOX, Bell, wake_gateway

pytestmark = pytest.mark.embedded

ACCOUNT = 4_000_000
"""Of no row: nobody else rings for it."""


@pytest.fixture
def heard() -> "SimpleQueue[str]":
    """What was rung."""
    return SimpleQueue()


def ringing(heard: "SimpleQueue[str]", name: str) -> Bell:
    """A bell that puts its name for every ring; it has rung once, so that it is known to listen."""
    bell = Bell(f"{INBOX}{ACCOUNT}", lambda _text: heard.put(name)).start()
    wake_gateway(ACCOUNT)
    assert heard.get(timeout=SOON) == name
    return bell


def drain(heard: "SimpleQueue[str]") -> set[str]:
    """The names of all that has rung."""
    names = set()
    while not heard.empty():
        names.add(heard.get())
    return names


def test_a_closed_bell_calls_nobody(heard: "SimpleQueue[str]") -> None:
    ringing(heard, "closed").close()
    drain(heard)
    other = ringing(heard, "other")
    wake_gateway(ACCOUNT)
    assert heard.get(timeout=SOON) == "other"
    other.close()
    assert drain(heard) <= {"other"}


def test_a_bell_may_be_closed_by_the_one_it_calls() -> None:
    ended: SimpleQueue[str] = SimpleQueue()

    def close(text: str) -> None:
        bell.close()
        ended.put(text)

    bell = Bell(f"{INBOX}{ACCOUNT}", close)
    bell.start()
    wake_gateway(ACCOUNT)
    assert ended.get(timeout=SOON) == ""
