"""How long tests wait for what must come.

Far longer than it takes: a condition that is met costs nothing, and a machine that does other things too is no fault
of what is tested. How quick something is, benchmarks measure.
"""

SOON = 60.0
"""Seconds."""
SOON_MS = 1000 * SOON
