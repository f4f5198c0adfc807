"""REST: backtests/."""

from dataclasses import asdict
from typing import Any

import pytest
from django.contrib.auth.models import Group

from accounts.models import AuditEntry, User
from backtests import services
from backtests.models import BacktestRun, RunStatus
from backtests.requests import RunRequest
from backtests.run_document import result_document
from backtests.runner import execute
from backtests.tests.runs import finished, taken

pytestmark = pytest.mark.django_db

URL = "/api/v1/backtests/"


def body_of(asked: RunRequest) -> dict[str, Any]:
    """The request as a body of the API."""
    body = asdict(asked)
    return {name: value for name, value in body.items() if value is not None}


def test_a_post_queues_a_run_and_says_where_it_is(api: Any, alice: User, asked: RunRequest) -> None:
    answer = api(alice).post(URL, body_of(asked))
    run = BacktestRun.objects.get()
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"{URL}{run.pk}/"
    assert (answer.json()["run"], answer.json()["status"], run.owner) == (run.pk, "queued", alice)
    assert answer.json()["costs"]["slippage_ticks"] == 1


def test_costs_may_stand_beside_the_other_options(api: Any, alice: User, asked: RunRequest) -> None:
    nested = body_of(asked)
    flat = {**nested, **nested["costs"]}
    del flat["costs"]
    mixed = {**nested, "costs": {"multiplier": 10.0}, "commission_rate": 0.0002}

    answers = [api(alice).post(URL, body).json() for body in (nested, flat, mixed)]

    assert answers[0]["costs"] == answers[1]["costs"]
    assert answers[0]["costs"]["slippage_ticks"] == 1
    assert (answers[2]["costs"]["multiplier"], answers[2]["costs"]["commission_rate"]) == (10.0, 0.0002)
    assert [answer["id"] for answer in answers] == [answer["run"] for answer in answers]


def test_the_detail_has_what_the_command_prints(api: Any, alice: User, asked: RunRequest) -> None:
    run = finished(alice, asked)
    detail = api(alice).get(f"{URL}{run.pk}/").json()
    document = result_document(run)
    assert {name: detail[name] for name in document} == document
    assert (detail["status"], detail["progress"], detail["owner"]) == ("succeeded", 1.0, "alice")


@pytest.mark.parametrize(
    ("changes", "field", "text"),
    [
        ({"strategy": "doubel_ma"}, "strategy", "Did you mean 'double_ma'?"),
        ({"parameters": {"slwo": 9}}, "slwo", "Did you mean 'slow'?"),
        ({"capital": "much"}, "capital", "valid number"),
        ({"interval": "1m"}, "interval", "Stored: 5m."),
        ({"costs": {"multiplyer": 10}}, "costs.multiplyer", "Did you mean 'multiplier'?"),
        ({"comission_rate": 0.1}, "comission_rate", "Did you mean 'commission_rate'?"),
        ({"costs": {"multiplier": 5}, "multiplier": 10}, "multiplier", "It is given twice: beside costs and in it."),
        ({"costs": {"slippage_ticks": 0.5}}, "costs.slippage_ticks", "valid integer"),
        ({"start": "2024-02-31"}, "start", "Date"),
    ],
)
def test_a_refused_body_names_the_field_and_stores_nothing(
    api: Any, alice: User, asked: RunRequest, changes: dict[str, Any], field: str, text: str
) -> None:
    answer = api(alice).post(URL, body_of(asked) | changes)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert text in answer.json()["fields"][field]
    assert answer.json()["request_id"]
    assert not BacktestRun.objects.exists()


@pytest.mark.parametrize(
    ("parameters", "field", "text"),
    [
        ({"slwo": 9}, "slwo", "没有参数 'slwo'。您是指 'slow' 吗？可用的：fast, slow。"),
        ({"fast": 0}, "fast", "fast 必须大于或等于 1，而不是 0。"),
        ({"fast": "many"}, "fast", "fast 必须是整数，而不是 'many'。"),
        ({"fast": 9, "slow": 5}, "fast", "fast（9）必须小于 slow（5）：请调低 fast 或调高 slow。"),
    ],
)
def test_a_wrong_parameter_is_told_in_the_language_asked_for(
    api: Any, alice: User, asked: RunRequest, parameters: dict[str, Any], field: str, text: str
) -> None:
    body = body_of(asked) | {"parameters": parameters}
    answer = api(alice).post(URL, body, headers={"accept-language": "zh-hans"})
    assert answer.status_code == 400
    assert answer.json()["fields"] == {field: text}
    english = api(alice).post(URL, body, headers={"accept-language": "en"}).json()["fields"][field]
    assert english.isascii()


def test_what_is_not_ones_own_is_not_there(api: Any, alice: User, asked: RunRequest) -> None:
    run = finished(alice, asked)
    rob = User.objects.create_user(username="rob", password="correct horse battery staple")
    rob.groups.add(Group.objects.get(name="researcher"))
    client = api(rob)
    assert client.get(URL).json() == {"results": [], "next": None}
    for tail in ("", "fills/", "equity/", "report/"):
        assert client.get(f"{URL}{run.pk}/{tail}").status_code == 404, tail
    for tail in ("cancel/", "run-again/", "share/"):
        assert client.post(f"{URL}{run.pk}/{tail}", {"user": "rob"}).status_code == 404, tail
    assert api(alice).post(f"{URL}{run.pk}/share/", {"user": "rob"}).status_code == 200
    assert client.get(f"{URL}{run.pk}/").status_code == 200
    assert client.post(f"{URL}{run.pk}/share/", {"user": "rob"}).status_code == 403
    assert client.post(f"{URL}{run.pk}/cancel/").status_code == 403
    assert api(alice).post(f"{URL}{run.pk}/share/", {"user": "rob", "shared": False}).status_code == 200
    assert client.get(f"{URL}{run.pk}/").status_code == 404


@pytest.mark.parametrize(("person", "status"), [("bob", 403), ("rita", 403), ("charlie", 403), (None, 401)])
def test_other_roles_get_nothing(
    request: pytest.FixtureRequest, api: Any, alice: User, asked: RunRequest, person: str | None, status: int
) -> None:
    run = finished(alice, asked)
    client = api(request.getfixturevalue(person) if person else None)
    entries = AuditEntry.objects.filter(verb="refused").count()
    for tail in ("", f"{run.pk}/", f"{run.pk}/fills/", f"{run.pk}/equity/", f"{run.pk}/report/", "strategies/"):
        assert client.get(URL + tail).status_code == status, tail
    for tail in ("", f"{run.pk}/cancel/", f"{run.pk}/run-again/", f"{run.pk}/share/"):
        assert client.post(URL + tail, body_of(asked)).status_code == status, tail
    assert BacktestRun.objects.count() == 1
    assert AuditEntry.objects.filter(verb="refused").count() == entries + (10 if person else 0)


def test_a_list_is_filtered_and_goes_on_by_cursor(api: Any, alice: User, ada: User, asked: RunRequest) -> None:
    runs = [services.run_backtest(alice, asked) for _ in range(3)]
    services.cancel_run(alice, runs[0].pk)
    client = api(ada)
    page = client.get(URL, {"limit": 2}).json()
    assert [run["run"] for run in page["results"]] == [runs[2].pk, runs[1].pk]
    rest = client.get(page["next"]).json()
    assert ([run["run"] for run in rest["results"]], rest["next"]) == ([runs[0].pk], None)

    def found(**query: Any) -> int:
        return len(client.get(URL, query).json()["results"])

    assert found(status="cancelled") == 1
    assert found(status=["cancelled", "queued"]) == 3
    assert found(instrument="simrb88.SIM", strategy="double_ma", interval="5m", owner="alice") == 3
    assert found(instrument="rb88.SHFE") == 0
    assert client.get(URL, {"status": "lost"}).status_code == 400


def test_fills_and_equity_as_pages_and_as_files(api: Any, alice: User, asked: RunRequest) -> None:
    run = finished(alice, asked)
    client = api(alice)
    page = client.get(f"{URL}{run.pk}/fills/", {"limit": 5}).json()
    assert [fill["seq"] for fill in page["results"]] == [1, 2, 3, 4, 5]
    first = page["results"][0]
    assert first["direction"] in ("buy", "sell")
    assert first["offset"] == "open"
    assert first["start"].endswith("Z")
    assert client.get(page["next"]).json()["results"][0]["seq"] == 6
    csv = client.get(f"{URL}{run.pk}/fills/", headers={"accept": "text/csv"})
    lines = csv.content.decode().splitlines()
    assert csv.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert lines[0] == "datetime,trading_day,instrument,direction,offset,price,volume,commission"
    assert len(lines) == 1 + (run.fill_count or 0)
    days = client.get(f"{URL}{run.pk}/equity/").json()["results"]
    assert days[-1]["equity"] == round(run.end_equity or 0, 6)
    file = client.get(f"{URL}{run.pk}/equity/", {"format": "csv"}).content.decode().splitlines()
    assert file[0] == "trading_day,equity,net_profit,commission,slippage,drawdown"
    assert len(file) == 1 + len(days)


def test_the_report_speaks_the_language_asked_for_and_runs_in_a_sandbox(
    api: Any, alice: User, asked: RunRequest
) -> None:
    queued = services.run_backtest(alice, asked)
    client = api(alice)
    assert client.get(f"{URL}{queued.pk}/report/").status_code == 409
    execute(taken(queued))
    report = client.get(f"{URL}{queued.pk}/report/", {"lang": "zh-hans"}, headers={"accept": "text/html"})
    assert report.headers["Content-Type"] == "text/html; charset=utf-8"
    assert report.headers["Content-Security-Policy"].startswith("sandbox")
    assert 'lang="zh-hans"' in report.content.decode()
    assert client.get(f"{URL}{queued.pk}/report/", {"lang": "fr"}).status_code == 400


def test_cancelling_and_running_again(api: Any, alice: User, asked: RunRequest) -> None:
    run = services.run_backtest(alice, asked)
    client = api(alice)
    answer = client.post(f"{URL}{run.pk}/cancel/")
    assert (answer.status_code, answer.json()["status"]) == (200, RunStatus.CANCELLED)
    assert client.post(f"{URL}{run.pk}/cancel/").json()["code"] == "run_is_over"
    again = client.post(f"{URL}{run.pk}/run-again/")
    assert (again.status_code, again.json()["again_of"]) == (202, run.pk)
    assert again.headers["Location"] == f"{URL}{again.json()['run']}/"


def test_sharing_needs_somebody_who_is_there(api: Any, alice: User, bob: User, asked: RunRequest) -> None:
    run = services.run_backtest(alice, asked)
    client = api(alice)
    for body, code in (
        ({}, "invalid_receiver"),
        ({"user": "bob", "group": "researcher"}, "invalid_receiver"),
        ({"user": "nobody"}, "unknown_receiver"),
        ({"user": "bob"}, "role_without_backtests"),
    ):
        answer = client.post(f"{URL}{run.pk}/share/", body)
        assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert client.post(f"{URL}{run.pk}/share/", {"group": "researcher"}).status_code == 200


def test_the_strategies_say_what_they_take(api: Any, alice: User) -> None:
    strategies = {row["name"]: row for row in api(alice).get(f"{URL}strategies/").json()["results"]}
    assert (strategies["double_ma"]["forms"], strategies["double_ma"]["legs"]) == (["target", "plain"], 1)
    assert (strategies["spread"]["forms"], strategies["spread"]["legs"]) == (["plain"], 2)
    fast = strategies["double_ma"]["parameters"][0]
    assert (fast["name"], fast["kind"], fast["default"], fast["minimum"]) == ("fast", "int", 10, 1.0)
