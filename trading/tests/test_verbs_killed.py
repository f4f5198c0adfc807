"""The web process killed by SIGKILL while it carries out a verb itself, because the account has no gateway."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from accounts.models import User
from trading.tests.deaths import BY_VERB, Death
from trading.tests.killed_desk import KilledDesk, killed_desk

pytestmark = [pytest.mark.servers, pytest.mark.soak, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def desk(ada: User, tmp_path: Path) -> Iterator[KilledDesk]:
    """A desk of two accounts, ready for stories."""
    with killed_desk(ada, tmp_path) as made:
        yield made


def test_a_verb_killed_at_every_step(desk: KilledDesk) -> None:
    desk.tell(Death("fill", "send.after"))  # lots to settle
    for death in BY_VERB:
        desk.tell(death, gateway=False)
        sys.stderr.write(f"{death}\n")
