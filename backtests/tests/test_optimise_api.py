"""REST optimizations/ and walk-forwards/, and what the socket tells of them."""

import csv
from collections.abc import Callable
from io import BytesIO, StringIO
from typing import Any

import pyarrow.parquet as pq
import pytest
from asgiref.sync import sync_to_async
from rest_framework.test import APIClient

from accounts.models import AuditEntry, User
from backtests.optimise import services
from backtests.optimise.models import OptimizationRun, WalkForwardRun
from backtests.optimise.requests import OptimizationRequest, WalkForwardRequest
from backtests.optimise.work import work_for
from backtests.states import RunStatus
from backtests.tests.optimisations import optimized, walked
from backtests.tests.test_consumers import silent, socket_of, subscribed
from marketdata.models import Instrument

pytestmark = pytest.mark.django_db

Api = Callable[..., APIClient]

BODY = {
    "strategy": "double_ma",
    "instrument": "simrb88.SIM",
    "interval": "5m",
    "space": {"fast": "3:9:2", "slow": [5, 10, 15]},
    "objectives": ["sharpe", "commission"],
    "constraints": ["trade_count>=1"],
    "multiplier": 10,
    "price_tick": 1,
    "commission_rate": 0.0001,
    "margin_rate": 0.1,
}


@pytest.fixture
def done(alice: User, searched: OptimizationRequest) -> OptimizationRun:
    """Alice's finished optimisation."""
    return optimized(alice, searched)


def test_asked_computed_and_read(api: Api, alice: User, sim: Instrument) -> None:
    client = api(alice)
    answer = client.post("/api/v1/optimizations/", BODY)
    assert answer.status_code == 202, answer.content
    assert answer.json()["status"] == "queued"
    assert answer.json()["space"] == {"fast": {"low": 3.0, "high": 9.0, "step": 2.0}, "slow": [5, 10, 15]}
    work_for(answer.json()["id"], "worker")
    read = client.get(answer["Location"]).json()
    assert (read["status"], read["progress"], read["done"], read["skipped"]) == ("succeeded", 1.0, 9, 3)
    assert set(read["best"]) >= {"number", "parameters", "net_profit", "fills", "result_hash", "objectives"}
    assert set(read["overfitting"]) >= {"pbo", "deflated_sharpe", "probabilistic_sharpe", "lineage_trials", "sentences"}
    assert all(line["sentence"] for line in read["overfitting"]["sentences"])
    listed = client.get("/api/v1/optimizations/?status=succeeded").json()["results"]
    assert [row["id"] for row in listed] == [read["id"]]
    assert listed[0]["deflated_sharpe"] == read["overfitting"]["deflated_sharpe"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"space": {"fast": "9:3:1"}}, "fast"),
        ({"space": {}}, "space"),
        ({"objectives": ["sharp"]}, "objectives"),
        ({"constraints": ["x"]}, "constraints"),
        ({"method": "magic"}, "method"),
        ({"method": "tpe"}, "trials"),
        ({"instrument": "none"}, "instrument"),
        ({"capitl": 5}, "capitl"),
        ({"parameters": {"fast": 3}}, "fast"),
    ],
)
def test_refused_input_is_named(api: Api, alice: User, sim: Instrument, changes: dict[str, Any], field: str) -> None:
    answer = api(alice).post("/api/v1/optimizations/", {**BODY, **changes})
    assert answer.status_code in {400, 404}
    problem = answer.json()
    assert field in problem["fields"], problem
    assert not OptimizationRun.objects.exists()


def test_trials_come_in_pages_in_any_order(api: Api, alice: User, done: OptimizationRun) -> None:
    client, base = api(alice), f"/api/v1/optimizations/{done.pk}/trials/"
    whole = client.get(base).json()
    assert (whole["count"], whole["next"]) == (9, None)
    numbers = [row["number"] for row in whole["results"]]
    assert numbers == sorted(numbers)
    best = client.get(f"{base}?sort=-score&limit=4").json()
    assert best["results"][0]["number"] == done.best["number"]
    scores = [row["objectives"]["sharpe"] for row in best["results"]]
    rest = client.get(best["next"]).json()
    scores += [row["objectives"]["sharpe"] for row in rest["results"]]
    assert scores == sorted(scores, reverse=True)
    assert set(best["results"][0]) >= {"parameters", "net_profit", "fills", "result_hash", "statistics"}
    refused = client.get(f"{base}?sort=colour")
    assert refused.status_code == 400
    assert "score" in refused.json()["detail"]


def test_files_hold_every_trial(api: Api, alice: User, done: OptimizationRun) -> None:
    client, base = api(alice), f"/api/v1/optimizations/{done.pk}/trials/"
    answer = client.get(base, headers={"accept": "text/csv"})
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    rows = list(csv.DictReader(StringIO(text)))
    stored = list(done.trials.order_by("number"))
    assert [int(row["number"]) for row in rows] == [trial.number for trial in stored]
    assert [row["result_hash"] for row in rows] == [trial.result_hash for trial in stored]
    assert [int(row["fast"]) for row in rows] == [trial.parameters["fast"] for trial in stored]
    assert [float(row["sharpe"]) for row in rows] == [trial.statistics["sharpe"] for trial in stored]
    answer = client.get(base, headers={"accept": "application/vnd.apache.parquet"})
    table = pq.read_table(BytesIO(answer.content))
    assert table.column("result_hash").to_pylist() == [trial.result_hash for trial in stored]
    assert table.column("fast").type == "int64"
    assert table.column("sharpe").to_pylist() == [trial.statistics["sharpe"] for trial in stored]


def test_cancel_resume_and_their_conflicts(api: Api, alice: User, sim: Instrument) -> None:
    client = api(alice)
    run = client.post("/api/v1/optimizations/", BODY).json()["id"]
    assert client.post(f"/api/v1/optimizations/{run}/cancel/").json()["status"] == "cancelled"
    assert client.post(f"/api/v1/optimizations/{run}/cancel/").status_code == 409
    assert client.post(f"/api/v1/optimizations/{run}/resume/").status_code == 202
    assert client.post(f"/api/v1/optimizations/{run}/resume/").status_code == 409


def test_a_share_shows_it_and_lets_nobody_change_it(api: Api, alice: User, done: OptimizationRun) -> None:
    rob = User.objects.create_user("rob", password=None)
    rob.groups.set(alice.groups.all())
    address = f"/api/v1/optimizations/{done.pk}/"
    assert api(rob).get(address).status_code == 404
    assert api(alice).post(f"{address}share/", {"user": "rob"}).status_code == 200
    assert api(rob).get(address).status_code == 200
    assert api(rob).get(f"{address}trials/").status_code == 200
    assert api(rob).post(f"{address}cancel/").status_code == 403
    assert api(alice).post(f"{address}share/", {"user": "rob", "shared": False}).status_code == 200
    assert api(rob).get(address).status_code == 404
    assert api(alice).post(f"{address}share/", {"user": "nobody"}).status_code == 400
    verbs = AuditEntry.objects.filter(verb__contains="share").order_by("seq").values_list("verb", flat=True)
    assert list(verbs) == ["optimization.share", "optimization.unshare"]


def test_walk_forwards(api: Api, alice: User, sim: Instrument, searched: OptimizationRequest) -> None:
    client = api(alice)
    body = {**BODY, "in_sample": 10, "out_of_sample": 5, "gap": 1}
    answer = client.post("/api/v1/walk-forwards/", body)
    assert answer.status_code == 202, answer.content
    assert len(answer.json()["windows"]) == 3
    assert client.post(f"/api/v1/walk-forwards/{answer.json()['id']}/cancel/").json()["status"] == "cancelled"
    walk = walked(alice, WalkForwardRequest(searched, 10, 5, gap=1))
    read = client.get(f"/api/v1/walk-forwards/{walk.pk}/").json()
    assert [window["number"] for window in read["windows"]] == [1, 2, 3]
    assert len(read["equity"]) == 15
    assert read["statistics"]["trading_days"] == 15
    assert len(client.get("/api/v1/walk-forwards/").json()["results"]) == 2
    wrong = client.post("/api/v1/walk-forwards/", {**body, "in_sample": 0})
    assert wrong.status_code == 400
    assert "in_sample" in wrong.json()["fields"]


@pytest.mark.django_db(transaction=True)
async def test_the_socket_tells_of_every_chunk(alice: User, searched: OptimizationRequest) -> None:
    run = await sync_to_async(services.optimize)(alice, searched)
    async with socket_of(alice) as socket:
        first = await subscribed(socket, f"optimization:{run.pk}")
        assert (first["type"], first["seq"], first["data"]["status"]) == ("snapshot", 0, "queued")
        assert (first["data"]["run"], first["data"]["total"], first["data"]["done"]) == (run.pk, 12, 0)
        await sync_to_async(work_for)(run.pk, "worker")
        update = await socket.hear()
        while update["data"]["status"] != RunStatus.SUCCEEDED:
            update = await socket.hear()
        assert (update["data"]["done"], update["data"]["skipped"]) == (9, 3)


@pytest.mark.django_db(transaction=True)
async def test_the_socket_tells_nothing_of_somebody_elses(
    alice: User, ada: User, searched: OptimizationRequest
) -> None:
    run = await sync_to_async(services.optimize)(ada, searched)
    walk = await sync_to_async(services.walk_forward)(ada, WalkForwardRequest(searched, 10, 5))
    async with socket_of(alice) as socket:
        for channel in (f"optimization:{run.pk}", f"walk-forward:{walk.pk}"):
            answer = await subscribed(socket, channel)
            assert (answer["type"], answer["data"]["code"]) == ("error", "unknown_channel")
        for channel in ("optimizations", "walk-forwards"):
            assert (await subscribed(socket, channel))["data"] == []
        await sync_to_async(work_for)(run.pk, "worker")
        assert await silent(socket)
    assert await WalkForwardRun.objects.acount() == 1
