"""What import-linter cannot see: what is really loaded, and whether names sent over the broker lead somewhere."""

import ast
import json
from pathlib import Path

import pytest
from django.conf import settings

from quantsite import celery as worker
from quantsite.tests.settings_runs import run_python

APPS = ("accounts", "marketdata", "trading", "strategies", "backtests")
PURE = (
    "marketdata.domain",
    "trading.domain",
    "strategies.domain",
    "strategies.library",
    "backtests.domain",
    "quantsite.common",
)
# numba compiles the rules for the backtest kernel; no other domain may load it.
COMPILED = "backtests.domain"
OUTSIDE = (
    "django",
    "rest_framework",
    "celery",
    "channels",
    "redis",
    "psycopg",
    "openctp_ctp",
    "pandas",
    "pyarrow",
    "numba",
)
HEAVY = (
    "backtests.runner",
    "backtests.tasks",
    "bokeh",
    "numba",
    "openctp_ctp",
    "optuna",
    "pandas",
    "reportlab",
    "talib",
)

LOAD_ALL = """
import importlib, json, pkgutil, sys
package = importlib.import_module({package!r})
for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    importlib.import_module(found.name)
print(json.dumps(sorted({{name.partition(".")[0] for name in sys.modules}})))
"""


@pytest.mark.parametrize("package", PURE)
def test_the_rules_of_the_trade_load_without_frameworks(tmp_path: Path, package: str) -> None:
    done = run_python(LOAD_ALL.format(package=package), tmp_path, DJANGO_SETTINGS_MODULE="")
    assert done.returncode == 0, done.stderr
    loaded = json.loads(done.stdout)
    assert package.partition(".")[0] in loaded
    allowed = {"numba"} if package == COMPILED else set()
    assert sorted(set(loaded) & set(OUTSIDE) - allowed) == []


def test_the_web_process_starts_light(tmp_path: Path) -> None:
    code = (
        "import json, sys; import quantsite.asgi, quantsite.urls;"
        f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    )
    done = run_python(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []


def sent_names() -> dict[str, str]:
    """Every name given to ``send_task``, and the file that does; a name must be a literal or a constant there."""
    found: dict[str, str] = {}
    for app in (*APPS, "quantsite"):
        for path in sorted((settings.BASE_DIR / app).rglob("*.py")):
            if "tests" in path.parts:
                continue
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for call in ast.walk(tree):
                if isinstance(call, ast.Call) and _called(call) == "send_task":
                    found[_literal(call.args[0], tree)] = str(path)
    return found


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _literal(node: ast.expr, tree: ast.Module) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    assert isinstance(node, ast.Name), "give send_task a text or the name of a constant"
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and statement.targets[0].id == node.id:  # type: ignore[attr-defined]
            return str(ast.literal_eval(statement.value))
    raise AssertionError(f"{node.id} is no constant of the module")


def test_every_task_that_is_sent_is_registered() -> None:
    worker.app.loader.import_default_modules()
    names = sent_names()
    assert "backtests.run" in names
    assert {name: path for name, path in names.items() if name not in worker.app.tasks} == {}


def test_every_beat_entry_leads_to_a_task() -> None:
    worker.app.loader.import_default_modules()
    entries = worker.beat_schedule()
    assert entries
    assert [name for name, entry in entries.items() if entry["task"] not in worker.app.tasks] == []


def test_two_apps_may_not_share_the_name_of_a_beat_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "APPS", ("backtests", "backtests"))
    with pytest.raises(ValueError, match="taken already"):
        worker.beat_schedule()


STAND_IN = "dropin/openctp_ctp/__init__.py"
"""The fake broker's library, whose own interface this is."""


def test_every_package_file_is_empty() -> None:
    full = [
        str(path)
        for app in (*APPS, "quantsite")
        for path in (settings.BASE_DIR / app).rglob("__init__.py")
        if path.read_text(encoding="utf-8").strip() and not path.as_posix().endswith(STAND_IN)
    ]
    assert full == []
