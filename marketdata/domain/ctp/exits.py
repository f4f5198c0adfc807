"""Why a process for CTP does not start, or does not get through: one exit code each, for whoever supervises it."""

from enum import IntEnum

from quantsite.common.errors import RuleError


class Exit(IntEnum):
    """Exit codes; 1 is any other broken rule, 2 a wrong option."""

    PLATFORM = 10  # the library has no version for this machine
    NOT_INSTALLED = 11  # the library is not there
    LOCALE = 12  # importing the library would abort the process
    FORKED = 13  # the process was forked: threads of the library would be missing
    FLOW_UNUSABLE = 14  # the library would crash on its folder
    FLOW_FOREIGN = 15  # the folder belongs to another account
    FLOW_IN_USE = 16  # another process uses the folder
    LEASE_TAKEN = 17  # another process has the account
    NOTHING_LISTENS = 18  # no front takes a connection
    SILENT = 19  # a front takes the connection and says nothing
    REFUSED = 20  # the front refuses the login: a person must look
    NOT_READY = 21  # the front lets nobody in yet


NEEDS_PERSON = frozenset({*range(Exit.PLATFORM, Exit.LEASE_TAKEN), Exit.REFUSED})
"""Trying again soon would only repeat it."""


class StartError(RuleError):
    """A sentence with its fix, and the exit code."""

    def __init__(self, exit_code: Exit, text: str) -> None:
        super().__init__(f"ctp_{exit_code.name.lower()}", text)
        self.exit_code = exit_code


def exit_code(error: RuleError) -> int:
    """How a command ends that was stopped by a rule: what tells a supervisor whether it helps to start again."""
    if isinstance(error, StartError):
        return int(error.exit_code)
    return int(Exit.LEASE_TAKEN) if error.code == "lease_taken" else 1
