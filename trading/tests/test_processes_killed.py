"""Processes of the desk killed by SIGKILL in the middle of an order's life, at the size that the tests run on.

On PostgreSQL and Redis the web process and the account's gateway are processes of their own; on the embedded default
both live in ``run_platform``, and a worker runs beside it. A second account is asked for the same things at the same
moments. The market is a made replay that stands still but for a trade at a lower price every second or so, so
that what becomes of an order does not depend on when it comes.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from accounts.models import User
from trading.tests.deaths import BY_FAST_ROAD, BY_GATEWAY, BY_RISK, START, Death
from trading.tests.killed_desk import KilledDesk, killed_desk

pytestmark = [pytest.mark.servers, pytest.mark.embedded, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def desk(ada: User, tmp_path: Path) -> Iterator[KilledDesk]:
    """A desk of two accounts, ready for stories."""
    with killed_desk(ada, tmp_path) as made:
        yield made


def test_killed_where_it_would_hurt(desk: KilledDesk) -> None:
    desk.tell(Death("fill", "commit.done", "submitting"))
    desk.tell(Death("rest", "commit.written", "traded"))
    if not settings.EMBEDDED:  # there a start takes the whole platform's time
        desk.tell(Death("fill", "ask.written"))
        desk.tell(Death("fill", "ask.committed"))
        desk.tell(Death("cancel", "withdraw.after"), Death("fill", "start.restored"))
        desk.tell(Death("hold", "hold.decided"))
        desk.tell(Death("stop", "stop.asked"))


@pytest.mark.soak
def test_killed_at_every_step(desk: KilledDesk) -> None:
    twice = [(Death("fill", "send.before"), Death("fill", hook)) for hook in START]
    fast = () if settings.EMBEDDED else BY_FAST_ROAD
    for deaths in (*((death,) for death in (*BY_RISK, *BY_GATEWAY, *fast)), *twice):
        desk.tell(*deaths)
        sys.stderr.write(f"{' '.join(map(str, deaths))}\n")
