"""From the callback of a tick to the tick in the stream: normalise, bars of eight intervals, encode, publish.

One process does all of it, as a feed does, on a private Redis; a second one reads the stream as a hub does and takes
the time. 700 contracts, at twice and ten times the peak of a whole market, evenly and in bursts of half a second.
"""

import sys

from benchmarks.private import on_servers

if __name__ == "__main__":
    sys.exit(on_servers("benchmarks.market_path_inside", "DATABASE_URL", "REDIS_URL"))
