"""The bars from before those that a stored document carries: a restored host looks back as far as it did before.

A document carries the few that the next decision needs. What lies before them is read again where it is stored, and out
of the streams where the recorder had not come to it: for new parameters the host goes through all of them.
"""

from typing import Any

import numpy as np
import structlog

from marketdata import series_cache
from marketdata.domain.bars import BarSeries
from marketdata.domain.ticks import BarMessage
from marketdata.live_models import RecorderPosition
from marketdata.models import Instrument
from marketdata.stream import UnreachableError
from strategies.running.instance import Instance, bar_of
from strategies.running.warming import behind, joined

log = structlog.get_logger(__name__)


class OlderBars:
    """For the restoring of many instances, one after the other: what several of them trade is read once."""

    def __init__(self) -> None:
        self._stored: dict[tuple[str, str], BarSeries] = {}
        self._newer: dict[str, list[BarMessage]] = {}

    def before(self, instance: Instance, document: dict[str, Any]) -> list[BarSeries]:
        """Of each leg the bars before those of its host's document, as many as it had; none where it lacks none."""
        kept = [each if isinstance(each, dict) else {} for each in document.get("bars", ())]
        lacking = [each.get("held", 0) - each.get("count", 0) for each in kept]
        if instance.on_ticks or len(kept) != len(instance.legs) or not any(each > 0 for each in lacking):
            return []
        return [
            self._of(leg.instrument, instance, each.get("first", 0), count)
            for leg, each, count in zip(instance.legs, kept, lacking, strict=True)
        ]

    def _of(self, instrument: Instrument, instance: Instance, first: int, count: int) -> BarSeries:
        """The last ``count`` bars that start before ``first`` (ns UTC)."""
        key = instrument.code, instance.interval
        if key not in self._stored:
            self._stored[key] = series_cache.load(instrument, instance.interval)[0]
        whole = self._stored[key]
        stop = int(np.searchsorted(whole.start, first))
        stored = whole.take(slice(max(0, stop - count), stop))
        newer = [] if stop < len(whole) else [
            bar_of(message) for source in instance.frames for message in self._in_stream(source)
            if (message.instrument, message.interval) == key and message.final and message.start < first
        ]  # fmt: skip
        found = joined(stored, newer)
        return found.take(slice(max(0, len(found) - count), len(found)))

    def _in_stream(self, source: str) -> list[BarMessage]:
        if source not in self._newer:
            recorded = RecorderPosition.objects.filter(source=source).values_list("stream_id", flat=True).first() or ""
            try:
                self._newer[source] = behind(source, recorded, "")
            except UnreachableError as error:
                log.warning("streams unreachable", source=source, reason=" ".join(str(error).split()))
                self._newer[source] = []
        return self._newer[source]
