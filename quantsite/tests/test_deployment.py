"""The files under ``deploy/`` agree with the platform and with the runbook."""

import json
import re

import pytest
import yaml
from django.test import Client

from quantsite.testing import deployment
from quantsite.testing.servers import ROOT

KIND = re.compile(r'register_kind\(\s*"(\w+)"')
VARIABLE = re.compile(r"\$\{([A-Z_]+)")


def test_proxy_alerts_and_dashboard_are_sound() -> None:
    assert deployment.parse_nginx() == []
    assert deployment.runbook_gaps() == []
    assert deployment.dashboard_faults() == []


def alarm_codes() -> list[str]:
    """The codes that any app names, read from the sources: not every process loads every app's alarms."""
    paths = [path for path in ROOT.glob("[a-z]*/**/*.py") if not {"tests", "var"} & set(path.relative_to(ROOT).parts)]
    sources = [path.read_text(encoding="utf-8") for path in paths]
    return sorted({code for source in sources for code in KIND.findall(source)})


@pytest.mark.parametrize("code", alarm_codes())
def test_the_runbook_says_what_to_do_on_each_alarm(code: str) -> None:
    assert code.replace("_", "-") in deployment.runbook_anchors()


def test_every_variable_of_the_compose_file_stands_in_the_example() -> None:
    asked = set(VARIABLE.findall(deployment.COMPOSE.read_text()))
    given = {line.partition("=")[0] for line in (deployment.DEPLOY / "env.example").read_text().splitlines()}

    assert asked - given == {"QUANTSITE_VERSION"}


def test_every_service_is_watched() -> None:
    services = yaml.safe_load(deployment.COMPOSE.read_text())["services"]

    assert set(services) == {
        *(
            "migrate",
            "web",
            "worker",
            "beat",
            "nginx",
            "timescaledb",
            "redis",
            "prometheus",
            "grafana",
            "feed",
            "recorder",
            "gateway",
            "strategies",
        ),
    }
    assert {name for name, service in services.items() if "test" not in service["healthcheck"]} == {"migrate"}


def metric_names(text: str) -> set[str]:
    return {re.sub(r"_bucket$", "", name) for name in re.findall(r"quantsite_[a-z_]+", text)}


@pytest.mark.django_db
def test_alerts_and_dashboards_ask_for_metrics_that_exist() -> None:
    asked = metric_names(deployment.ALERTS.read_text())
    for path in (deployment.DEPLOY / "grafana" / "dashboards").glob("*.json"):
        panels = json.loads(path.read_text())["panels"]
        asked |= {name for panel in panels for target in panel["targets"] for name in metric_names(target["expr"])}
    page = Client().get("/metrics")
    told = {line.split()[2] for line in page.content.decode().splitlines() if line.startswith("# TYPE ")}

    assert page.status_code == 200
    assert asked - told == set()
