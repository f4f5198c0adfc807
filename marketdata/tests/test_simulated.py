"""Made-up bars: on the session grid, marked everywhere, never on a traded instrument."""

from datetime import date

import pytest

from accounts.models import AuditEntry, User
from marketdata.instruments import session_table
from marketdata.models import Bar, BarImport, Instrument
from marketdata.services import store_simulated_bars
from marketdata.tests.bar_csv import row_of
from quantsite.common.errors import ConflictError, RefusedError, RuleError

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

FIRST, LAST = date(2024, 1, 2), date(2024, 1, 31)


def test_bars_stand_on_the_grid_and_are_marked(alice: User) -> None:
    outcome = store_simulated_bars(alice, seed=7, first=FIRST, last=LAST)
    series = Bar.objects.series(outcome.instrument, "5m")
    expected, _days = session_table(outcome.instrument.product).grid_between(FIRST, LAST, 5)
    assert series.start.tolist() == expected.tolist()
    assert outcome.instrument.simulated
    row = row_of(outcome)
    assert (row.simulated, row.source, row.actor, row.stored) == (True, "simulated, seed 7", alice, len(expected))
    assert AuditEntry.objects.get(verb="bars.import").actor == alice


def test_the_same_seed_changes_nothing_and_another_is_refused() -> None:
    store_simulated_bars(None, seed=7, first=FIRST, last=LAST)
    assert store_simulated_bars(None, seed=7, first=FIRST, last=LAST).stored == 0
    with pytest.raises(ConflictError, match="other bars"):
        store_simulated_bars(None, seed=8, first=FIRST, last=LAST)
    assert BarImport.objects.count() == 1


def test_a_traded_instrument_gets_none(bob: User) -> None:
    with pytest.raises(RuleError, match="made-up bars belong to SIM"):
        store_simulated_bars(None, "rb88.SHFE", seed=7, first=FIRST, last=LAST)
    with pytest.raises(RuleError, match="in minutes"):
        store_simulated_bars(None, "simrb88.SIM", "1d", seed=7, first=FIRST, last=LAST)
    with pytest.raises(RefusedError):
        store_simulated_bars(bob, seed=7, first=FIRST, last=LAST)
    assert not Instrument.objects.exists()
