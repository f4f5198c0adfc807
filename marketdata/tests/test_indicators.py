"""Indicators through their doors: the verb, the API, and what the live ones begin with."""

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import User
from marketdata.domain.bars import BarSeries
from marketdata.domain.indicator_parameters import parsed_parameters
from marketdata.domain.indicator_values import compute
from marketdata.domain.live_indicator import live_indicator
from marketdata.domain.resample import resample
from marketdata.domain.talib_catalogue import catalogue, find_indicator
from marketdata.indicators.services import indicator_history
from marketdata.models import Instrument
from marketdata.services import calculate_indicators
from marketdata.tests.domain.bar_columns import message
from marketdata.tests.stored_bars import made_minutes, put
from quantsite.common.errors import MissingError, RefusedError, RuleError
from quantsite.common.times import iso_utc, ns_to_utc

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_bar_cache")]

Client = Callable[..., APIClient]
PATH = "/api/v1/indicators/"
MACD = f"{PATH}?instrument=simrb88.SIM&interval=5m&name=macd"


@pytest.fixture
def five(db: None) -> BarSeries:
    """The bars of five minutes that three months of stored minutes make."""
    instrument, table, minutes = made_minutes("simrb88.SIM", date(2024, 1, 2), date(2024, 3, 29))
    put(instrument, minutes)
    return resample(minutes, table, "5m")


def whole(name: str, bars: BarSeries, **given: str) -> dict[str, Any]:
    """The values over all bars at once."""
    entry = find_indicator(name)
    return compute(entry, parsed_parameters(entry, given), bars)


def test_values_are_those_of_the_whole_history_and_begin_with_a_final_one(five: BarSeries) -> None:
    everything = whole("macd", five)
    found = calculate_indicators(None, "simrb88.SIM", "5m", "MACD", start=date(2024, 3, 20), limit=100)
    assert found.bars.start.tolist() == five.start[-100:].tolist()
    assert found.parameters == {"fastperiod": 12, "slowperiod": 26, "signalperiod": 9, "histogram": 1, "price": "close"}
    for name, column in everything.items():
        assert np.allclose(found.values[name], column[-100:], rtol=0, atol=1e-9)
    assert found.begins is None
    assert [part.interval for part in found.klines.basis.parts] == ["1m"]


def test_what_adds_up_begins_with_the_first_stored_bar(five: BarSeries) -> None:
    found = calculate_indicators(None, "simrb88.SIM", "5m", "obv", end=date(2024, 2, 2), limit=10)
    rows = five.trading_day <= (date(2024, 2, 2) - date(1970, 1, 1)).days
    assert found.values["value"].tolist() == whole("obv", five)["value"][rows][-10:].tolist()
    assert found.begins == five.start[0]


def test_an_empty_range_has_no_values(five: BarSeries) -> None:
    found = calculate_indicators(None, "simrb88.SIM", "5m", "kdj", start=date(2030, 1, 1))
    assert {name: len(column) for name, column in found.values.items()} == {"k": 0, "d": 0, "j": 0}


def test_live_values_go_on_from_what_is_stored(five: BarSeries) -> None:
    """The bars that a live indicator begins with are enough: then it gives what the history will give."""
    instrument = Instrument.objects.get(code="simrb88.SIM")
    newest = message(next(five.take(slice(-1, None)).rows()))
    for name, given in (
        ("macd", {}),
        ("kdj", {}),
        ("sma", {"timeperiod": "20"}),
        ("obv", {}),
        ("rsi", {"timeperiod": 50}),
    ):
        history = indicator_history(instrument, "5m", name, given)
        live = live_indicator(name, given)
        live.warm(history.take(slice(0, -1)))
        found = calculate_indicators(None, instrument, "5m", name, given, limit=1).values
        for output, value in live.value(newest).items():
            assert value == pytest.approx(found[output][0], rel=1e-11, abs=1e-11), (name, output)
    assert len(indicator_history(instrument, "5m", "sma", {"timeperiod": "20"})) == 20
    assert len(indicator_history(instrument, "5m", "obv")) == len(five)
    assert len(indicator_history(instrument, "11m", "macd")) < len(five)


def test_who_may_ask_and_what_for(five: BarSeries, alice: User, charlie: User) -> None:
    assert calculate_indicators(alice, "simrb88.SIM", "1d", "ma", {"timeperiod": 2}, limit=1).values["value"].size
    with pytest.raises(RefusedError):
        calculate_indicators(charlie, "simrb88.SIM", "5m", "macd")
    with pytest.raises(MissingError, match="no indicator"):
        calculate_indicators(alice, "simrb88.SIM", "5m", "nothing")
    with pytest.raises(RuleError, match="no bar interval"):
        calculate_indicators(alice, "simrb88.SIM", "5", "macd")


def test_the_catalogue_by_groups(alice: User, api: Client) -> None:
    body = api(alice).get(PATH).json()
    assert [group["group"] for group in body["groups"]][:2] == ["Overlap Studies", "Momentum Indicators"]
    entries = {entry["name"]: entry for group in body["groups"] for entry in group["indicators"]}
    assert set(entries) == set(catalogue())
    assert entries["BBANDS"] == {
        "name": "BBANDS",
        "aliases": ["BOLL"],
        "title": "Bollinger Bands",
        "inputs": ["close"],
        "parameters": [
            {"name": "timeperiod", "type": "int", "default": 20, "minimum": 2, "maximum": 5000, "choices": []},
            {"name": "nbdevup", "type": "float", "default": 2.0, "minimum": None, "maximum": None, "choices": []},
            {"name": "nbdevdn", "type": "float", "default": 2.0, "minimum": None, "maximum": None, "choices": []},
            entries["BBANDS"]["parameters"][3],
            {
                "name": "price",
                "type": "choice",
                "default": "close",
                "minimum": None,
                "maximum": None,
                "choices": ["open", "high", "low", "close", "volume"],
            },
        ],
        "outputs": ["upperband", "middleband", "lowerband"],
        "memory": "window",
    }
    assert entries["BBANDS"]["parameters"][3]["choices"][:3] == ["sma", "ema", "wma"]
    assert [left["name"] for left in body["left_out"]] == ["MAVP"]
    assert api(alice).get(f"{PATH}?name=boll").json() == entries["BBANDS"]


def test_the_catalogue_in_the_language_of_its_reader(alice: User, api: Client) -> None:
    body = api(alice).get(PATH, HTTP_ACCEPT_LANGUAGE="zh-hans").json()
    titles = {entry["name"]: entry["title"] for group in body["groups"] for entry in group["indicators"]}
    assert (titles["BBANDS"], titles["WILLR"]) == ("布林带", "威廉指标（%R）")
    assert [title for title in titles.values() if title.isascii()] == []


def test_values_in_rows_and_in_columns(five: BarSeries, alice: User, api: Client) -> None:
    body = api(alice).get(f"{MACD}&limit=3&fastperiod=5&histogram=2").json()
    expected = whole("macd", five, fastperiod="5", histogram="2")
    assert [row["start"] for row in body["results"]] == [iso_utc(ns_to_utc(at)) for at in five.start[-3:].tolist()]
    assert list(body["results"][0]) == ["start", "trading_day", "macd", "macdsignal", "macdhist"]
    for row, values in zip(body["results"], zip(*expected.values(), strict=True), strict=False):
        assert set(row) >= set(expected)
        assert len(values) == 3
    assert [row["macdhist"] for row in body["results"]] == pytest.approx(expected["macdhist"][-3:].tolist(), abs=1e-9)
    assert {name: body[name] for name in ("instrument", "interval", "name", "simulated", "memory", "begins")} == {
        "instrument": "simrb88.SIM",
        "interval": "5m",
        "name": "MACD",
        "simulated": True,
        "memory": "recursive",
        "begins": None,
    }
    assert (body["parameters"]["fastperiod"], body["parameters"]["histogram"]) == (5, 2)
    assert [(part["interval"], part["bars"]) for part in body["basis"]] == [("1m", 3)]
    columns = api(alice).get(f"{MACD}&limit=3&fastperiod=5&histogram=2&layout=columns").json()["columns"]
    assert columns["macd"] == [row["macd"] for row in body["results"]]
    assert columns["trading_day"] == ["2024-03-29"] * 3


def test_unknown_values_are_null(five: BarSeries, alice: User, api: Client) -> None:
    first = iso_utc(ns_to_utc(int(five.start[30])))
    body = api(alice).get(f"{MACD}&end={first}&layout=columns").json()["columns"]
    assert body["macdhist"] == [None] * 30
    ln = api(alice).get(f"{PATH}?instrument=simrb88.SIM&interval=5m&name=acos&limit=2").json()
    assert [row["value"] for row in ln["results"]] == [None, None]
    rvol = api(alice).get(f"{PATH}?instrument=simrb88.SIM&interval=5m&name=div&price1=volume&limit=1")
    assert b"NaN" not in rvol.content
    assert b"nfinity" not in rvol.content


def test_next_leads_to_the_values_before(five: BarSeries, alice: User, api: Client) -> None:
    client = api(alice)
    path, found = f"{MACD}&start=2024-03-26&limit=90", list[float]()
    while path:
        answer = client.get(path)
        body = answer.json()
        assert answer.has_header("Link") == bool(body["next"])
        found = [row["macd"] for row in body["results"]] + found
        path = body["next"]
    assert found == pytest.approx(whole("macd", five)["macd"][-len(found) :].tolist(), abs=1e-9)
    assert len(found) == 4 * 69


@pytest.mark.parametrize(
    ("query", "status", "field", "text"),
    [
        ("instrument=simrb88.SIM&interval=5m", 400, "name", "Say which name"),
        ("instrument=simrb88.SIM&name=macd", 400, "interval", "Say which interval"),
        ("name=macd&timeperiod=3", 400, "instrument", "Say which instrument"),
        ("instrument=simrb88.SIM&interval=5m&name=mcad", 404, None, "Did you mean 'MACD'?"),
        ("name=mcad", 404, None, "Did you mean 'MACD'?"),
        ("instrument=simrb88.SIM&interval=5m&name=mavp", 400, "name", "needs a period for every bar"),
        ("instrument=simrb88.SIM&interval=5m&name=rsi&period=3", 400, "period", "Did you mean 'timeperiod'?"),
        ("instrument=simrb88.SIM&interval=5m&name=rsi&timeperiod=1", 400, "timeperiod", "from 2 to 5000"),
        ("instrument=simrb88.SIM&interval=5m&name=rsi&limit=0", 400, "limit", "from 1 to 100000"),
        ("instrument=simrb88.SIM&interval=5m&name=rsi&layout=x", 400, "layout", "'columns'"),
        ("instrument=simrb89.SIM&interval=5m&name=rsi", 404, None, "no instrument"),
    ],
)
def test_a_wrong_question_is_told_what_is_wrong(
    five: BarSeries, alice: User, api: Client, query: str, status: int, field: str | None, text: str
) -> None:
    answer = api(alice).get(f"{PATH}?{query}")
    body = answer.json()
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert text in body["detail"]
    assert list(body["fields"]) == ([field] if field else [])


def test_names_of_every_group_answer(five: BarSeries, alice: User, api: Client) -> None:
    client = api(alice)
    one_a_group = {entry.group: entry for entry in catalogue().values()}
    assert len(one_a_group) == 10
    for entry in one_a_group.values():
        name = entry.name
        answer = client.get(f"{PATH}?instrument=simrb88.SIM&interval=1m&name={name.lower()}&limit=2")
        assert answer.status_code == 200, name
        assert list(json.loads(answer.content)["results"][1])[2:] == list(entry.outputs), name


def test_values_cost_as_many_queries_as_one(five: BarSeries, alice: User, api: Client) -> None:
    client = api(alice)
    path = f"{PATH}?instrument=simrb88.SIM&interval=5m&name=sma"
    client.get(path)
    with CaptureQueriesContext(connection) as one:
        client.get(f"{path}&limit=1")
    with CaptureQueriesContext(connection) as many:
        client.get(f"{path}&limit=1000")
    assert len(one) == len(many)
