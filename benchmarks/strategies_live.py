"""From a tick's publication to the committed order: 50 strategies on each of 20 instruments at two ticks a second.

The loop of strategies is this process, the market and the gateway of the accounts are processes of their own, on a
private PostgreSQL and Redis. With ``--durable`` the database waits for its disk, which a test's does not. ``--json``
prints one object a line.
"""

import os
import sys
from pathlib import Path

from benchmarks.private import on_servers
from quantsite.testing.private_postgres import DURABLE

MADE = Path(__file__).resolve().parents[1] / "strategies" / "tests" / "running" / "made"


def main() -> int:
    """Measure; the exit code."""
    if "--durable" in sys.argv:
        os.environ[DURABLE] = "1"
    inside = "benchmarks.strategies_live_inside"
    return on_servers(inside, "DATABASE_URL", "REDIS_URL", QUANTSITE_STRATEGIES=str(MADE))


if __name__ == "__main__":
    sys.exit(main())
