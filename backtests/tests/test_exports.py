"""The files of a run through every door: the same content, the format that was asked for, a name of its own."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import User
from backtests import services
from backtests.exports import KINDS, form_of
from backtests.models import BacktestRun
from backtests.requests import RunRequest
from backtests.result_rows import read_days, read_fills
from backtests.run_document import result_document
from backtests.run_page import run_url
from backtests.tests.runs import finished
from quantsite.common.errors import ConflictError, RuleError

pytestmark = pytest.mark.django_db

STARTS = {
    ("report", "html"): b"<!doctype html>",
    ("report", "pdf"): b"%PDF-1.",
    ("report", "json"): b'{"run":',
    ("fills", "csv"): b"datetime,trading_day,instrument,",
    ("fills", "parquet"): b"PAR1",
    ("equity", "csv"): b"trading_day,equity,",
    ("equity", "parquet"): b"PAR1",
}


@pytest.fixture
def run(alice: User, asked: RunRequest) -> BacktestRun:
    """A finished run of Alice's."""
    return finished(alice, asked)


def test_every_kind_has_its_formats() -> None:
    assert set(STARTS) == {(kind, form) for kind, formats in KINDS.items() for form in formats.makers}


@pytest.mark.parametrize(("kind", "form"), STARTS)
def test_rest_and_console_give_the_same_file(
    kind: str, form: str, run: BacktestRun, api: Any, client: Client, alice: User
) -> None:
    made = services.export_run(alice, run.pk, kind, form)
    assert made.body.startswith(STARTS[kind, form])
    name = f"backtest-{run.pk}{'' if kind == 'report' else '-' + kind}.{form}"
    answer = api(alice).get(f"/api/v1/backtests/{run.pk}/{kind}/", {"as": form})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, made.media_type)
    assert answer.headers["Content-Disposition"].endswith(f'filename="{name}"')
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get(run_url("report" if form == "html" else f"{kind}_{form}", run.pk))
    assert page.status_code == 200
    if form != "html":  # a chart's elements are numbered anew in each page
        assert answer.content == page.content == made.body


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("application/pdf", "application/pdf"),
        ("application/json", "application/json"),
        ("*/*", "text/html; charset=utf-8"),
    ],
)
def test_the_header_accept_chooses_too(run: BacktestRun, api: Any, alice: User, accept: str, media_type: str) -> None:
    answer = api(alice).get(f"/api/v1/backtests/{run.pk}/report/", HTTP_ACCEPT=accept)
    assert answer.headers["Content-Type"] == media_type
    assert answer.headers["Content-Security-Policy"].startswith("sandbox ") is media_type.startswith("text/html")


def test_an_unknown_format_is_refused_with_the_known_ones(run: BacktestRun, api: Any, alice: User) -> None:
    answer = api(alice).get(f"/api/v1/backtests/{run.pk}/fills/", {"as": "xlsx"})
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_format")
    assert answer.json()["fields"]["as"] == "There is no format 'xlsx' here; known: csv, parquet."


def test_a_run_without_a_result_has_no_files(asked: RunRequest, api: Any, alice: User, bob: User) -> None:
    waiting = services.run_backtest(alice, asked)
    with pytest.raises(ConflictError):
        services.export_run(alice, waiting.pk, "equity", "parquet")
    for kind in KINDS:
        form = next(iter(KINDS[kind].makers))
        assert api(alice).get(f"/api/v1/backtests/{waiting.pk}/{kind}/", {"as": form}).status_code == 409
        assert api(bob).get(f"/api/v1/backtests/{waiting.pk}/{kind}/", {"as": form}).status_code == 403


def test_parquet_holds_the_rows_unrounded_with_their_types(run: BacktestRun, alice: User) -> None:
    fills, days = read_fills(run), read_days(run)
    table = pyarrow.parquet.read_table(BytesIO(services.export_run(alice, run.pk, "fills", "parquet").body))
    assert str(table.schema.field("datetime").type) == "timestamp[ns, tz=Asia/Shanghai]"
    assert table["datetime"].cast("int64").to_pylist() == fills.start.tolist()
    assert table["commission"].to_pylist() == fills.commission.tolist()
    assert set(table["instrument"].to_pylist()) == {run.instrument.code}
    assert set(table["offset"].to_pylist()) <= {"open", "close", "close_today"}
    table = pyarrow.parquet.read_table(BytesIO(services.export_run(alice, run.pk, "equity", "parquet").body))
    assert table["equity"].to_pylist() == days.equity.tolist()
    assert table["trading_day"].to_pylist() == [day.trading_day for day in run.days.order_by("trading_day")]


def test_json_holds_everything(run: BacktestRun, alice: User) -> None:
    document = json.loads(services.export_run(alice, run.pk, "report", "json").body)
    assert {name: document[name] for name in result_document(run)} == json.loads(json.dumps(result_document(run)))
    assert (len(document["fill_rows"]), len(document["day_rows"])) == (run.fill_count, run.days.count())
    assert document["fill_rows"][0]["price"] == read_fills(run).price[0]
    assert document["day_rows"][-1]["equity"] == run.end_equity
    assert (document["owner"], document["data_hash"]) == ("alice", run.data_hash)


def test_the_suffix_decides(tmp_path: Path) -> None:
    assert form_of(tmp_path / "a.b.PDF", KINDS["report"].makers) == "pdf"
    with pytest.raises(RuleError, match=r"should end in \.csv / \.parquet"):
        form_of(tmp_path / "fills.xlsx", KINDS["fills"].makers)
    with pytest.raises(RuleError, match="is a folder"):
        form_of(tmp_path, KINDS["fills"].makers)


def test_the_command_refuses_an_unknown_suffix_before_it_runs(asked: RunRequest, tmp_path: Path) -> None:
    options = ["--instrument", asked.instrument, "--interval", "5m", "--report", str(tmp_path / "report.doc")]
    with pytest.raises(CommandError, match=r"\.html / \.pdf / \.json"):
        call_command("run_backtest", "double_ma", *options)
    assert not BacktestRun.objects.exists()


def test_the_command_writes_each_format(asked: RunRequest, tmp_path: Path) -> None:
    files = {(kind, form): tmp_path / f"{kind}.{form}" for kind, form in STARTS}
    for form in ("pdf", "json"):
        command = ["double_ma", "--instrument", asked.instrument, "--interval", "5m", "--json"]
        command += ["--report", str(files["report", form])]
        table = {"pdf": "csv", "json": "parquet"}[form]
        command += ["--fills", str(files["fills", table]), "--equity", str(files["equity", table])]
        call_command("run_backtest", *command, stdout=_Nothing())
    for key, file in files.items():
        assert key == ("report", "html") or file.read_bytes().startswith(STARTS[key])


class _Nothing:
    """Takes what is printed."""

    def write(self, _text: str) -> None:
        """Drop it."""
