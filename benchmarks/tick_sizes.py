"""What a million ticks take: as CSV, as gzip, as rows, and in the archive's Parquet files. From the recorded files."""

import sys

from benchmarks.private import on_servers

if __name__ == "__main__":
    sys.exit(on_servers("benchmarks.tick_sizes_inside", "DATABASE_URL"))
