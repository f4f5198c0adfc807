"""How fast bars go into the database and come back as columns, on PostgreSQL and on SQLite.

Started without an argument it makes both databases, private and temporary, and starts itself on each.
"""

import sys

from benchmarks.private import on_both_databases

if __name__ == "__main__":
    sys.exit(on_both_databases("benchmarks.bars_inside"))
