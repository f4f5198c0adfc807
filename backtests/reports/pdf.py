"""The report of one run as a PDF for paper and archives: the same texts as the page, charts as vectors."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _
from reportlab.lib.colors import Color, HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    CondPageBreak,
    Flowable,
    HRFlowable,
    KeepTogether,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
    TableStyle,
)

from backtests.reports.embed import equity_caption
from backtests.reports.html import Headline, report_texts
from backtests.reports.notices import Notice
from backtests.reports.palette import LIGHT
from backtests.reports.pdf_charts import Curve, line_chart
from backtests.reports.pdf_fonts import BOLD, FIXED, PLAIN, marked
from backtests.reports.report_input import ReportInput
from backtests.reports.report_tables import Block, DrawdownRow, MonthTable, Pair, RateTable

MARGIN = 15 * mm
PADDING = 6
"""What a frame of reportlab keeps free inside its edges."""
WIDTH = A4[0] - 2 * MARGIN
GAP = 8 * mm
HALF = (WIDTH - GAP) / 2
INK, MUTED, LINE = HexColor("#1b2430"), HexColor(LIGHT.muted), HexColor(LIGHT.frame)
TONES = {"gain": HexColor("#c92a2a"), "loss": HexColor("#127a46")}
SEVERITY = {"warning": HexColor("#fdf5e2"), "critical": HexColor("#ffe9d1")}

Cells = list[list[Any]]


def render_pdf(run: ReportInput) -> bytes:
    """The report of ``run`` in the active language, as the content of a PDF file."""
    texts = report_texts(run)
    number = f" · #{texts['run_number']}" if texts["run_number"] else ""
    file = BytesIO()
    document = SimpleDocTemplate(
        file,
        pagesize=A4,
        leftMargin=MARGIN - PADDING,
        rightMargin=MARGIN - PADDING,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
        title=texts["title"] + number,
        subject=texts["kind"],
        author=run.owner,
        lang=get_language() or "en",
        invariant=True,  # the same run gives the same file
    )
    document.build(
        [*_first_page(run, texts, number), *_figures(texts)],
        canvasmaker=lambda *args, **options: _Numbered(texts["title"] + number, *args, **options),
    )
    return file.getvalue()


def _first_page(run: ReportInput, texts: dict[str, Any], number: str) -> list[Flowable]:
    """What was run, what to know before believing it, the headline figures, the curves."""
    about = " · ".join((texts["kind"], _("times in Shanghai, money in yuan")))
    left = [_heading(texts["subject"]), _pairs(texts["facts"], HALF)]
    right = [_heading(texts["input"]), _pairs(texts["parameters"], HALF)]
    right += [_heading(_("Costs")), _pairs(texts["costs"], HALF)]
    return [
        _text(texts["title"] + number, 15, font=BOLD),
        _text(about, 8, colour=MUTED),
        Spacer(0, 3 * mm),
        *map(_notice, texts["notices"]),
        _headlines(texts["headlines"]),
        Spacer(0, 3 * mm),
        _columns(left, right),
        *_curves(run),
    ]


def _figures(texts: dict[str, Any]) -> list[Flowable]:
    """The tables: months, statistics with what they assume, dated rates, fingerprints."""
    return [
        *_months(texts["months"]),
        *_drawdowns(texts["drawdowns"]),
        *_statistics(texts["blocks"]),
        *[part for table in texts["rate_tables"] for part in _rates(table)],
        KeepTogether([_heading(_("To repeat this run")), _pairs(texts["identity"], WIDTH, font=FIXED, size=7)]),
    ]


def _text(text: str, size: float = 8, *, font: str = PLAIN, colour: Color = INK, right: bool = False) -> Paragraph:
    style = ParagraphStyle(
        "text",
        fontName=font,
        fontSize=size,
        leading=size * 1.3,
        textColor=colour,
        alignment=TA_RIGHT if right else 0,
        splitLongWords=1,
    )
    return Paragraph(marked(text), style)


def _heading(text: str) -> Flowable:
    paragraph = _text(text, 9.5, font=BOLD)
    paragraph.style.spaceBefore, paragraph.style.spaceAfter = 4 * mm, 1.2 * mm
    paragraph.style.keepWithNext = 1
    return paragraph


def _notice(notice: Notice) -> Flowable:
    word = _("Take care") if notice.level == "critical" else _("Warning")
    row = [[_text(word, font=BOLD), _text(notice.text)]]
    look = [("BACKGROUND", (0, 0), (-1, -1), SEVERITY[notice.level]), ("LINEBELOW", (0, 0), (-1, -1), 2, "white")]
    return _table(row, [24 * mm, WIDTH - 24 * mm], look)


def _headlines(items: Sequence[Headline]) -> Flowable:
    """The figures that are read first, three in a row."""
    cells: list[Any] = [_headline(item) for item in items]
    cells += [""] * (-len(cells) % 3)
    rows = [cells[row : row + 3] for row in range(0, len(cells), 3)]
    look = [("BOX", (0, 0), (-1, -1), 0.5, LINE), ("INNERGRID", (0, 0), (-1, -1), 0.5, LINE)]
    table = _table(
        rows, [WIDTH / 3] * 3, [*look, ("TOPPADDING", (0, 0), (-1, -1), 4), ("LEFTPADDING", (0, 0), (-1, -1), 6)]
    )
    table.spaceBefore = 2 * mm
    return table


def _headline(item: Headline) -> list[Flowable]:
    value = f"{item.sign} {item.value}" if item.sign else item.value
    shown = _text(value, 13, font=BOLD, colour=TONES.get(item.tone, INK))
    return [_text(item.name, 7.5, colour=MUTED), shown, _text(item.detail, 7.5, colour=MUTED)]


def _pairs(pairs: Sequence[Pair], width: float, *, font: str = PLAIN, size: float = 8) -> Flowable:
    """Names at the left, values at the right, a line under each."""
    rows = [[_text(pair.name, 8, colour=MUTED), _text(pair.value, size, font=font, right=True)] for pair in pairs]
    share = 0.5 if width < WIDTH else 0.25
    return _table(rows, [width * share, width * (1 - share)], [("LINEBELOW", (0, 0), (-1, -2), 0.4, LINE)])


def _columns(left: list[Flowable], right: list[Flowable]) -> Flowable:
    return _table([[left, "", right]], [HALF, GAP, HALF], [])


def _curves(run: ReportInput) -> list[Flowable]:
    """Equity with the start capital, and the drawdown below it."""
    days = run.days
    if not len(days):
        return []
    equity = Curve(days.trading_day, days.equity, LIGHT.equity)
    depth = Curve(days.trading_day, days.drawdown * 100, LIGHT.drawdown, fill=True)
    return [
        KeepTogether(
            [
                _heading(_("Equity and drawdown")),
                line_chart([equity], WIDTH, 48 * mm, base=run.capital),
                line_chart([depth], WIDTH, 26 * mm, places=1),
                _text(equity_caption(days.equity, run.capital), 7.5, colour=MUTED),
            ]
        )
    ]


def _months(months: MonthTable) -> list[Flowable]:
    if not months.years:
        return []
    head = [_("Year"), *months.months, _("Whole year")]
    rows: Cells = [[_text(name, 7, colour=MUTED, right=place > 0) for place, name in enumerate(head)]]
    look: list[tuple[Any, ...]] = []
    for year, cells, total in months.years:
        line = len(rows)
        rows.append([_text(year, 7, font=BOLD), *(_text(cell.text, 7, right=True) for cell in (*cells, total))])
        tinted = [(place, cell.tint) for place, cell in enumerate((*cells, total), start=1) if cell.tint]
        look += [("BACKGROUND", (place, line), (place, line), _tint(tint)) for place, tint in tinted]
    widths = [11 * mm, *[(WIDTH - 29 * mm) / 12] * 12, 18 * mm]
    table = _table(rows, widths, [*look, ("LINEBELOW", (0, 0), (-1, -2), 0.4, LINE)], repeat=1)
    return [CondPageBreak(40 * mm), _heading(_("Returns by month, percent")), table]


def _tint(name: str) -> Color:
    """The ground of ``gain-1`` to ``loss-4``, as strong as on the page."""
    side, _dash, strength = name.partition("-")
    tone = TONES[side]
    share = (0.08, 0.18, 0.32, 0.48)[int(strength) - 1]
    return Color(*(1 - share * (1 - part) for part in (tone.red, tone.green, tone.blue)))


def _drawdowns(rows: Sequence[DrawdownRow]) -> list[Flowable]:
    if not rows:
        return []
    names = (
        _("Depth"),
        _("Peak"),
        _("Deepest day"),
        _("Recovered on"),
        _("Days down"),
        _("Days back"),
        _("Days in all"),
    )
    head = [_text(name, 7, colour=MUTED, right=True) for name in names]
    cells = [[_text(text, 7.5, right=True) for text in row] for row in rows]
    table = _table([head, *cells], [WIDTH / len(names)] * len(names), [("LINEBELOW", (0, 0), (-1, -2), 0.4, LINE)])
    return [KeepTogether([_heading(_("The deepest drawdowns")), table])]


def _statistics(blocks: Sequence[Block]) -> list[Flowable]:
    """The groups of each block in two columns, then what the block assumes; they may break over pages."""
    parts: list[Flowable] = [_heading(_("Statistics"))]
    for block in blocks:
        parts += [CondPageBreak(30 * mm), _subheading(block.title)]
        for group in block.groups:
            half = (len(group.figures) + 1) // 2
            sides = [_pairs(part, HALF) for part in (group.figures[:half], group.figures[half:])]
            title = [_small(group.title)] if group.title else []
            parts.append(KeepTogether([*title, _columns([sides[0]], [sides[1]])]))
        parts += [_subheading(f"{_('Conventions')}: {block.title}"), _pairs(block.conventions, WIDTH, size=7.5)]
    return parts


def _small(text: str) -> Flowable:
    paragraph = _text(text, 7.5, colour=MUTED)
    paragraph.style.spaceBefore = 1.5 * mm
    return paragraph


def _subheading(text: str) -> Flowable:
    paragraph = _text(text, 8, font=BOLD, colour=MUTED)
    paragraph.style.spaceBefore, paragraph.style.spaceAfter = 2.5 * mm, 0.8 * mm
    paragraph.style.keepWithNext = 1
    return paragraph


def _rates(table: RateTable) -> list[Flowable]:
    head = [
        _text(_("Valid from"), 7, colour=MUTED),
        *(_text(name, 7, colour=MUTED, right=True) for name in table.columns),
    ]
    rows = [[_text(day, 7.5), *(_text(rate, 7.5, right=True) for rate in rates)] for day, rates in table.rows]
    widths = [24 * mm, *[(WIDTH - 24 * mm) / len(table.columns)] * len(table.columns)]
    look = [("LINEBELOW", (0, 0), (-1, -2), 0.4, LINE), ("VALIGN", (0, 0), (-1, 0), "BOTTOM")]
    return [_heading(table.title), _table([head, *rows], widths, look, repeat=1)]


def _table(rows: Cells, widths: list[float], look: list[tuple[Any, ...]], *, repeat: int = 0) -> Table:
    """A table with narrow rows; an empty one is no more than a line."""
    if not rows:
        return HRFlowable(width="100%", thickness=0.4, color=LINE)
    tight = [(f"{side}PADDING", (0, 0), (-1, -1), size) for side, size in (("TOP", 1.2), ("BOTTOM", 1.8))]
    sides = [(f"{side}PADDING", (0, 0), (-1, -1), 2.0) for side in ("LEFT", "RIGHT")]
    style = [("VALIGN", (0, 0), (-1, -1), "TOP"), *tight, *sides, *look]
    return Table(rows, widths, style=TableStyle(style), repeatRows=repeat, hAlign="LEFT")


class _Numbered(Canvas):  # type: ignore[misc]
    """A canvas that writes title and page number below each page once the number of pages is known."""

    def __init__(self, title: str, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._foot = title
        self._pages: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802 - reportlab's name
        """Keep the page back until the last one is there."""
        self._pages.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        """Write every page with its number."""
        for number, page in enumerate(self._pages, start=1):
            self.__dict__.update(page)
            foot = _text(f"{self._foot} · {number} / {len(self._pages)}", 7, colour=MUTED, right=True)
            foot.wrapOn(self, WIDTH, 5 * mm)
            foot.drawOn(self, MARGIN, 7 * mm)
            super().showPage()
        super().save()
