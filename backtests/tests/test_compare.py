"""Comparison of runs: who may, what is refused, and what command, REST, page and file say."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from accounts.models import AuditEntry, User
from accounts.roles import RESEARCHER
from backtests import services
from backtests.admin_compare import compare_url
from backtests.compare import compare_runs, export_comparison, numbers_of
from backtests.models import BacktestRun
from backtests.reports.compare_tables import notices
from backtests.requests import RunRequest
from backtests.tests.runs import finished
from quantsite.common.errors import ConflictError, MissingError, RefusedError, RuleError
from quantsite.testing.cast import make_user

pytestmark = pytest.mark.django_db

Pair = tuple[BacktestRun, BacktestRun]
URL = "/api/v1/backtests/compare/"


@pytest.fixture
def erin(db: None) -> User:
    """Another researcher."""
    return make_user("erin", RESEARCHER)


@pytest.fixture
def two(alice: User, asked: RunRequest) -> Pair:
    """Two runs of Alice's that differ in a parameter and in the slippage."""
    costs = replace(asked.costs, slippage_ticks=3)
    return finished(alice, asked), finished(alice, replace(asked, parameters={"fast": 5, "slow": 8}, costs=costs))


def runs_of(two: Pair) -> str:
    """As in an address."""
    return ",".join(str(run.pk) for run in two)


def test_what_differs_comes_with_every_figure(two: Pair, alice: User) -> None:
    found = compare_runs(alice, [run.pk for run in two])
    facts = {row.name: row.values for row in found.facts()}
    assert facts == {"parameters.fast": (3, 5), "costs.slippage_ticks": (1, 3)}
    rows = {(row.block, row.name): row for row in found.figures()}
    for name, value in two[0].statistics["standard"].items():
        assert rows["standard", name].values == (value, two[1].statistics["standard"][name])
    profit = rows["standard", "net_profit"]
    assert profit.differences[1] == pytest.approx(two[1].net_profit - two[0].net_profit)  # type: ignore[operator]
    assert profit.best == (0 if two[0].net_profit > two[1].net_profit else 1,)  # type: ignore[operator]
    assert found.is_same_period()


def test_only_visible_runs_are_compared_and_the_refusal_names_the_run(
    two: Pair, erin: User, bob: User, alice: User
) -> None:
    ids = [run.pk for run in two]
    with pytest.raises(MissingError, match=f"no backtest run {ids[0]}"):
        compare_runs(erin, ids)
    services.share_run(alice, ids[0], erin)
    with pytest.raises(MissingError, match=f"no backtest run {ids[1]}"):
        compare_runs(erin, ids)
    services.share_run(alice, ids[1], erin)
    assert len(compare_runs(erin, ids).runs) == 2
    with pytest.raises(RefusedError):
        compare_runs(bob, ids)


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ([1], "From 2 to 10 runs can be compared, not 1."),
        (list(range(1, 12)), "From 2 to 10 runs can be compared, not 11."),
        ([4, 5, 4], "Backtest run 4 is named more than once."),
    ],
)
def test_too_few_too_many_and_twice_the_same_are_refused(numbers: list[int], text: str, alice: User) -> None:
    with pytest.raises(RuleError) as refusal:
        compare_runs(alice, numbers)
    assert (refusal.value.text, refusal.value.fields) == (text, {"runs": text})


def test_a_run_without_a_result_is_refused(two: Pair, alice: User, asked: RunRequest) -> None:
    waiting = services.run_backtest(alice, asked)
    with pytest.raises(ConflictError, match=f"run {waiting.pk} has no result"):
        compare_runs(alice, [two[0].pk, waiting.pk])


@pytest.mark.parametrize("text", ["", "1,,2", "1,x", "1;2", "-1,2", "1" * 19 + ",2", "٣,2"])
def test_numbers_of_runs_are_read_strictly(text: str) -> None:
    assert numbers_of("12, 15") == [12, 15]
    with pytest.raises(RuleError, match="is no number of a run"):
        numbers_of(text)


def test_rest_answers_json_or_a_page(two: Pair, api: Any, alice: User, erin: User) -> None:
    answer = api(alice).get(URL, {"runs": runs_of(two)})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    body = answer.json()
    assert [run["run"] for run in body["runs"]] == [run.pk for run in two]
    assert [row["name"] for row in body["facts"]] == ["parameters.fast", "costs.slippage_ticks"]
    assert body["correlations"][0][0]["value"] == pytest.approx(1.0)
    assert body["equity"][0]["rebased"][-1] == pytest.approx(two[0].end_equity / two[0].capital * 100)  # type: ignore[operator]
    page = api(alice).get(URL, {"runs": runs_of(two), "as": "html", "lang": "zh-hans"})
    assert page.headers["Content-Security-Policy"].startswith("sandbox ")
    assert 'lang="zh-hans"' in page.content.decode()
    refused = api(erin).get(URL, {"runs": runs_of(two)})
    assert (refused.status_code, refused.json()["detail"]) == (404, f"There is no backtest run {two[0].pk}.")
    assert api(alice).get(URL, {"runs": "7"}).json()["fields"]["runs"].endswith("not 1.")
    assert "known: html, json" in api(alice).get(URL, {"runs": runs_of(two), "as": "xls"}).json()["detail"]


def test_the_command_prints_tables_or_json_and_writes_a_file(two: Pair, tmp_path: Path) -> None:
    ids = [str(run.pk) for run in two]
    printed, file = StringIO(), tmp_path / "both.html"
    call_command("compare", *ids, "--report", str(file), stdout=printed)
    for text in (*(f"#{number}" for number in ids), "Sharpe ratio", "≠ 5", "Correlation"):
        assert text in printed.getvalue()
    assert 'id="comparison-data"' in file.read_text()
    out = StringIO()
    call_command("compare", *ids, "--json", "--user", "alice", stdout=out)
    assert [run["run"] for run in json.loads(out.getvalue())["runs"]] == [run.pk for run in two]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--report", "both.pdf"], r"should end in \.html / \.json"),
        (["--report", "/nowhere/at/all.html"], "does not exist"),
        (["--user", "erin"], "no backtest run"),
        (["--user", "bob"], "bob"),
    ],
)
def test_the_command_refuses_in_one_sentence(two: Pair, erin: User, bob: User, arguments: list[str], text: str) -> None:
    with pytest.raises(CommandError, match=text) as refusal:
        call_command("compare", *(str(run.pk) for run in two), *arguments, stdout=StringIO())
    assert "\n" not in str(refusal.value)


def test_the_list_s_action_leads_to_the_page(two: Pair, client: Client, alice: User) -> None:
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    chosen = {"action": "compare", "_selected_action": [str(run.pk) for run in two]}
    answer = client.post(reverse("admin:backtests_backtestrun_changelist"), chosen)
    assert answer.headers["Location"] == compare_url([run.pk for run in two])
    page = client.get(answer.headers["Location"])
    assert page.status_code == 200
    assert [row.name for row in page.context["facts"]] == ["fast", "Slippage, ticks a fill"]
    file = client.get(answer.headers["Location"] + "&as=html")
    assert file.headers["Content-Disposition"] == f'attachment; filename="comparison-{two[0].pk}-{two[1].pk}.html"'
    assert AuditEntry.objects.filter(verb="admin.action").count() == 1


def test_a_page_of_runs_of_somebody_else_tells_nothing(two: Pair, client: Client, erin: User) -> None:
    client.force_login(erin, backend="django.contrib.auth.backends.ModelBackend")
    ids = [run.pk for run in two]
    answer = client.get(compare_url(ids))
    assert answer.headers["Location"] == reverse("admin:backtests_backtestrun_changelist")
    assert [str(message) for message in get_messages(answer.wsgi_request)] == [f"There is no backtest run {ids[0]}."]
    assert client.get(compare_url(ids, "backtests_backtestrun_compare_chart")).status_code == 404


def test_a_trader_sees_no_comparison(two: Pair, client: Client, bob: User) -> None:
    client.force_login(bob, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(compare_url([run.pk for run in two])).status_code == 403


def test_the_file_holds_every_figure_in_both_languages(two: Pair, alice: User) -> None:
    ids = [run.pk for run in two]
    english = export_comparison(alice, ids, "html", "en").body.decode()
    chinese = export_comparison(alice, ids, "html", "zh-hans").body.decode()
    for figure in ("sharpe", "max_drawdown"):
        value = two[1].statistics["standard"][figure]
        shown = f"{value:.3f}" if figure == "sharpe" else f"{value * 100:.2f} %"
        assert shown in english
        assert shown in chinese
    assert "夏普比率" in chinese
    assert "https://" not in english.split("<script>")[0]
    with override("en"):
        told = notices(compare_runs(alice, ids))
    assert (told[0].level, told[0].text) == (
        "critical",
        f"#{ids[0]}, #{ids[1]}: Simulated prices: the data was generated, no such market existed.",
    )
