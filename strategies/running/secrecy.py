"""What other processes of the same user may learn of ours: neither its memory nor the keys of its environment.

Root may all the same, and so may whoever reads the files that the user may read.
"""

import ctypes

PR_SET_DUMPABLE = 4


def keep_to_ourselves() -> None:
    """Have the kernel show this process to nobody else; its children that are other programs begin as usual."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
