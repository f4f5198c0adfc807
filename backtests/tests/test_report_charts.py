"""Charts as documents: what they contain, that pages with a strict policy can draw them, and their dark twins."""

import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from backtests.reports.embed import ChartDocument, equity_json, price_json
from backtests.reports.palette import DARK, LIGHT, dark_twins, swapped
from backtests.reports.price_data import FILL_KINDS, PriceData
from backtests.reports.series import MAX_POINTS
from backtests.tests.report_cases import CAPITAL, bars, empty_input, fills, result

COLOUR = re.compile(r'"(#[0-9a-fA-F]{3,8})"')


def _models(document: Any) -> Iterator[dict[str, Any]]:
    """Every model written out in a document."""
    if isinstance(document, dict):
        if document.get("type") == "object":
            yield document
        for value in document.values():
            yield from _models(value)
    elif isinstance(document, list):
        for value in document:
            yield from _models(value)


def _both() -> dict[str, ChartDocument]:
    series = bars()
    done = result(series)
    return {"equity": equity_json(done.days, CAPITAL), "price": price_json(series, done.fills, 0.2)}


def _names(document: Any) -> list[str]:
    return [model["name"] for model in _models(document)]


def test_both_charts_are_json_without_script_or_nan() -> None:
    for chart in _both().values():
        text = json.dumps(chart, allow_nan=False)
        assert "CustomJS" not in text
        assert "http" not in text


def test_equity_and_drawdown_share_one_axis_and_one_cross_hair() -> None:
    figure = _both()["equity"]["figure"]
    plots = [model for model in _models(figure) if model["name"] == "Plot"]
    assert len(plots) == 2
    x_ranges = {plot["attributes"]["x_range"]["id"] for plot in plots}
    assert len(x_ranges) == 1
    crossed = [model for model in _models(figure) if model["name"] == "CrosshairTool"]
    assert len({tool["attributes"]["overlay"]["id"] for tool in crossed}) == 1


def test_every_colour_has_a_dark_twin() -> None:
    series = bars()
    for red_up in (True, False):
        chart = price_json(series, fills(series), 0.2, red_up=red_up)
        used = set(COLOUR.findall(json.dumps(chart["figure"])))
        assert used
        assert used <= set(chart["dark"])


def test_no_two_tokens_of_a_palette_share_a_colour() -> None:
    assert len(dark_twins()) == len(LIGHT.__slots__)
    assert len(set(dark_twins().values())) == len(DARK.__slots__)
    assert (swapped(LIGHT).up, swapped(LIGHT).down, swapped(LIGHT).buy) == (LIGHT.down, LIGHT.up, LIGHT.buy)


def test_few_bars_are_candles_and_many_a_line_in_a_band() -> None:
    series = bars()
    candles = price_json(series, fills(series), 0.2)
    assert _names(candles["figure"]).count("VBar") == 2
    assert "VArea" not in _names(candles["figure"])
    many = bars(MAX_POINTS + 1)
    line = price_json(many, fills(many), 0.2)
    assert "VBar" not in _names(line["figure"])
    assert {"VArea", "Line"} <= set(_names(line["figure"]))
    assert "5,001 bars, 2 a point" in line["caption"]


def test_side_and_offset_have_their_own_shapes() -> None:
    series = bars()
    figure = price_json(series, fills(series), 0.2)["figure"]
    scatters = [model["attributes"] for model in _models(figure) if model["name"] == "Scatter"]
    marks = [scatter for scatter in scatters if "marker" in scatter]
    shapes = {(mark["marker"]["value"], mark["fill_color"]["value"] is None) for mark in marks}
    directions = ("triangle", "inverted_triangle")
    assert shapes == {(direction, hollow) for direction in directions for hollow in (False, True)}


def test_fills_are_sorted_by_kind_at_their_bar() -> None:
    series = bars()
    data = PriceData.of(series, fills(series), 0.2)
    found = dict(zip(FILL_KINDS, data.fills, strict=True))
    assert {kind: marks.total for kind, marks in found.items()} == dict.fromkeys(FILL_KINDS, 1)
    assert (found["buy_open"].x.tolist(), found["buy_open"].price.tolist()) == ([2.0], [4001.2])
    assert (found["sell_close"].x.tolist(), found["buy_close"].x.tolist()) == ([9.0], [20.0])
    assert data.price_format == "0,0.0"


def test_a_part_of_the_bars_shows_the_fills_in_it() -> None:
    series = bars()
    part = series.between(int(series.start[5]), int(series.start[20]))
    data = PriceData.of(part, fills(series), 0.2)
    assert [marks.total for marks in data.fills] == [0, 1, 0, 1]
    assert data.fills[1].x.tolist() == [4.0]


def test_a_run_without_bars_or_days_draws_empty_charts() -> None:
    run = empty_input()
    assert equity_json(run.days, CAPITAL)["caption"] == "No trading day."
    assert price_json(bars(0), run.fills, 1.0)["caption"].startswith("0 bars, 0 fills.")


def test_unknown_values_stay_json() -> None:
    days = result(bars()).days
    days.equity[0] = np.nan
    json.dumps(equity_json(days, CAPITAL), allow_nan=False)
