"""How long a thread may hold up the others: processes whose threads wait for each other keep both pauses short."""

import gc
import sys

SWITCH_SECONDS = 0.0005
"""A thread that computes lets go of the interpreter after so long. Python's own 5 ms are waited for after each answer
of the database: most of what an order takes, and of what an account's rows are locked for."""
GC_THRESHOLDS = (700, 10, 100)
"""Python's own, but ten times fewer full collections: one goes through all that there is."""


def keep_switches_short() -> None:
    """Of a process with a thread that others must not keep waiting."""
    sys.setswitchinterval(SWITCH_SECONDS)


def keep_pauses_short() -> None:
    """The same, and collections of garbage are rare."""
    keep_switches_short()
    gc.set_threshold(*GC_THRESHOLDS)
