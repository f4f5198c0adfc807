"""Where compiled code is kept: one folder for each state of the sources that it was compiled from.

numba looks at the file of the function that it caches only; a formula changed in another file would go on
running in its old form. So the folder's name is a digest of every file that goes into the kernel.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import config

from backtests.domain import kernel_state
from trading.domain import balance, fees, margin, matching, offsets, profit


def use_cache() -> Path:
    """Point numba at the folder, below ``NUMBA_CACHE_DIR`` where that is set; call it before anything is compiled."""
    here = Path(__file__).parent
    rules = (balance, fees, margin, matching, offsets, profit, kernel_state)
    sources = [Path(module.__file__ or "") for module in rules]
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted({*sources, *here.glob("kernel*.py")}):
        digest.update(path.read_bytes())
    folder = _base(here) / f"kernel-{digest.hexdigest()[:16]}"
    config.CACHE_DIR = str(folder)  # type: ignore[attr-defined] # set from the environment at run time
    return folder


def _base(here: Path) -> Path:
    given = os.environ.get("NUMBA_CACHE_DIR")
    if given:
        return Path(given)
    beside = here / "__pycache__"
    writable = os.access(beside if beside.is_dir() else here, os.W_OK)
    return beside if writable else _private()


def _private() -> Path:
    """A folder of our own among the temporary files: numba runs what it finds there.

    Raises ``PermissionError`` where somebody else has made it.
    """
    folder = Path(tempfile.gettempdir()) / f"quantsite-kernel-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    there = folder.stat()
    if there.st_uid != os.getuid() or there.st_mode & 0o022:
        raise PermissionError(f"{folder} is not ours alone: remove it, or name a folder in NUMBA_CACHE_DIR")
    return folder


use_cache()

_LEAN: Any = {"_nrt": False}
_INNER: Any = {**_LEAN, "forceinline": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """For everything that is called inside the kernel.

    Without numba's reference counts, for nothing in there allocates: counting every array of a call up and down
    again took most of a run's time. Inlined, because a call would copy some thirty array headers.
    """
    made: Function = numba.njit(**_INNER)(function)
    return made


def entry(function: Function) -> Function:
    """For what Python calls: kept on disk, and other threads run on meanwhile."""
    made: Function = numba.njit(**_LEAN, nogil=True, cache=True)(function)
    return made
