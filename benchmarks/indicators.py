"""How long bars of any interval and indicators take, on PostgreSQL and on SQLite, each private and temporary."""

import sys

from benchmarks.tick_store import on, on_postgres

INSIDE = "benchmarks.indicators_inside"


def main() -> int:
    """Both databases, one after the other."""
    return on_postgres(INSIDE) or on({"DATABASE_URL": ""}, INSIDE)


if __name__ == "__main__":
    sys.exit(main())
