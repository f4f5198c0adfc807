"""How long a backtest takes from queued to stored: PostgreSQL, Redis and one warm worker process, all private.

The bars are the recorded rb 5m of 2014 to 2019 where ``../shared/data`` has them, else as many made-up ones.
``--json`` prints one object a line.
"""

import sys

from benchmarks.private import on_servers

if __name__ == "__main__":
    sys.exit(on_servers("benchmarks.warm_worker_inside", "DATABASE_URL", "REDIS_URL"))
