"""How fast a backtest is: each of our forms beside a bare loop and, with ``--peers``, beside four other engines.

``python benchmarks/backtest.py --help`` tells the options; ``docs/benchmarks.md`` the method and the figures.
"""

import sys
from pathlib import Path

if not __package__:  # started as a file: the folder of the file is on the path then, not the root
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks.race.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
