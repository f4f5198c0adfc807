"""A ``manage.py`` command in a process that SIGKILLs itself where a test says.

The test writes a death (story, hook, kind of event and account, a line each) into the file named by ``DEATH_FILE``;
whoever comes to that hook for that account takes the file away and dies. Without it the command is as it stands.
"""

import os
import signal
import sys
from pathlib import Path

import django
from django.core.management import execute_from_command_line

from trading.tests.deaths import Death, hooked

DEATH_FILE = "QUANTSITE_TEST_DEATH_FILE"
"""Only this module reads it: no process of the platform knows the name."""


def arm(path: Path, death: Death, account: str) -> None:
    """Have the next one die who comes to this hook for the account."""
    waiting = path.with_suffix(".new")
    waiting.write_text("\n".join((death.story, death.hook, death.kind, account)))
    waiting.rename(path)


def run(words: list[str]) -> None:
    """Be ``manage.py WORDS`` with a hook at every place to die."""
    path = Path(os.environ[DEATH_FILE])

    def die(hook: str, account: str, kinds: frozenset[str]) -> None:
        try:
            _story, wanted, kind, whose = path.read_text().split("\n")
        except FileNotFoundError:
            return
        if hook != wanted or account not in {"", whose} or (kind and kind not in kinds):
            return
        path.unlink()
        os.kill(os.getpid(), signal.SIGKILL)

    with hooked(die):
        execute_from_command_line(["manage.py", *words])


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quantsite.settings")
    django.setup()  # the hooks are put on what needs it
    run(sys.argv[1:])
