"""The folder in which the library keeps its files: one for each login, one process at a time.

The library takes a prefix, crashes where the folder does not exist, and lets two instances share files without a
complaint. So each account and each source has a folder, which remembers whose it is.
"""

import fcntl
import os
import tempfile
from pathlib import Path
from typing import IO

from django.conf import settings

from marketdata.ctp.library import Kind
from marketdata.domain.ctp.exits import Exit, StartError
from quantsite.common.texts import say

OWNER = "owner"
LOCK = "lock"


def flow_folder(kind: Kind, name: str) -> Path:
    """Where an account's (``td``) or a source's (``md``) login keeps its files."""
    return Path(settings.CTP_FLOW_DIR) / f"{kind}-{name}"


class FlowFolder:
    """A folder that is ours until :meth:`release`, or until the process ends in whatever way."""

    def __init__(self, path: Path, owner: str) -> None:
        """Make and claim it. Raises :class:`StartError` where it cannot be used, or is another's."""
        self.path = path
        _make(path)
        self._lock = _locked(path)
        try:
            _own(path, owner)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Leave it to another process; again changes nothing."""
        self._lock.close()


def _make(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        text = say(
            "The folder %(path)s cannot be used for the CTP library's files (%(reason)s): make it a folder that this "
            "user may write, or name another by QUANTSITE_CTP_FLOW_DIR.", path=path, reason=error.strerror or error,
        )  # fmt: skip
        raise StartError(Exit.FLOW_UNUSABLE, text) from error


def _locked(path: Path) -> IO[str]:
    lock = (path / LOCK).open("a+", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        process = lock.read().strip() or "?"
        lock.close()
        text = say(
            "The folder %(path)s is in use by process %(process)s: one process serves an account or a source; stop "
            "that one first.", path=path, process=process,
        )  # fmt: skip
        raise StartError(Exit.FLOW_IN_USE, text) from error
    lock.seek(0)
    lock.truncate()
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _own(path: Path, owner: str) -> None:
    told = path / OWNER
    if not told.exists():
        told.write_text(owner, encoding="utf-8")
        return
    whose = told.read_text(encoding="utf-8").strip()
    if whose != owner:
        text = say(
            "The folder %(path)s keeps the CTP files of %(whose)s, not of %(owner)s: give each login a folder of its "
            "own, or delete this one if %(whose)s is no more.", path=path, whose=whose, owner=owner,
        )  # fmt: skip
        raise StartError(Exit.FLOW_FOREIGN, text)
