"""A front with an account, and sessions that are ended after the test."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from marketdata.tests.ctp.played import Owner, Reader, Trader, opened
from quantsite.testing.ctp.books import Investor
from quantsite.testing.ctp.front import Front


@pytest.fixture
def front(ctp_front: Callable[..., Front]) -> Front:
    """One front; ``me`` has the account there."""
    return ctp_front()


@pytest.fixture
def me(front: Front) -> Investor:
    return opened(front)


@pytest.fixture
def trader(me: Investor, tmp_path: Path) -> Iterator[Callable[..., Trader]]:
    """``trader(...)``: a trading session of ``me``, not started yet."""
    made: list[Owner] = []

    def make(**terms: Any) -> Trader:
        made.append(Trader(terms.pop("me", me), tmp_path / f"td-{len(made)}", **terms))
        return made[-1]  # type: ignore[return-value]

    yield make
    for owner in made:
        owner.session.close()


@pytest.fixture
def reader(front: Front, tmp_path: Path) -> Iterator[Callable[..., Reader]]:
    """``reader(...)``: a session for quotes, not started yet."""
    made: list[Reader] = []

    def make(**terms: Any) -> Reader:
        made.append(Reader(tmp_path / f"md-{len(made)}", **terms))
        return made[-1]

    yield make
    for owner in made:
        owner.session.close()
