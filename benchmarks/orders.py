"""From a trader's POST to the exchange's word on the socket, and how many orders a second one account sustains.

Web, feed and gateway are processes of their own on a private PostgreSQL and Redis; this one is the trader. What the
domain does with an event is measured by ``order_events.py``. ``--json`` prints one object a line.
"""

import sys

from benchmarks.private import on_servers

if __name__ == "__main__":
    # Two thousand orders wait on purpose, on a slow machine for more than the minute after which none is sent.
    sys.exit(on_servers("benchmarks.orders_inside", "DATABASE_URL", "REDIS_URL", QUANTSITE_ORDER_MAX_WAIT="900"))
