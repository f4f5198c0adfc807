"""What must hold before the broker's library is loaded: it answers mistakes by ending the process without a word."""

import os
import platform
import subprocess
import sys
from pathlib import Path

from marketdata.ctp import library
from marketdata.domain.ctp.exits import Exit, StartError
from quantsite.common.texts import say

LOCALE = "zh_CN.GB18030"
LOCALE_SECONDS = 20
PROC_STAT = Path("/proc/self/stat")
FLAGS_FIELD = 6  # after the process's name, which may hold blanks
FORKED_WITHOUT_EXEC = 0x40
"""PF_FORKNOEXEC of Linux: forked, and no program was started since."""


class _Forks:
    """Whether this process was forked after the module was loaded; noted by the fork itself."""

    seen = False


def _note_fork() -> None:
    _Forks.seen = True


os.register_at_fork(after_in_child=_note_fork)


def preflight() -> None:
    """Raises :class:`StartError` for the first thing that does not hold; nothing is loaded and nothing is changed."""
    check_platform(sys.platform, platform.machine())
    check_forked()
    if not library.installed():
        text = say(
            "The CTP library is not installed for %(python)s: run  pip install openctp-ctp  there (Linux x86_64, "
            "Python 3.7 to 3.14).", python=sys.executable,
        )  # fmt: skip
        raise StartError(Exit.NOT_INSTALLED, text)
    check_locale()


def check_platform(system: str, machine: str) -> None:
    """Raises :class:`StartError` where there is no library for such a machine."""
    if system != "linux" or machine.lower() not in {"x86_64", "amd64"}:
        text = say(
            "The CTP library exists for Linux on x86_64, and this is %(system)s on %(machine)s: run the gateway on "
            "such a machine, the rest may stay here.", system=system, machine=machine,
        )  # fmt: skip
        raise StartError(Exit.PLATFORM, text)


def check_forked() -> None:
    """Raises :class:`StartError` in a process that was forked from another without starting a program of its own."""
    if _Forks.seen or _forked_without_exec():
        text = say(
            "This process was forked from another: the CTP library's threads would not exist in it, and requests would "
            "be lost without a word. Start it as a program of its own:  manage.py run_gateway ACCOUNT."
        )
        raise StartError(Exit.FORKED, text)


def check_locale() -> None:
    """Raises :class:`StartError` where importing the library would abort the process. The locale need not be active."""
    if not _has_locale():
        text = say(
            "The locale %(name)s is missing, and without it the CTP library aborts the process: as root, run  apt-get "
            "install locales && localedef -i zh_CN -f GB18030 zh_CN.GB18030.", name=LOCALE,
        )  # fmt: skip
        raise StartError(Exit.LOCALE, text)


def _has_locale() -> bool:
    """Tried in a program of its own, as the library will: setting a locale here would change this process."""
    code = f"import locale; locale.setlocale(locale.LC_ALL, {LOCALE!r})"
    tried = subprocess.run(  # noqa: S603  (a fixed command)
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, timeout=LOCALE_SECONDS, check=False
    )
    return tried.returncode == 0


def _forked_without_exec() -> bool:
    try:
        told = PROC_STAT.read_text(encoding="ascii", errors="replace")
    except OSError:  # no such file on this system: the fork itself has noted it, or nobody has
        return False
    return bool(int(told.rpartition(")")[2].split()[FLAGS_FIELD]) & FORKED_WITHOUT_EXEC)
