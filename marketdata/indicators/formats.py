"""Indicators in JSON: the catalogue, and values with the starts of their bars."""

from dataclasses import dataclass
from typing import Any

from marketdata.bar_formats import basis_rows, day_texts, start_texts
from marketdata.column_files import json_page
from marketdata.domain.talib_catalogue import (
    GROUPS,
    LEFT_OUT,
    Indicator,
    IndicatorParameter,
    catalogue,
)
from marketdata.domain.talib_titles import spoken_title
from marketdata.indicators.services import IndicatorSeries
from quantsite.common.texts import say
from quantsite.common.times import iso_utc, ns_to_utc
from quantsite.web.renderers import OrjsonRenderer


@dataclass(frozen=True)
class IndicatorPage:
    """Values in ascending order, and the address of the older ones; ``by_column`` asks for arrays."""

    series: IndicatorSeries
    simulated: bool
    next: str | None
    by_column: bool = False


class IndicatorRenderer(OrjsonRenderer):
    """``{"instrument", "interval", "name", "parameters", ..., "results" or "columns", "next"}``; NaN as null."""

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        """The body; what is no page of values is rendered as everywhere else."""
        if not isinstance(data, IndicatorPage):
            return super().render(data, accepted_media_type, renderer_context)
        series = data.series
        about = {
            "instrument": series.bars.instrument,
            "interval": series.bars.interval,
            "simulated": data.simulated,
            "name": series.indicator.name,
            "parameters": series.parameters,
            "memory": series.indicator.memory(series.parameters).value,
            "begins": None if series.begins is None else iso_utc(ns_to_utc(series.begins)),
            "basis": basis_rows(series.klines.basis),
        }
        columns: dict[str, Any] = {"start": start_texts(series.bars), "trading_day": day_texts(series.bars)}
        columns |= series.values
        return json_page(about, columns, data.next, by_column=data.by_column)


def catalogue_page() -> dict[str, Any]:
    """Every indicator by group, group names in the reader's language, and what is left out with the reason."""
    groups = [
        {
            "group": group,
            "title": say(title),
            "indicators": [about_indicator(entry) for entry in catalogue().values() if entry.group == group],
        }
        for group, title in GROUPS.items()
    ]
    left_out = [{"name": name, "reason": say(reason)} for name, reason in LEFT_OUT.items()]
    return {"groups": groups, "left_out": left_out}


def about_indicator(entry: Indicator) -> dict[str, Any]:
    """One entry of the catalogue; ``memory`` is that of the defaults."""
    defaults = {parameter.name: parameter.default for parameter in entry.parameters}
    return {
        "name": entry.name,
        "aliases": list(entry.aliases),
        "title": spoken_title(entry.title),
        "inputs": list(entry.columns(defaults)),
        "parameters": [_about_parameter(parameter) for parameter in entry.parameters],
        "outputs": list(entry.outputs),
        "memory": entry.memory(defaults).value,
    }


def _about_parameter(parameter: IndicatorParameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "type": parameter.kind,
        "default": parameter.default,
        "minimum": parameter.low,
        "maximum": parameter.high,
        "choices": list(parameter.choices),
    }
