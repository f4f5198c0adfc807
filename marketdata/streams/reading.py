"""What a reader makes of a frame that was torn on its way: nothing, and the next one counts."""

import msgspec
import structlog

from marketdata.domain.ticks import Message, unframe

log = structlog.get_logger(__name__)


def readable(source: str, name: str, data: bytes) -> list[Message]:
    """The messages of a frame; none of one that cannot be read, which must not stop whoever follows the stream."""
    try:
        return unframe(data)
    except msgspec.DecodeError as error:
        log.error("frame unreadable", source=source, frame=name, reason=str(error))
        return []
