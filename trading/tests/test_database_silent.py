"""A gateway whose database is cut off, or falls silent with its connections open: what rests is withdrawn in time."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models.functions import Now

from accounts.models import Lease
from quantsite.testing.wire import Wire, database_wire
from trading.account_models import TradingAccount
from trading.ledger.apply import lease_of
from trading.loop.self_trade import GROUP_SHIFT, LOCK, lock
from trading.order_models import Order
from trading.tests.risk_table import changed
from trading.tests.street_desk import street_desk

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]

BLIND = "withdrawn without the database"


@pytest.mark.parametrize(
    ("trouble", "codes"), [(Wire.swallow, ("T1", "T2")), (Wire.cut, ("T1",))], ids=["silent", "cut"]
)
def test_what_rests_is_withdrawn_while_the_lease_still_runs(
    tmp_path: Path, trouble: Callable[[Wire], None], codes: tuple[str, ...]
) -> None:
    house = len(codes) > 1  # threads of one process must not wait for each other's statements
    with database_wire() as (wire, url), street_desk(tmp_path, *codes, house=house, DATABASE_URL=url) as desk:
        TradingAccount.objects.filter(pk__in=[row.pk for row in desk.accounts.values()]).update(cancel_when_blind=True)
        changed()
        resting = [desk.placed("buy", "open", 3990.0 - number, account=code) for number in range(2) for code in codes]
        assert {order.status for order in resting} == {"accepted"}
        trouble(wire)
        desk.running.wait(lambda: desk.log("T1").count(BLIND) == len(codes), "the gateways withdraw what rests")
        leases = Lease.objects.filter(name__in=[lease_of(row) for row in desk.accounts.values()], expires_at__gt=Now())
        assert leases.count() == len(codes), "withdrawn after a lease had ended"
        numbers = [order.pk for order in resting]
        assert Order.objects.filter(pk__in=numbers, status="accepted").count() == len(resting)  # nobody could write

        waiting = desk.order("buy", "open", 3980.0)
        wire.mend()
        for order in resting:
            assert desk.ended(order).status == "cancelled"
        assert desk.decided(waiting).status == "accepted"


def test_one_that_falls_silent_while_it_decides_holds_the_others_up_for_seconds_only() -> None:
    silent = connection.copy()
    silent.set_autocommit(False)
    with silent.cursor() as cursor:
        cursor.execute(LOCK, [[1 << GROUP_SHIFT | 1]])
        with transaction.atomic():
            lock(1, [1])
        with pytest.raises(OperationalError):
            cursor.execute("SELECT 1")
    silent.close()
