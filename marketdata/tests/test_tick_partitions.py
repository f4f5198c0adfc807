"""The monthly partitions of the table of ticks: only PostgreSQL has them, the embedded default does not."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier

import pytest
from django.db import IntegrityError, connection, transaction

from marketdata.instruments import ensure_instrument
from marketdata.models import Instrument
from marketdata.tests.made_ticks import DAY, tick
from marketdata.ticks.models import Tick
from marketdata.ticks.partitions import ensure_partitions, partition_name
from marketdata.ticks.store import insert_messages

pytestmark = pytest.mark.django_db

FAR = 40_000
"""2079-07-08: a month that no other test stores ticks of."""
THREADS = 4


@pytest.fixture
def rb(db: None) -> Instrument:
    """A contract of steel bars."""
    return ensure_instrument("rb2405.SHFE", date(2024, 1, 2))


def partitions() -> list[str]:
    """The partitions of the table of ticks."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'marketdata_tick'::regclass")
        return sorted(name for (name,) in cursor.fetchall())


def test_each_month_gets_its_partition_with_its_first_tick(rb: Instrument) -> None:
    assert ensure_partitions([FAR, FAR + 1, FAR + 31]) == ["marketdata_tick_207907", "marketdata_tick_207908"]
    assert ensure_partitions([FAR]) == []
    insert_messages([tick(rb.code, 1, day=day) for day in (FAR, FAR + 31, FAR + 62)], {rb.code: rb.pk})
    assert {"marketdata_tick_207907", "marketdata_tick_207908", "marketdata_tick_207909"} <= set(partitions())
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text, count(*) FROM marketdata_tick GROUP BY 1 ORDER BY 1")
        assert [held for _name, held in cursor.fetchall()] == [1, 1, 1]


def test_december_ends_with_the_year() -> None:
    last = (date(2079, 12, 31) - date(1970, 1, 1)).days
    assert ensure_partitions([last, last + 1]) == ["marketdata_tick_207912", "marketdata_tick_208001"]


@pytest.mark.django_db(transaction=True)
def test_makers_of_the_same_month_do_not_meet() -> None:
    barrier = Barrier(THREADS)

    def make(_number: int) -> list[str]:
        barrier.wait()
        try:
            with transaction.atomic():
                return ensure_partitions([FAR + 400])
        finally:
            connection.close()

    name = partition_name(date(2080, 8, 1))
    try:
        with ThreadPoolExecutor(THREADS) as pool:
            made = list(pool.map(make, range(THREADS)))
        assert sorted(made) == [[]] * (THREADS - 1) + [[name]]
        assert name in partitions()
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {name}")


def test_a_table_that_is_not_partitioned_gets_none(rb: Instrument) -> None:
    """As after enable_timescale: a plain table of the same name, made and undone in this transaction."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE plain (LIKE marketdata_tick INCLUDING ALL)")
        cursor.execute("DROP TABLE marketdata_tick CASCADE")
        cursor.execute("ALTER TABLE plain RENAME TO marketdata_tick")
    assert ensure_partitions([FAR]) == []
    batch = [tick(rb.code, seq) for seq in range(10)]
    assert (insert_messages(batch, {rb.code: rb.pk}), insert_messages(batch, {rb.code: rb.pk})) == (10, 0)
    assert len(Tick.objects.series(rb)) == len(batch)


def test_an_unknown_instrument_is_an_error_and_stores_nothing(rb: Instrument) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    with pytest.raises(IntegrityError):
        insert_messages([tick("nobody.SHFE", 1), tick(rb.code, 1)], {"nobody.SHFE": -1, rb.code: rb.pk})
    assert len(Tick.objects.series(rb)) == 0


def test_a_trading_day_leaves_other_partitions_alone() -> None:
    ensure_partitions([DAY + 1, FAR])
    with connection.cursor() as cursor:
        cursor.execute(
            "EXPLAIN SELECT * FROM marketdata_tick WHERE instrument_id = 1"
            " AND trading_day BETWEEN '2024-01-02' AND '2024-01-31'"
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "marketdata_tick_202401" in plan
    assert "marketdata_tick_207907" not in plan
