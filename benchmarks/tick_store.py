"""How fast the recorder's batches go into the database, on PostgreSQL and on SQLite, each private and temporary.

The test server of PostgreSQL does not wait for the disk (``fsync`` off): a real one adds one wait a batch.
"""

import sys

from benchmarks.private import on_both_databases

if __name__ == "__main__":
    sys.exit(on_both_databases("benchmarks.tick_store_inside"))
