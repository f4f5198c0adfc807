"""Celery's broker on files, for the embedded size: kombu's own, but a message is there whole or not at all.

Kombu opens a message under its last name and then writes it, so that a worker that looks in between finds an empty
file, and ends with "Unrecoverable error: JSONDecodeError" (seen with kombu 5.6, once in some hours).
"""

import uuid
from pathlib import Path
from time import monotonic
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps

UNFINISHED = ".unfinished"
"""Ends a name that no queue has."""


class Channel(filesystem.Channel):
    """Gives a message its name once it is written."""

    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]  # noqa: ARG002
        """Put ``payload`` at the end of ``queue``."""
        name = Path(self.data_folder_out) / f"{round(monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg"
        unfinished = name.with_name(name.name + UNFINISHED)
        try:
            unfinished.write_text(dumps(payload), encoding="utf-8")  # type: ignore[no-untyped-call]
            unfinished.replace(name)
        except OSError as error:
            raise ChannelError(f"Cannot add file {name} to directory") from error


class Transport(filesystem.Transport):
    """The transport of ``filesystem://``."""

    Channel = Channel


def use() -> None:
    """Let ``filesystem://`` mean this transport in this process."""
    TRANSPORT_ALIASES["filesystem"] = f"{__name__}:Transport"
