"""What the recorder cannot store is kept in files beside the database, frame by frame, and can be stored later."""

from collections.abc import Iterator
from pathlib import Path

import structlog
from django.conf import settings

log = structlog.get_logger(__name__)

MOST_FILES = 1_000
"""A source: a feed gone wrong must not fill the disk."""
SUFFIX = ".frame"
FOLDER = "recorder"
"""In ``QUANTSITE_VAR_DIR``."""


class Aside:
    """The folder of one source, ``recorder/<source>`` in ``QUANTSITE_VAR_DIR``."""

    def __init__(self, source: str) -> None:
        self.path = Path(settings.VAR_DIR) / FOLDER / source.replace("/", "_")

    def keep(self, name: str, data: bytes) -> bool:
        """Write a frame under its id; False where the folder is full or cannot be written, which the log tells."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if sum(1 for _file in self.path.iterdir()) >= MOST_FILES:
                log.error("recorder keeps nothing aside any more", folder=str(self.path), files=MOST_FILES)
                return False
            (self.path / f"{name}{SUFFIX}").write_bytes(data)
        except OSError as error:
            log.error("recorder cannot keep a frame aside", folder=str(self.path), id=name, reason=str(error))
            return False
        return True

    def frames(self) -> Iterator[tuple[Path, bytes]]:
        """What is kept, the oldest name first."""
        if self.path.is_dir():
            for path in sorted(self.path.glob(f"*{SUFFIX}")):
                yield path, path.read_bytes()
