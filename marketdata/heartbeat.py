"""A file that a long-running process touches while it works: what a container's health check looks at."""

import socket
from pathlib import Path

from django.conf import settings

FOLDER = "alive"


def path_of(name: str) -> Path:
    """The file of a process on this host, such as ``alive/feed-<host>`` in the data folder."""
    return Path(settings.VAR_DIR) / FOLDER / f"{name}-{socket.gethostname()}"


def beat(name: str) -> None:
    """Say that the process works at this moment."""
    path = path_of(name)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch()


def still(name: str) -> None:
    """Say nothing more: the process ends in good order."""
    path_of(name).unlink(missing_ok=True)
