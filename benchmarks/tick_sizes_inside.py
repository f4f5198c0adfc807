"""The measurement of ``tick_sizes.py`` on the database that the environment names."""

import gzip
from collections.abc import Iterator
from datetime import date
from io import StringIO

from benchmarks import ready  # noqa: F401  (before any model)

# isort: split
from django.core.management import call_command
from django.db import connection
from django.db.models import Sum

from benchmarks.figures import Figure, show
from benchmarks.recorded_ticks import CODES, FOLDER
from marketdata.ticks.archive import archive_before
from marketdata.ticks.models import Tick, TickFile
from marketdata.ticks.partitions import TABLE

MILLION = 1_000_000


def figures() -> Iterator[Figure]:
    """Megabytes a million ticks in each form, and how many times smaller the archive is."""
    call_command("migrate", verbosity=0)
    paths = sorted(FOLDER.glob("*.csv.gz"))
    if not paths:
        raise SystemExit(f"the recorded ticks are not here: {FOLDER}")
    for path in paths:
        call_command("import_ticks", str(path), "--instrument", CODES[path.name], stdout=StringIO())
    ticks = Tick.objects.count()
    sizes = {
        "csv": sum(len(gzip.decompress(path.read_bytes())) for path in paths),
        "csv_gzip": sum(path.stat().st_size for path in paths),
        "table": table_bytes(),
    }
    archive_before(date(2100, 1, 1))
    sizes["parquet"] = TickFile.objects.aggregate(all=Sum("bytes"))["all"]
    yield Figure("tick_sizes.ticks", ticks, "ticks")
    for name, size in sizes.items():
        yield Figure(f"tick_sizes.{name}", size / ticks * MILLION / 1e6, "MB per million ticks")
    for name in ("csv", "csv_gzip", "table"):
        yield Figure(f"tick_sizes.{name}_to_parquet", sizes[name] / sizes["parquet"], "times the archive")


def table_bytes() -> int:
    """Rows and indexes of all partitions."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree(%s)", [TABLE])
        return int(cursor.fetchone()[0])


if __name__ == "__main__":
    show(figures())
