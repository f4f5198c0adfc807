"""How long bars of any interval and indicators take, on PostgreSQL and on SQLite, each private and temporary."""

import sys

from benchmarks.private import on_both_databases

if __name__ == "__main__":
    sys.exit(on_both_databases("benchmarks.indicators_inside"))
