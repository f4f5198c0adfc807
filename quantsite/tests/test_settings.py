"""Settings from the environment: what stops the start-up, and what the embedded default makes for itself."""

import stat
from pathlib import Path

import pytest

from quantsite.tests.settings_runs import KEYS, run_python

POSTGRES = "postgres://desk:pw@db.example:5432/quantsite"
LOAD = "import quantsite.settings as s"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_URL", "mysql://db/quantsite"),
        ("DATABASE_URL", "postgres://db:5432/"),
        ("DATABASE_URL", "postgres://db:port/quantsite"),
        ("REDIS_URL", "http://cache"),
        ("CELERY_BROKER_URL", "sqs://queue"),
        ("QUANTSITE_DEBUG", "perhaps"),
        ("QUANTSITE_HTTPS", "2"),
        ("QUANTSITE_ENVIRONMENT", "production"),
        ("QUANTSITE_LANGUAGE", "fr"),
        ("QUANTSITE_LOG_LEVEL", "LOUD"),
        ("QUANTSITE_LOG_FORMAT", "xml"),
        ("QUANTSITE_DB_POOL", "many"),
        ("QUANTSITE_DB_POOL", "1"),
        ("QUANTSITE_LOGIN_ATTEMPTS", "1000"),
        ("QUANTSITE_ACCESS_MINUTES", "0"),
        ("QUANTSITE_SECRET_KEY", "short"),
        ("QUANTSITE_AUDIT_KEY", "short"),
        ("QUANTSITE_VAR_DIR", "/proc/none/var"),
        ("QUANTSITE_LOGIN_RATE", "often"),
    ],
)
def test_a_wrong_value_stops_the_start_and_is_named(tmp_path: Path, variable: str, value: str) -> None:
    done = run_python(LOAD, tmp_path, **{variable: value})
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("django.core.exceptions.ImproperlyConfigured: ")
    assert variable in last


@pytest.mark.parametrize("missing", sorted(KEYS))
def test_with_a_server_database_a_missing_secret_stops_the_start(tmp_path: Path, missing: str) -> None:
    given = {**KEYS, missing: ""}
    done = run_python(LOAD, tmp_path, DATABASE_URL=POSTGRES, **given)
    assert done.returncode == 1
    assert f"{missing} is not set" in done.stderr
    assert not (tmp_path / "var").exists()


def test_no_message_shows_a_password(tmp_path: Path) -> None:
    done = run_python(LOAD, tmp_path, DATABASE_URL="mysql://desk:hunter2@db/quantsite")
    assert done.returncode == 1
    assert "hunter2" not in done.stderr


def test_the_embedded_default_needs_no_variable_and_keeps_its_keys(tmp_path: Path) -> None:
    code = f"{LOAD}; print(s.SECRET_KEY, s.AUDIT_KEY, s.DEBUG, s.DATABASES['default']['NAME'], s.CELERY_BROKER_URL)"
    first, second = (run_python(code, tmp_path) for _ in range(2))
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    secret, audit, debug, database, broker = first.stdout.split()
    assert secret != audit
    assert debug == "False"
    assert database == str(tmp_path / "var" / "quantsite.sqlite3")
    assert broker.startswith("filesystem:")
    for name, value in (("quantsite_secret_key", secret), ("quantsite_audit_key", audit)):
        kept = tmp_path / "var" / "keys" / name
        assert kept.read_text(encoding="ascii") == value
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700


def test_everything_written_lies_under_the_var_folder(tmp_path: Path) -> None:
    code = (
        "import django, json; django.setup(); from django.conf import settings as s;"
        "o = s.CELERY_BROKER_TRANSPORT_OPTIONS;"
        "print(json.dumps([str(p) for p in (s.DATABASES['default']['NAME'], s.STATIC_ROOT, s.MEDIA_ROOT,"
        "o['data_folder_in'], o['data_folder_out'], o['control_folder'], s.CELERY_BEAT_SCHEDULE_FILENAME)]))"
    )
    done = run_python(code, tmp_path, QUANTSITE_VAR_DIR=str(tmp_path / "elsewhere"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(str(tmp_path / "elsewhere")) == 7
    assert (tmp_path / "elsewhere" / "celery" / "queue").is_dir()


def test_servers_come_from_their_urls(tmp_path: Path) -> None:
    names = "d['HOST'], d['PORT'], d['NAME'], d['USER'], s.CELERY_BROKER_URL, s.HTTPS"
    code = f"{LOAD}; d = s.DATABASES['default']; print({names})"
    done = run_python(code, tmp_path, DATABASE_URL=POSTGRES, REDIS_URL="redis://cache:6379/1", **KEYS)
    assert done.stdout.split() == ["db.example", "5432", "quantsite", "desk", "redis://cache:6379/1", "True"]


def test_beat_finds_its_folder_on_servers_and_a_read_only_disk_stops_nobody_else(tmp_path: Path) -> None:
    given = {"DATABASE_URL": POSTGRES, "REDIS_URL": "redis://cache:6379/1", **KEYS}
    assert run_python("import quantsite.celery", tmp_path, **given).returncode == 0
    assert (tmp_path / "var" / "celery").is_dir()
    done = run_python("import quantsite.celery", tmp_path, **given, QUANTSITE_VAR_DIR="/proc/none")
    assert done.returncode == 0, done.stderr
    assert "beat cannot run here" in done.stderr


def test_the_production_configuration_passes_the_deployment_check(tmp_path: Path) -> None:
    code = (
        "import django; django.setup(); from django.core.management import call_command;"
        "call_command('check', deploy=True, fail_level='WARNING')"
    )
    done = run_python(
        code,
        tmp_path,
        DATABASE_URL=POSTGRES,
        REDIS_URL="redis://cache:6379/1",
        QUANTSITE_ALLOWED_HOSTS="desk.example",
        QUANTSITE_METRICS_TOKEN="for-prometheus",
        QUANTSITE_SECRET_KEY="kqXw7v_2m9rTzB4LhY8sNdPf6GcJ3aQe5uWxVtRyHi0oLm1EzUj-R",
        QUANTSITE_AUDIT_KEY="Zt5nMb8xQw2LkJ7hGf4dSa1pOi9uYt6rEe3wQaZxSc0_vB7yKk-4n",
    )
    assert done.returncode == 0, done.stdout + done.stderr
