"""What it costs that orders of one control group never meet: the lock, and reading the other accounts' orders under it.

Alone, and while the gateway of another account of the group decides on the same instrument all the time. On
PostgreSQL, then on SQLite. The comparison of prices itself is measured by ``risk_rules.py``.
"""

import sys

from benchmarks.private import on_both_databases

if __name__ == "__main__":
    sys.exit(on_both_databases("benchmarks.self_trade_inside"))
