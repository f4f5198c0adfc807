"""Frames that a recorder kept aside, stored once their cause is mended."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import structlog
from django.conf import settings
from django.db import transaction

from accounts.alarms import clear_alarm
from marketdata.models import Instrument
from marketdata.recording.alarms import RECORDER_ASIDE
from marketdata.recording.aside import FOLDER, Aside
from marketdata.recording.bars import store_bars
from marketdata.recording.batch import Batch
from marketdata.recording.settlements import store_settlements
from marketdata.recording.source import UNSTORABLE
from marketdata.ticks.store import insert_messages

log = structlog.get_logger(__name__)


@dataclass
class Again:
    """Files that were stored and removed, and files that are left."""

    stored: int = 0
    left: int = 0


def store_again(sources: Iterable[str] | None = None) -> Again:
    """Store the files of these sources, of all where None; each whole or not at all.

    The alarm of a source goes with its last file. A recorder may be at work meanwhile: each tick is stored once.
    """
    done = Again()
    folder = Path(settings.VAR_DIR) / FOLDER
    for source in sources or sorted(path.name for path in folder.glob("*") if path.is_dir()):
        left = done.left
        for path, data in Aside(source).frames():
            if _stored(source, path, data):
                path.unlink()
                done.stored += 1
            else:
                done.left += 1
        if done.left == left:
            clear_alarm(RECORDER_ASIDE, source)
    return done


def _stored(source: str, path: Path, data: bytes) -> bool:
    batch = Batch.of([(path.name, data)])
    keys = dict(Instrument.objects.filter(code__in=batch.codes).values_list("code", "pk"))
    if batch.damaged or batch.codes - keys.keys():
        return False
    try:
        with transaction.atomic():
            store_settlements(batch.settlements, batch.bars, keys, f"stream {source}")
            store_bars(batch.bars, keys)
            insert_messages(batch.ticks, keys)
    except UNSTORABLE as error:
        log.error("frame refused again", file=str(path), reason=" ".join(str(error).split())[:200])
        return False
    return True
