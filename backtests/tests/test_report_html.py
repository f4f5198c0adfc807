"""The report as a file: complete, offline, safe, rounded only here."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from django.utils import translation

from backtests.domain.result import FillTable
from backtests.domain.statistics_conventions import CONVENTIONS, STANDARD, VNPY
from backtests.reports.assets import inside_json, inside_script, report_scripts
from backtests.reports.html import CLOSE_UP_BARS, headlines, render_report, report_context
from backtests.reports.labels import BLOCKS, CONVENTION_NAMES, CONVENTION_VALUES
from backtests.reports.report_tables import SHOWN_FILLS, fills
from backtests.tests.report_cases import bars, empty_input, report_input

LOADING = {"src", "href", "srcset", "action", "data", "poster"}


class Page(HTMLParser):
    """What a browser would load, the inline handlers, and the text outside scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.handlers: list[str] = []
        self.scripts: list[str] = []
        self.words: list[str] = []
        self.inside = ""
        self.feed(html)
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag
        self.loads += [value or "" for name, value in attrs if name in LOADING]
        self.handlers += [name for name, _ in attrs if name.startswith("on") or name == "style"]

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "script":
            self.scripts.append(data)
        elif self.inside != "style":
            self.words.append(data)


def test_it_asks_nothing_of_any_network() -> None:
    page = Page(render_report(report_input()))
    assert page.loads == ["data:,"]
    assert page.handlers == []
    html = render_report(report_input())
    assert "default-src 'none'" in html
    assert "@import" not in html


def test_it_carries_the_chart_library_and_its_data() -> None:
    page = Page(render_report(report_input()))
    assert sum(len(script) for script in page.scripts) > 1_000_000
    charts = [json.loads(script) for script in page.scripts if script.startswith("{")]
    assert [set(chart) for chart in charts] == [{"figure", "dark", "caption"}] * 3


def test_the_first_numbers_come_first() -> None:
    text = Page(render_report(report_input())).text
    wanted = ["Total return", "▼", "-0.06 %", "net profit -58.01", "Annual return", "Max drawdown", "Sharpe ratio"]
    wanted += ["Win rate", "of 2 closed trades", "Payoff ratio", "What was run", "Conventions"]
    places = [text.index(word) for word in wanted]
    assert places == sorted(places)


def test_hashes_versions_parameters_and_costs_are_printed() -> None:
    text = Page(render_report(report_input(data_hash="da7a", seed=7))).text
    hashes = ("c0ffee" * 10, "5eed" * 16, "da7a")
    for word in (*hashes, "Seed 7", "Engine version 1", "fast 10", "slow 30", "0.0001", "run 42"):
        assert word in text


def test_undefined_is_a_dash_and_zero_a_zero() -> None:
    text = Page(render_report(empty_input())).text
    assert "Sharpe ratio –" in text
    assert "Closed trades 0" in text
    assert "The strategy never traded." in text
    assert "nan" not in text.lower().split()


@pytest.mark.parametrize("block", ["standard", "vnpy"])
def test_every_figure_and_convention_has_a_name(block: str) -> None:
    assert set(report_input().statistics[block]) == set(BLOCKS[block])
    assert set(CONVENTIONS[block]) == set(CONVENTION_NAMES)
    codes = {value for value in CONVENTIONS[block].values() if isinstance(value, str)}
    assert codes <= set(CONVENTION_VALUES)


def test_both_conventions_are_printed() -> None:
    text = Page(render_report(report_input())).text
    for convention in (STANDARD, VNPY):
        assert str(CONVENTION_VALUES[convention["returns"]]) in text
        assert str(CONVENTION_VALUES[convention["drawdown_base"]]) in text
        assert f"Days in a year {convention['annual_days']}" in text


def test_what_users_typed_is_escaped() -> None:
    evil = '</script><img src=x onerror="alert(1)">'
    html = render_report(report_input(strategy=evil, parameters={evil: evil}, warnings=(evil,), owner=evil))
    page = Page(html)
    assert page.handlers == []
    assert page.loads == ["data:,"]
    assert page.text.count(evil) >= 4


def test_scripts_and_data_cannot_end_their_element() -> None:
    assert inside_script("a</script>b<!--c") == "a<\\/script>b<\\!--c"
    text = inside_json(json.dumps({"a": "</script><!-- & -->"}))
    assert "<" not in text
    assert json.loads(text) == {"a": "</script><!-- & -->"}
    assert all("</script" not in script for script in report_scripts())


def test_the_language_is_the_reader_s() -> None:
    with translation.override("zh-hans"):
        html = render_report(report_input())
    assert '<html lang="zh-hans"' in html
    assert "一月" in Page(html).text


def _prices(**changes: Any) -> list[tuple[str, str]]:
    return [(price.id, price.title) for price in report_context(report_input(**changes))["price_charts"]]


def test_a_long_run_gets_a_close_up() -> None:
    assert _prices() == [("price-0", "")]
    long = bars(2 * CLOSE_UP_BARS + 1)
    whole, close_up = report_context(report_input(bars=long))["price_charts"]
    assert (whole.id, close_up.id, close_up.title) == ("price-0", "close-up", "The end of the run, bar by bar")
    assert json.loads(close_up.chart)["caption"].startswith(f"{CLOSE_UP_BARS} bars")


def test_each_instrument_has_its_price_under_its_name() -> None:
    costs = report_input().costs
    legs = {**costs, "legs": [{**costs, "instrument": "hc88.SHFE", "multiplier": 5.0}]}
    few = report_input().fills
    split = replace(few, leg=np.array([0, 0, 1, 1], np.int8))
    other = replace(bars(), instrument="hc88.SHFE")
    changes = {"fills": split, "costs": legs, "further": (other,)}
    assert _prices(**changes) == [("price-0", "rb88.SHFE"), ("price-1", "hc88.SHFE")]
    context = report_context(report_input(**changes))
    assert [json.loads(price.chart)["caption"][:16] for price in context["price_charts"]] == ["30 bars, 2 fills"] * 2
    assert set(context["charts"]) == {"equity", "excursions"}


def test_without_bars_the_charts_made_of_them_are_left_out() -> None:
    context = report_context(report_input(bars=None))
    assert (set(context["charts"]), context["price_charts"]) == ({"equity"}, [])


def test_many_fills_show_the_first_and_the_last() -> None:
    few = report_input().fills
    repeated = FillTable(**{name: np.tile(getattr(few, name), 30) for name in FillTable.__slots__})
    shown = fills(report_input(fills=repeated))
    assert (shown.total, shown.skipped) == ("120", "20")
    assert [len(shown.first), len(shown.last)] == [SHOWN_FILLS, SHOWN_FILLS]
    assert (shown.first[0].number, shown.last[0].number, shown.last[-1].number) == ("1", "71", "120")
    assert "20 fills between" in Page(render_report(report_input(fills=repeated))).text


def test_a_gain_and_a_loss_differ_by_sign_word_and_colour() -> None:
    won = report_input()
    won = report_input(statistics={**won.statistics, "standard": {**won.statistics["standard"], "total_return": 0.12}})
    assert (headlines(won)[0].tone, headlines(won)[0].sign, headlines(won)[0].value) == ("gain", "▲", "+12.00 %")
    assert (headlines(report_input())[0].tone, headlines(report_input())[0].sign) == ("loss", "▼")
    assert '<body class="green-up">' in render_report(report_input(red_up=False))


def test_the_library_inside_names_no_server_it_would_ask() -> None:
    assert not any("cdn." in script for script in report_scripts())
