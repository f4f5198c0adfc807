"""What a million ticks take: as CSV, as gzip, as rows, and in the archive's Parquet files. From the recorded files."""

import sys

from benchmarks.tick_store import on_postgres


def main() -> int:
    """On a PostgreSQL server of its own."""
    return on_postgres("benchmarks.tick_sizes_inside")


if __name__ == "__main__":
    sys.exit(main())
