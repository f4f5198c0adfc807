"""The report as a PDF, opened as a reader does: its words in both languages, and the charts that are drawn."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2
import pytest
from django.utils.translation import override
from reportlab.graphics.shapes import Drawing, PolyLine, String

from backtests.domain.result import DayTable
from backtests.reports import pdf_fonts
from backtests.reports.html import report_texts
from backtests.reports.palette import LIGHT
from backtests.reports.pdf import render_pdf
from backtests.reports.pdf_charts import EPOCH, Curve, line_chart, round_days, round_values
from backtests.reports.report_input import ReportInput
from backtests.tests.report_cases import empty_input, report_input


def long_input(count: int = 900, **changes: Any) -> ReportInput:
    """A run of ``count`` days whose equity rises and falls."""
    day = np.arange(16_000, 16_000 + count, dtype=np.int32)
    equity = 100_000.0 * np.exp(0.2 * np.sin(np.arange(count) / 90))
    peak = np.maximum(np.maximum.accumulate(equity), 100_000.0)
    ones = np.ones(count)
    days = DayTable(day, equity, np.diff(equity, prepend=100_000.0), ones, ones, equity / peak - 1, ones, ones)
    return replace(report_input(days=days), **changes)


def words(content: bytes) -> list[str]:
    """The text of each page."""
    document = pypdfium2.PdfDocument(content)
    return [page.get_textpage().get_text_range() for page in document]


def test_the_first_page_has_facts_parameters_headlines_and_warnings() -> None:
    run = report_input(warnings=("No commission was charged on any fill.",), simulated=True)
    first, *_rest = words(render_pdf(run))
    texts = report_texts(run)
    expected = [texts["title"], "#42", "fast", "30", *(notice.text for notice in texts["notices"])]
    expected += [part for item in texts["headlines"] for part in (item.name, item.detail)]
    assert [text for text in expected if text not in " ".join(first.split())] == []


def test_every_figure_convention_rate_and_hash_is_somewhere() -> None:
    run = report_input()
    pages = "".join("".join(words(render_pdf(run))).split())
    texts = report_texts(run)
    pairs = [pair for block in texts["blocks"] for pair in (*_figures(block), *block.conventions)]
    pairs += [*texts["costs"], *texts["identity"]]
    expected = [text for pair in pairs for text in pair] + [
        text for table in texts["rate_tables"] for text in table.columns
    ]
    assert [text for text in expected if "".join(text.split()) not in pages] == []


def _figures(block: Any) -> list[Any]:
    return [pair for group in block.groups for pair in group.figures] if hasattr(block, "groups") else block.figures


def test_chinese_is_written_in_a_chinese_font() -> None:
    with override("zh-hans"):
        content = render_pdf(report_input())
    pages = "".join(words(content))
    for text in ("夏普比率", "最大回撤", "回测报告"):
        assert text in pages
    assert pdf_fonts.chinese_font() in (pdf_fonts.READERS_OWN, *(file.stem for file in pdf_fonts.CHINESE))


def test_the_curves_are_on_the_paper() -> None:
    page = pypdfium2.PdfDocument(render_pdf(long_input()))[0]
    pixels = page.render(scale=1.5).to_numpy()[..., :3].astype(int)
    for token in ("equity", "drawdown"):
        colour = [int(getattr(LIGHT, token)[place : place + 2], 16) for place in (5, 3, 1)]  # pdfium gives blue first
        assert (np.abs(pixels - colour).max(axis=2) < 60).sum() > 150, token


def test_the_same_run_gives_the_same_file() -> None:
    assert render_pdf(report_input()) == render_pdf(report_input())


def test_a_run_that_never_traded_has_a_report_too() -> None:
    pages = words(render_pdf(empty_input()))
    assert "double_ma" in pages[0]


def test_markup_in_a_name_is_text() -> None:
    pages = words(render_pdf(report_input(parameters={"<b>&": "</font><"})))
    assert "<b>&" in pages[0]
    assert "</font><" in pages[0]


def test_a_font_that_cannot_be_embedded_is_passed_over(tmp_path: Path) -> None:
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"OTTO" + bytes(64))
    assert pdf_fonts.chinese_font((broken, tmp_path / "missing.ttf")) == pdf_fonts.READERS_OWN


def test_letters_that_helvetica_lacks_are_marked() -> None:
    font = pdf_fonts.chinese_font()
    assert pdf_fonts.marked("A–β<净") == f'A–<font name="{font}">β</font>&lt;<font name="{font}">净</font>'


@pytest.mark.parametrize(
    ("low", "high", "count", "expected"),
    [
        (0.0, 100.0, 4, [0.0, 50.0, 100.0]),
        (-24.0, 0.0, 3, [-20.0, -10.0, 0.0]),
        (0.97, 1.04, 4, [0.98, 1.0, 1.02, 1.04]),
        (1e6, 3.4e6, 5, [1e6, 1.5e6, 2e6, 2.5e6, 3e6]),
    ],
)
def test_axes_have_round_figures(low: float, high: float, count: int, expected: list[float]) -> None:
    assert round_values(low, high, count) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("first", "last", "labels"),
    [
        (date(2024, 1, 30), date(2024, 2, 2), ["01-30", "01-31", "02-01", "02-02"]),
        (date(2024, 1, 2), date(2024, 6, 28), ["2024-02", "2024-03", "2024-04", "2024-05", "2024-06"]),
        (date(2014, 1, 2), date(2019, 12, 31), ["2015", "2016", "2017", "2018", "2019"]),
        (date(2024, 1, 2), date(2024, 1, 2), ["01-02"]),
    ],
)
def test_the_axis_of_days_has_few_labels(first: date, last: date, labels: list[str]) -> None:
    found = round_days((first - EPOCH).days, (last - EPOCH).days)
    assert [text for _day, text in found] == labels


def test_a_chart_keeps_its_curves_inside_and_shows_its_base() -> None:
    days = np.arange(19_000, 19_100, dtype=np.int32)
    chart = line_chart([Curve(days, np.linspace(90, 140, 100), "#123456")], 400, 100, base=100.0)
    [curve] = [shape for shape in _shapes(chart) if isinstance(shape, PolyLine) and len(shape.points) == 200]
    across, up = np.array(curve.points).reshape(-1, 2).T
    assert 0 < across.min() < across.max() < 400
    assert 0 < up.min() < up.max() < 100
    assert "100" in [shape.text for shape in _shapes(chart) if isinstance(shape, String)]


@pytest.mark.parametrize("value", [0.0, 5.0, -3.0])
def test_a_flat_curve_and_a_single_day_are_drawn(value: float) -> None:
    for count in (1, 5):
        days = np.arange(19_000, 19_000 + count, dtype=np.int32)
        chart = line_chart([Curve(days, np.full(count, value), "#123456", fill=True)], 400, 100)
        assert any(isinstance(shape, String) for shape in _shapes(chart))


def test_nothing_to_draw_is_an_empty_chart() -> None:
    assert list(_shapes(line_chart([], 400, 100))) == []


def _shapes(group: Any) -> list[Any]:
    """Every shape of a drawing."""
    if not isinstance(group, Drawing) and not hasattr(group, "contents"):
        return [group]
    return [shape for part in group.contents for shape in _shapes(part)]
