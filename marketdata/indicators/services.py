"""Indicators on stored bars: values that are the same whatever range they are asked for."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from accounts.models import User
from accounts.permissions import require
from marketdata.bar_rows import Boundary
from marketdata.domain.bars import BarSeries
from marketdata.domain.indicator_parameters import Given, parsed_parameters
from marketdata.domain.indicator_values import Values, final_values, joined
from marketdata.domain.talib_catalogue import Indicator, Value, find_indicator
from marketdata.klines import KlineReader, Klines
from marketdata.models import Instrument
from quantsite.common.times import ns_to_utc


@dataclass(frozen=True, slots=True)
class IndicatorSeries:
    """An indicator on the bars of a range: ``values`` has an array of the bars' length for each output.

    ``begins`` is the start (ns UTC) of the first stored bar where the values count from that one, else None.
    """

    klines: Klines
    indicator: Indicator
    parameters: dict[str, Value]
    values: Values
    begins: int | None

    @property
    def bars(self) -> BarSeries:
        """The bars that the values belong to."""
        return self.klines.bars

    def without_first(self) -> "IndicatorSeries":
        """The same without its first bar."""
        values = {name: column[1:] for name, column in self.values.items()}
        return replace(self, klines=self.klines.without_first(), values=values)


def calculate_indicators(  # noqa: PLR0917 - the range comes last and may be left out
    actor: User | None,
    instrument: Instrument | str,
    interval: str,
    name: str,
    params: Given | None = None,
    start: Boundary = None,
    end: Boundary = None,
    limit: int | None = None,
) -> IndicatorSeries:
    """An indicator on the newest ``limit`` bars of a range (ends as in ``get_kline_data``).

    Every value is what it is on the whole stored history, the first one of the range too; what counts from the first
    stored bar on says so (``begins``). Raises ``RefusedError``; ``MissingError`` ``unknown_instrument``,
    ``unknown_indicator``; ``RuleError`` ``invalid_interval``, ``invalid_parameter``, ``not_supported``.
    """
    require(actor, "marketdata.view_bar")
    indicator = find_indicator(name)
    parameters = parsed_parameters(indicator, params or {})
    reader = KlineReader(instrument, interval)
    klines = reader.read(start, end, limit)
    found = final_values(indicator, parameters, klines.bars, _before(reader, klines.bars))
    return IndicatorSeries(klines, indicator, parameters, found.values, found.begins)


def indicator_history(instrument: Instrument | str, interval: str, name: str, params: Given | None = None) -> BarSeries:
    """The newest closed bars that a live indicator must begin with for its values to be final; all where it adds up."""
    indicator = find_indicator(name)
    parameters = parsed_parameters(indicator, params or {})
    reader = KlineReader(instrument, interval)
    newest = reader.read(limit=1).bars
    if not len(newest):
        return newest
    earlier = _before(reader, newest)
    return joined(earlier(final_values(indicator, parameters, newest, earlier).before), newest)


def _before(reader: KlineReader, bars: BarSeries) -> Callable[[int | None], BarSeries]:
    def read(count: int | None) -> BarSeries:
        return bars.take(slice(0, 0)) if count == 0 else reader.read(None, ns_to_utc(int(bars.start[0])), count).bars

    return read
