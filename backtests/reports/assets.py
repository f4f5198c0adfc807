"""The scripts and styles that a report carries inside itself, each read once a process.

Pages take the same chart library as a static file (``quantsite.web.assets.BokehFinder``).
"""

from functools import cache
from importlib.resources import files

from quantsite.web.assets import BokehFinder

CDN = "https://cdn.jsdelivr.net/"
"""Stands twice in bokeh.min.js, for MathJax and an icon font, neither of which a report uses."""


@cache
def report_scripts() -> tuple[str, ...]:
    """The text of each script of a report in the order in which they must run, safe inside ``<script>``.

    Raises ``FileNotFoundError`` where the bokeh wheel does not carry what we need.
    """
    library = [_offline((BokehFinder.location() / name).read_text(encoding="utf-8")) for name in BokehFinder.files]
    own = files("quantsite").joinpath("static/quantsite/charts.js").read_text(encoding="utf-8")
    return tuple(map(inside_script, [*library, own]))


def _offline(text: str) -> str:
    """The chart library without the address from which it would fetch a typesetter of formulas: we set none."""
    return text.replace(CDN, "about:blank#")


@cache
def report_style() -> str:
    """The style sheet of a report."""
    return files("backtests.reports").joinpath("report.css").read_text(encoding="utf-8")


def inside_script(text: str) -> str:
    """``text`` so that no part of it ends the script element or opens a comment in it (HTML, section 4.12.1.3)."""
    return text.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def inside_json(text: str) -> str:
    """JSON text that cannot end the script element it stands in; it reads back to the same value."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
