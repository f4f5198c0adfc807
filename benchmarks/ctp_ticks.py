"""From the callback of a CTP quote to the tick in the stream: copied, normalised, made into bars, published.

The front is the fake of ``quantsite.testing.ctp`` in the same process, whose threads cost time of their own; a second
process reads the stream as a hub does and takes the time. Recorded quotes of one instrument, at up to 2,000 a second.
"""

import sys

from benchmarks.private import on_servers

if __name__ == "__main__":
    sys.exit(on_servers("benchmarks.ctp_ticks_inside", "DATABASE_URL", "REDIS_URL"))
