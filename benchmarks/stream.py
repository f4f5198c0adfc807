"""What the tick stream costs its publisher, and how long a tick takes until the stream has confirmed it."""

import sys

from benchmarks.private import on_servers

if __name__ == "__main__":
    sys.exit(on_servers("benchmarks.stream_inside", "REDIS_URL"))
