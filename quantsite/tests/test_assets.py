"""Static files: what is offered, hashed names, and when they are collected anew."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.staticfiles import finders
from django.core.management import CommandError, call_command
from structlog.testing import capture_logs

from quantsite.management.commands import run_platform
from quantsite.web import assets

LIGHTWEIGHT_CHARTS = "c0992580867c4912cc9385b3c2728315bcc1a76c7f1087dca908430fccdf31d7"
"""Of dist/lightweight-charts.standalone.production.js in the makers' own npm package lightweight-charts 5.2.0."""


def test_the_chart_library_comes_from_its_wheel_and_nothing_else_of_it() -> None:
    found = finders.find("bokeh/bokeh.min.js")
    assert found
    assert Path(found).stat().st_size > 500_000
    for other in ("bokeh/bokeh.js", "bokeh/../bokeh.py", "bokeh/lib/main.js", "bokeh.min.js"):
        assert not finders.find(other)


def test_the_quote_pages_chart_is_the_script_that_its_makers_published() -> None:
    found = finders.find("lightweight-charts/lightweight-charts.standalone.production.js")
    assert found
    assert hashlib.sha256(Path(found).read_bytes()).hexdigest() == LIGHTWEIGHT_CHARTS
    assert not finders.find("lightweight-charts/../server.py")


def _forget_finders() -> None:
    cached: Any = finders.get_finder
    cached.cache_clear()


@pytest.fixture
def collected(tmp_path: Path, settings: Any) -> Iterator[Path]:
    """Our own files only, collected with hashed names into a folder of their own."""
    settings.STATIC_ROOT = tmp_path / "static"
    settings.VAR_DIR = tmp_path
    settings.STATICFILES_DIRS = [django_settings.BASE_DIR / "quantsite" / "static"]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": "quantsite.web.assets.HashedStorage"}}
    _forget_finders()
    run_platform.prepare_static_files()
    yield tmp_path / "static"
    _forget_finders()


def test_names_are_hashed_and_files_compressed_once_collected(collected: Path) -> None:
    storage = assets.HashedStorage(location=collected, base_url="/static/")
    name = storage.stored_name("quantsite/console.css")
    assert name.startswith("quantsite/console.")
    assert name != "quantsite/console.css"
    assert (collected / f"{name}.gz").is_file()
    assert (collected / f"{name}.br").is_file()
    assert not (collected / "quantsite" / "console.css.gz").exists()
    with pytest.raises(ValueError, match="nothing"):
        storage.stored_name("quantsite/nothing.css")


def test_modules_import_each_other_by_hashed_names(collected: Path, settings: Any, tmp_path: Path) -> None:
    folder = tmp_path / "source" / "marketdata" / "quotes"
    folder.mkdir(parents=True)
    (folder / "one.js").write_text("export const one = 1;\n")
    (folder / "two.js").write_text('import { one } from "./one.js";\nwindow.two = one + 1;\n')
    settings.STATICFILES_DIRS = [*settings.STATICFILES_DIRS, tmp_path / "source"]
    _forget_finders()
    run_platform.prepare_static_files()
    storage = assets.HashedStorage(location=collected, base_url="/static/")
    imported = Path(storage.stored_name("marketdata/quotes/one.js")).name
    assert imported != "one.js"
    assert f'from "./{imported}"' in (collected / storage.stored_name("marketdata/quotes/two.js")).read_text()


def test_before_the_first_collection_names_are_plain(tmp_path: Path) -> None:
    assert assets.HashedStorage(location=tmp_path).stored_name("quantsite/console.css") == "quantsite/console.css"


def test_collected_files_count_until_a_source_changes(collected: Path, settings: Any, tmp_path: Path) -> None:
    assert assets.collected()
    extra = tmp_path / "more"
    extra.mkdir()
    (extra / "new.css").write_text("a {}")
    settings.STATICFILES_DIRS = [*settings.STATICFILES_DIRS, extra]
    _forget_finders()
    assert not assets.collected()
    (collected / "staticfiles.json").unlink()
    assert not assets.collected()


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("::", False), ("10.0.0.1", False), ("desk", False)],
)
def test_what_is_reached_from_this_machine_only(host: str, loopback: bool) -> None:
    assert run_platform.is_loopback(host) is loopback


@pytest.mark.parametrize(
    ("host", "https", "told"),
    [
        ("127.0.0.1", False, []),
        ("127.0.0.1", True, ["cookies go over https only"]),
        ("0.0.0.0", True, ["listening beyond this machine"]),  # noqa: S104
    ],
)
def test_the_log_advises_before_a_page_does_not_work(settings: Any, host: str, https: bool, told: list[str]) -> None:
    settings.HTTPS = https
    with capture_logs() as logged:
        run_platform.advise(host)
    assert [line["event"] for line in logged] == told


def test_a_port_in_use_is_refused_with_a_sentence() -> None:
    taken = run_platform.listen("127.0.0.1", 0)
    taken.listen()
    port = taken.getsockname()[1]
    with pytest.raises(CommandError, match=f"127.0.0.1:{port}.*choose another --port"):
        run_platform.listen("127.0.0.1", port)
    taken.close()


@pytest.mark.django_db
def test_old_tables_are_not_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_platform, "unapplied", lambda: ["accounts.0002_triggers"])
    with pytest.raises(CommandError, match=r"1 migrations .first: accounts.0002_triggers.*manage.py migrate"):
        call_command("run_platform", port=0, stdout=io.StringIO())
