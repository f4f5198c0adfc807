"""Recorded days of every preset by two roads, the real runner on the simulated exchange and the hosted backtest.

    python -m benchmarks.parity_live [--day AP|IF|ru] [--every 1] [--only PRESET ...] [--write docs/parity.md]

Compares signals bar for bar, orders, and fills with price and instant; exits with 1 where no rule of docs/parity.md
explains a difference. Of the ticks one in ``--every`` is taken (20): 1 is the whole day, and takes minutes. Runner,
stream and the accounts' loops work in lock-step on a private PostgreSQL and Redis; data are those of ../shared/data.
"""

import sys

from benchmarks.private import on_servers

if __name__ == "__main__":
    sys.exit(on_servers("benchmarks.parity_live_inside", "DATABASE_URL", "REDIS_URL"))
