"""A comparison as one HTML file that opens offline, and the parts of it that the console shows too."""

from importlib.resources import files
from typing import Any, NamedTuple

from django.template.loader import render_to_string
from django.utils.safestring import mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from backtests.reports import compare_tables as tables
from backtests.reports.assets import report_scripts, report_style
from backtests.reports.compare_input import ComparedRun, Comparison
from backtests.reports.compare_looks import LOOKS, Look
from backtests.reports.embed import ChartDocument, chart_document
from backtests.reports.html import inline

TEMPLATE = "backtests/comparison.html"


class Head(NamedTuple):
    """The head of a column; ``url`` leads to the run, '' where there is no such page."""

    run: int
    strategy: str
    series: str
    parameters: str
    look: Look
    url: str = ""


def render_comparison(found: Comparison) -> str:
    """The comparison in the active language, as the text of a file without any outside reference.

    Serve it with ``quantsite.web.csp.use_report_policy``: its scripts are inside the file.
    """
    return render_to_string(TEMPLATE, {**comparison_texts(found), **_self_contained(found)})


def comparison_texts(found: Comparison) -> dict[str, Any]:
    """Words and figures by section, for the file and for the console."""
    heads = [_head(run, look) for run, look in zip(found.runs, LOOKS, strict=False)]
    return {
        "title": _("Comparison of runs %(numbers)s") % {"numbers": ", ".join(f"#{head.run}" for head in heads)},
        "heads": heads,
        "notices": tables.notices(found),
        "facts": tables.facts(found),
        "blocks": tables.figures(found),
        "pairings": list(zip(heads, tables.pairings(found), strict=True)),
    }


def comparison_json(found: Comparison) -> ChartDocument:
    """The chart of the comparison for ``charts.js``."""
    from backtests.reports.compare_charts import comparison_chart  # noqa: PLC0415 - bokeh, see embed

    document = chart_document(comparison_chart(found), _caption(found))
    document["dark"] |= {look.light: look.dark for look in LOOKS}
    return document


def _self_contained(found: Comparison) -> dict[str, Any]:
    style = report_style() + files("backtests").joinpath("static/backtests/compare.css").read_text(encoding="utf-8")
    return {
        "language": get_language() or "en",
        "chart": inline(comparison_json(found)),
        "style": mark_safe(style),  # noqa: S308  our own files
        "scripts": [mark_safe(script) for script in report_scripts()],  # noqa: S308  the wheel's and ours, escaped
    }


def _head(run: ComparedRun, look: Look) -> Head:
    values = ", ".join(f"{name} {value}" for name, value in run.parameters.items())
    return Head(run.run, run.strategy, f"{run.instrument} {run.interval}", values, look)


def _caption(found: Comparison) -> str:
    return _("Equity of %(number)s runs, the start capital of each as 100, over their drawdowns in percent.") % {
        "number": len(found.runs)
    }
