"""How many hot reads a second one serving process answers: the platform, its Django road, and FastAPI with asyncpg.

Fifty rows of ``orders/ positions/ trading-accounts/ bars/`` with a checked token, on one private PostgreSQL, by the
same clients, in turns. The peer's environment is made from ``peers.txt`` at the first time. ``--json`` prints an object
a line.
"""

import sys

from benchmarks.private import on_servers
from benchmarks.race.peers import python_of


def main() -> int:
    """The servers, and the measurement in a process of its own; all are gone afterwards."""
    return on_servers(
        "benchmarks.reads_inside",
        "DATABASE_URL",
        "REDIS_URL",
        QUANTSITE_HTTPS="0",
        QUANTSITE_LOG_LEVEL="INFO",  # the line of each request is a part of its price
        BENCH_PEER=str(python_of("fastapi")),
    )


if __name__ == "__main__":
    sys.exit(main())
