"""From the click on a stop to the end of the last of 200 working orders, as a person and as the page see it.

A gateway of its own process on a private PostgreSQL and Redis; this process sets the stop. ``--json`` prints one object
a line.
"""

import sys

from benchmarks.private import on_servers

if __name__ == "__main__":
    sys.exit(on_servers("benchmarks.kill_switch_inside", "DATABASE_URL", "REDIS_URL", QUANTSITE_ORDER_MAX_WAIT="900"))
