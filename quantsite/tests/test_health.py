"""Health, readiness and metrics, with everything there and with the database gone."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from quantsite.tests.settings_runs import DEAD_DATABASE, KEYS, run_python
from quantsite.web.metrics_server import MetricsServer


@pytest.mark.embedded
@pytest.mark.django_db
def test_all_well(client: Client) -> None:
    for path in ("/healthz", "/readyz"):
        answer = client.get(path)
        assert (answer.status_code, answer.content) == (200, b"ok\n")
        assert "no-store" in answer.headers["Cache-Control"]


@pytest.mark.embedded
@pytest.mark.django_db
def test_a_missing_migration_makes_unready_and_says_no_more(client: Client) -> None:
    newest = MigrationRecorder(connection).migration_qs.filter(app="accounts").order_by("-name")[0]
    MigrationRecorder(connection).migration_qs.filter(pk=newest.pk).delete()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.content) == (503, b"unready\n")
    page = client.get("/metrics").content.decode()
    assert 'quantsite_ready{need="migrations"} 0.0' in page
    assert 'quantsite_ready{need="database"} 1.0' in page


def test_a_dead_database(tmp_path: Path) -> None:
    code = """
import django, json; django.setup()
from django.test import Client
client = Client()
answers = {path: client.get(path) for path in ("/healthz", "/readyz", "/metrics")}
print(json.dumps({path: [a.status_code, a.content.decode()] for path, a in answers.items()}))
"""
    done = run_python(
        code,
        tmp_path,
        DATABASE_URL=DEAD_DATABASE,
        REDIS_URL="redis://127.0.0.1:1/0",
        QUANTSITE_ALLOWED_HOSTS="testserver",
        **KEYS,
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert answers["/healthz"] == [200, "ok\n"]
    assert answers["/readyz"] == [503, "unready\n"]
    status, page = answers["/metrics"]
    assert status == 200
    for need in ("database", "cache", "broker", "migrations"):
        assert f'quantsite_ready{{need="{need}"}} 0.0' in page
    assert 'quantsite_metric_source_up{source="accounts.alarms.open_alarms"} 0.0' in page
    assert '"event":"not ready"' in done.stderr


@pytest.mark.django_db
def test_metrics_count_requests_by_route_not_by_address(client: Client) -> None:
    for number in (1, 2):
        client.get(f"/no/such/page/{number}")
    page = client.get("/metrics").content.decode()
    assert 'quantsite_http_requests_total{method="GET",status="404",view="other"}' in page
    assert "no/such/page" not in page
    assert "quantsite_alarms_open" in page
    assert 'quantsite_metric_source_up{source="accounts.alarms.open_alarms"} 1.0' in page


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("token", "headers", "peer", "status"),
    [
        ("", {}, "127.0.0.1", 200),
        ("", {}, "::1", 200),
        ("", {}, "10.0.0.7", 403),
        ("", {}, "", 403),
        ("", {"X-Forwarded-For": "127.0.0.1"}, "127.0.0.1", 403),
        ("", {"Forwarded": "for=127.0.0.1"}, "127.0.0.1", 403),
        ("geheim", {}, "127.0.0.1", 403),
        ("geheim", {"Authorization": "Bearer wrong"}, "127.0.0.1", 403),
        ("geheim", {"Authorization": "geheim"}, "127.0.0.1", 403),
        ("geheim", {"Authorization": "Bearer geheim", "X-Forwarded-For": "10.0.0.7"}, "10.0.0.1", 200),
    ],
)
def test_who_may_scrape(settings: Any, token: str, headers: dict[str, str], peer: str, status: int) -> None:
    settings.METRICS_TOKEN = token
    assert Client().get("/metrics", headers=headers, REMOTE_ADDR=peer).status_code == status


def test_a_process_without_pages_serves_what_it_counts_itself(settings: Any) -> None:
    settings.METRICS_TOKEN = "geheim"
    with MetricsServer(("127.0.0.1", 0)) as server:
        page = _asked(server, "/metrics", "geheim")
        others = [
            _asked(server, "/metrics", "wrong"),
            _asked(server, "/admin/", "geheim"),
            _asked(server, "/metrics", "geheim", b"x=1"),
        ]
    assert (page[0], [status for status, _text in others]) == (200, [403, 404, 405])
    assert "quantsite_order_events_contradicting_total 0.0" in page[1]
    assert "quantsite_metric_source_up" not in page[1]  # what rows say is the web process's to tell
    assert not any("quantsite_" in text for _status, text in others)


def _asked(server: MetricsServer, path: str, token: str, body: bytes | None = None) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
