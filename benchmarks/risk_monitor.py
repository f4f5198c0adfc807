"""What one look of the monitor takes in a gateway's loop: everything measured, compared with the limits, and stored.

The account is that of ``risk_gate.py``: 20 positions, 100 working orders in its book, a limit on every rule; its prices
have 250 days of history. The gateway spends this once a second, off every order's way.
"""

import sys

from benchmarks.private import SQLITE, run

if __name__ == "__main__":
    sys.exit(run("benchmarks.risk_monitor_inside", SQLITE))
