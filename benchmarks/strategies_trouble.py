"""What strategies that hang, take all memory or raise at each tick do to the latency of their neighbours.

Market, gateways and neighbours as in ``benchmarks.strategies_live``, all in one run: a normal time first, then each
trouble, then all of them together. ``--long``: twice as much of each; ``--json`` prints one object a line.
"""

import sys

from benchmarks.private import on_servers
from benchmarks.strategies_live import MADE

if __name__ == "__main__":
    sys.exit(
        on_servers("benchmarks.strategies_trouble_inside", "DATABASE_URL", "REDIS_URL", QUANTSITE_STRATEGIES=str(MADE))
    )
