"""Secrets that commands take: from the environment or from a person, never from the command line that others see."""

import os
import sys
from getpass import getpass


def secret_of(variable: str, prompt: str) -> str:
    """The variable's text, else what a person types; '' where there is neither variable nor terminal."""
    given = os.environ.get(variable, "")
    if given or not sys.stdin.isatty():
        return given
    return getpass(f"{prompt}: ")
