"""Nobody of the same user learns from the kernel what the runner was given."""

import subprocess
import sys

ASKS = """
import ctypes
from strategies.running.secrecy import keep_to_ourselves
asked = ctypes.CDLL(None).prctl
before = asked(3)
keep_to_ourselves()
print(before, asked(3))
"""


def test_the_runners_process_is_shown_to_nobody() -> None:
    told = subprocess.run([sys.executable, "-c", ASKS], capture_output=True, text=True, check=True).stdout
    assert told.split() == ["1", "0"]
