"""The report of one run: a single HTML file that opens offline, prints, and reads on a telephone."""

import json
from typing import Any, NamedTuple

from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from backtests.domain.statistics import HEADLINE
from backtests.reports import format as form
from backtests.reports import report_tables as tables
from backtests.reports.assets import inside_json, report_scripts, report_style
from backtests.reports.data_words import data_fact
from backtests.reports.embed import ChartDocument, equity_json, excursions_json, price_json, rolling_json
from backtests.reports.notices import notices
from backtests.reports.report_input import ReportInput, multipliers_of, ticks_of
from backtests.reports.series import wall_clock_labels
from backtests.rule_options import rule_pairs
from quantsite.common.times import SHANGHAI

TEMPLATE = "backtests/report.html"
CLOSE_UP_BARS = 240
"""So many candles fit a page with room between them."""

SHOWN_LEGS = 4
"""The prices of further instruments are left out: each makes the page a quarter of a megabyte heavier."""


class Headline(NamedTuple):
    """One number that is read first; ``tone`` is ``gain``, ``loss`` or '' and is told by ``sign`` too."""

    name: str
    value: str
    detail: str
    tone: str
    sign: str


class PriceChart(NamedTuple):
    """One chart of a price: an id for its data, a heading ('' for none), the JSON."""

    id: str
    title: str
    chart: SafeString


def render_report(run: ReportInput) -> str:
    """The report of ``run`` in the active language, as the text of an HTML file without any outside reference.

    All numbers are rounded here and nowhere before. Serve it with ``quantsite.web.csp.use_report_policy``: its
    scripts are inside the file.
    """
    return render_to_string(TEMPLATE, report_context(run))


def report_context(run: ReportInput) -> dict[str, Any]:
    """What the template prints: texts, and the scripts, styles and charts that go in as they are."""
    return {
        **report_texts(run),
        "language": get_language() or "en",
        "palette": "red-up" if run.red_up else "green-up",
        "charts": _charts(run),
        "price_charts": _price_charts(run),
        "style": mark_safe(report_style()),  # noqa: S308  our own file
        "scripts": [mark_safe(script) for script in report_scripts()],  # noqa: S308  the wheel's and ours, escaped
    }


def report_texts(run: ReportInput) -> dict[str, Any]:
    """The words and figures of a report, by section, whatever it is printed on."""
    return {
        **_words(run),
        "title": " · ".join(filter(None, (run.strategy, run.instrument, run.interval))),
        "run_number": str(run.run) if run.run is not None else "",
        "headlines": headlines(run),
        "notices": notices(run),
        "facts": _facts(run),
        "parameters": [tables.Pair(name, str(value)) for name, value in run.parameters.items()],
        "costs": tables.costs(run.costs),
        "rate_tables": tables.rate_tables(run.costs),
        "months": tables.months(run),
        "drawdowns": tables.drawdowns(run),
        "blocks": tables.blocks(run),
        "fills": tables.fills(run),
        "identity": _identity(run),
    }


def _words(run: ReportInput) -> dict[str, str]:
    """What the report calls itself and its parts: fills that somebody reports have no strategy."""
    if run.moments is None:
        return {
            "kind": _("Backtest report"),
            "subject": _("What was run"),
            "input": _("Parameters"),
            "fill_time": _("Bar"),
            "fill_note": _(
                "A fill is stamped with the start of the bar that fills it. Prices contain the slippage; the close "
                "profit is before commission."
            ),
        }
    return {
        "kind": _("Analysis of fills"),
        "subject": _("What was analysed"),
        "input": _("Source"),
        "fill_time": _("Time"),
        "fill_note": _(
            "A fill that closes lots of the day and older ones has two rows. In charts and statistics a fill belongs "
            "to the bar that holds it; the close profit is since the opening, before commission."
        ),
    }


def headlines(run: ReportInput) -> list[Headline]:
    """The six that people name first, in the order of ``HEADLINE``, each with the figure that explains it."""
    figures = {key: _number(value) for key, value in run.statistics["standard"].items()}
    total, yearly, depth, steady, wins, payoff = (figures[key] for key in HEADLINE)
    risk_free = _("not annualised below two days") if steady is None else _("annual, risk-free rate 0")
    return [
        Headline(_("Total return"), form.percent(total, signed=True), _profit(figures["net_profit"]), *_tone(total)),
        _plain(_("Annual return"), form.percent(yearly), _volatility(figures["annual_volatility"])),
        _plain(_("Max drawdown"), form.percent(depth), _under_water(figures["max_drawdown_days"])),
        _plain(_("Sharpe ratio"), form.ratio(steady), risk_free),
        _plain(_("Win rate"), form.percent(wins), _trades(figures["trade_count"])),
        _plain(_("Payoff ratio"), form.ratio(payoff), _costs_paid(figures["commission"])),
    ]


def _plain(name: str, value: str, detail: str) -> Headline:
    return Headline(name, value, detail, "", "")


def _tone(value: float | None) -> tuple[str, str]:
    if not value:
        return "", ""
    return ("gain", "▲") if value > 0 else ("loss", "▼")


def _under_water(days: float | None) -> str:
    return _("longest %(days)s trading days") % {"days": form.count(days)}


def _volatility(value: float | None) -> str:
    return _("volatility %(value)s") % {"value": form.percent(value)}


def _profit(value: float | None) -> str:
    return _("net profit %(value)s") % {"value": form.money(value, signed=True)}


def _trades(value: float | None) -> str:
    return _("of %(number)s closed trades") % {"number": form.count(value)}


def _costs_paid(value: float | None) -> str:
    return _("commission %(value)s") % {"value": form.money(value)}


def _number(value: float | int | str | None) -> float | None:
    return None if value is None or isinstance(value, str) else value


def _facts(run: ReportInput) -> list[tables.Pair]:
    """Who ran what over which data; a fact that is not known is left out."""
    facts = [
        (_("Strategy"), run.strategy),
        (_("Instrument"), run.instrument),
        (_("Interval"), run.interval),
        *_span(run),
        (_("Trading days"), form.count(len(run.days))),
        (_("Data quality"), data_fact(run.data_quality)),
        (_("Start capital"), form.money(run.capital)),
        (_("End equity"), form.money(run.end_equity)),
        (_("Volume a target, lots"), form.plain(run.volume) if run.moments is None else ""),
        *rule_pairs(run.rules),
        (_("Owner"), run.owner),
        (_("Finished"), f"{run.finished_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}" if run.finished_at else ""),
    ]
    return [tables.Pair(name, value) for name, value in facts if value]


def _span(run: ReportInput) -> list[tuple[str, str]]:
    if run.bars is None or not len(run.bars):
        return []
    first, last = wall_clock_labels(run.bars.start[[0, -1]])
    return [(_("Bars"), form.count(len(run.bars))), (_("First bar"), first), (_("Last bar"), last)]


def _identity(run: ReportInput) -> list[tables.Pair]:
    """What makes the run repeatable, in full length."""
    marks = [
        (_("Result hash"), run.result_hash),
        (_("Data hash"), run.data_hash),
        (_("Source hash of the strategy"), run.source_hash),
        (_("Engine version"), run.engine_version),
        (_("Seed"), "" if run.seed is None else str(run.seed)),
    ]
    return [tables.Pair(name, value) for name, value in marks if value]


def _charts(run: ReportInput) -> dict[str, SafeString]:
    """The charts by name, those of the prices apart; a chart that has nothing to show is left out."""
    charts: dict[str, ChartDocument | None] = {}
    if len(run.days):
        charts["equity"] = equity_json(run.days, run.capital, run.series)
        charts["rolling"] = rolling_json(run.days, run.capital, run.conventions["standard"]["annual_days"])
    charts["excursions"] = excursions_json(run.series, run.fills, multipliers_of(run.costs), red_up=run.red_up)
    return {name: inline(chart) for name, chart in charts.items() if chart is not None}


def _price_charts(run: ReportInput) -> list[PriceChart]:
    """For each instrument its price with its fills; of the first one the last bars too where the whole hides them."""
    ticks, found = ticks_of(run.costs), []
    for leg, (bars, tick) in enumerate(zip(run.series[:SHOWN_LEGS], ticks, strict=False)):
        title = bars.instrument if len(run.series) > 1 else ""
        chart = price_json(bars, run.fills, tick, red_up=run.red_up, leg=leg)
        found.append(PriceChart(f"price-{leg}", title, inline(chart)))
        if not leg and len(bars) > 2 * CLOSE_UP_BARS:
            part = bars.between(int(bars.start[-CLOSE_UP_BARS]), None)
            title = " · ".join(filter(None, (title, _("The end of the run, bar by bar"))))
            found.append(PriceChart("close-up", title, inline(price_json(part, run.fills, tick, red_up=run.red_up))))
    return found


def inline(chart: ChartDocument) -> SafeString:
    """A chart as the text of a script element."""
    text = json.dumps(chart, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return mark_safe(inside_json(text))  # noqa: S308  escaped for a script element just above
