"""What a slow reader, fifty dead ones and a storm of a thousand reconnects do to the others, and to memory.

Servers and processes as in ``benchmarks.fanout``. ``--long``: readers stop for sixty seconds instead of fifteen;
``--json`` prints one object a line.
"""

import sys

from benchmarks.fanout import main

if __name__ == "__main__":
    sys.exit(main("benchmarks.fanout_trouble_inside"))
