"""What a gateway needs to decide on an opening order: figures kept up to date, stops, and all rules, on a busy account.

The account has 20 positions and 100 working orders; before each decision an order has come or a price has moved. The
rules by themselves are measured by ``risk_rules.py``, the lock of the control group by ``self_trade.py``.
"""

import sys

from benchmarks.private import SQLITE, run

if __name__ == "__main__":
    sys.exit(run("benchmarks.risk_gate_inside", SQLITE))
