"""The commands of the README as a stranger runs them: a new folder, processes of their own, only what they print."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from quantsite.testing import template

pytestmark = [pytest.mark.real_data, pytest.mark.servers]

RB = "SHFE.rb2401_1m.csv.gz"
KEYS = {
    *("run", "strategy", "instrument", "interval", "bars", "first_bar", "last_bar", "parameters", "costs"),
    *("statistics", "fills", "end_equity", "net_profit", "commission", "slippage", "result_hash", "timing"),
}
RUN = ["run_backtest", "double_ma", "--instrument=rb2401.SHFE", "--interval=1m", "--set=fast=5", "--set=slow=20"]
COSTS = ["--commission-rate=0.0001", "--slippage-ticks=1", "--margin-rate=0.1"]
IMPORT = ["--instrument=rb2401.SHFE", "--interval=1m", "--bar-time=end"]

Shell = Callable[..., "subprocess.CompletedProcess[str]"]


def shell(folder: Path) -> Shell:
    """``manage.py`` over an embedded installation of its own in ``folder``."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
    environment = {**kept, "HOME": str(folder), "QUANTSITE_VAR_DIR": str(folder / "var")}

    def manage(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments]
        return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)

    return manage


def migrated(folder: Path) -> None:
    """A new installation."""
    folder.mkdir()
    done = shell(folder)("migrate")
    assert done.returncode == 0, done.stderr


def with_bars(folder: Path, bars: Path) -> Shell:
    """The installation in the folder, with the bars of one file."""
    manage = shell(folder)
    done = manage("import_bars", str(bars), *IMPORT)
    assert done.returncode == 0, done.stderr
    return manage


def printed(manage: Shell, *options: str) -> dict[str, Any]:
    """The object on stdout; anything else there, or a second object, is an error."""
    done = manage(*RUN, *options, "--json")
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.fixture(scope="module")
def folders(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``new`` has a new installation, ``desk`` one with bars; all workers copy the same two."""
    folder = template.shared_folder() or tmp_path_factory.mktemp("shared")

    def install() -> None:
        migrated(folder / "new")
        shutil.copytree(folder / "new", folder / "desk")
        with_bars(folder / "desk", shared_data / "bars" / RB)

    template.once(folder, "acceptance", install)
    return folder


@pytest.fixture(scope="module")
def manage(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """An installation that the tests of this file share."""
    return shell(shutil.copytree(folders / "desk", tmp_path_factory.mktemp("shared") / "desk"))


def test_stdout_is_one_object_with_the_promised_keys(manage: Shell) -> None:
    document = printed(manage, *COSTS)
    assert set(document) >= KEYS
    assert set(document["statistics"]) == {"standard", "vnpy"}
    assert set(document["timing"]) >= {"load_seconds", "run_seconds", "total_seconds"}
    assert (document["bars"], document["first_bar"]) == (1830, "2023-09-25T01:00:00Z")


def test_the_hash_follows_bars_parameters_and_costs_and_nothing_else(
    manage: Shell, folders: Path, shared_data: Path, tmp_path: Path
) -> None:
    known = printed(manage, *COSTS)["result_hash"]
    assert printed(manage, *COSTS)["result_hash"] == known
    elsewhere = with_bars(shutil.copytree(folders / "new", tmp_path / "elsewhere"), shared_data / "bars" / RB)
    assert printed(elsewhere, *COSTS)["result_hash"] == known
    others = {printed(manage, *COSTS, extra)["result_hash"] for extra in ("--set=fast=6", "--margin-rate=0.11")}
    changed = tmp_path / "changed.csv"
    text = gzip.decompress((shared_data / "bars" / RB).read_bytes()).decode()
    line = text.splitlines()[100]
    cells = line.split(",")
    cells[5] = str(int(float(cells[5])) + 1)  # one lot more in one bar: no figure of the run moves
    changed.write_text(text.replace(line, ",".join(cells)))
    assert elsewhere("import_bars", str(changed), *IMPORT, "--replace").returncode == 0
    others |= {printed(elsewhere, *COSTS)["result_hash"]}
    assert len(others - {known}) == 3


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--commission-per-lot=3"], (0.0, 3.0, 0.0)),
        (["--commission-rate=0.0002"], (0.0002, 0.0, 0.0002)),
    ],
)
def test_one_fee_option_sets_the_others(
    manage: Shell, options: list[str], expected: tuple[float, float, float]
) -> None:
    [fee] = printed(manage, *options)["costs"]["fees"]
    assert (fee["open_by_money"], fee["close_by_volume"], fee["close_today_by_money"]) == expected


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--set=fats=3"], "Did you mean 'fast'?"),
        (["--instrument=rb2402.SHFE"], "Did you mean 'rb2401.SHFE'?"),
    ],
)
def test_a_refused_request_says_why_on_stderr_and_exits_1(manage: Shell, options: list[str], words: str) -> None:
    done = manage(*RUN, *options, "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_refused_file_leaves_no_row(manage: Shell, tmp_path: Path) -> None:
    file = tmp_path / "bars.csv"
    header, first = "datetime,open,high,low,close,volume", "2024-01-08 09:01:00,3900,3901,3899,3900,5"
    file.write_text(f"{header}\n{first}\n2024-01-08 09:02:00,3900,3899,3898,3899,5\n")
    done = manage("import_bars", str(file), *IMPORT)
    assert (done.returncode, done.stdout) == (1, "")
    assert "bars.csv line 3: high 3899 is below open 3900" in done.stderr
    assert printed(manage, *COSTS)["bars"] == 1830
