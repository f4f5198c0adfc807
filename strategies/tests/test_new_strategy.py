"""``manage.py new_strategy``: what it writes works as it stands, in every form."""

import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from strategies import registry
from strategies.domain.forms import Form, own_forms
from strategies.scaffolding import Sort
from strategies.tests.user_files import plain, using, write

OWN_FORMS = {
    Sort.TARGETS: (Form.TARGET,),
    Sort.EVENTS: (Form.EVENT,),
    Sort.PLAIN: (Form.PLAIN,),
    Sort.TICKS: (),
    Sort.LEGS: (Form.PLAIN,),
}


def new(name: str, *arguments: str) -> str:
    """What the command prints."""
    out = StringIO()
    call_command("new_strategy", name, *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("sort", Sort)
def test_each_is_a_strategy_whose_own_test_passes(tmp_path: Path, sort: Sort) -> None:
    with using(tmp_path):
        new("my_rule", "--form", sort)
        cls = registry.get("my_rule")
        assert registry.broken() == []
    assert (cls.__qualname__, own_forms(cls)) == ("MyRule", OWN_FORMS[sort])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path / "test_my_rule.py")]
    done = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_its_test_finds_what_looks_ahead(tmp_path: Path) -> None:
    with using(tmp_path):
        new("my_rule", "--form", "targets")
    file = tmp_path / "my_rule.py"
    text = file.read_text()
    file.write_text(text.replace("sma(bars.close, self.parameters.length)", "np.full(len(bars), bars.close.mean())"))
    assert file.read_text() != text
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path / "test_my_rule.py")]
    done = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "looks ahead" in done.stdout


def test_it_says_what_to_run_next(tmp_path: Path) -> None:
    with using(tmp_path):
        told = new("my_rule", "--form", "legs").splitlines()
    assert told[:2] == [f"Written: {tmp_path / 'my_rule.py'}", f"         {tmp_path / 'test_my_rule.py'}"]
    assert told[-3:] == [
        f"  python -m pytest {tmp_path / 'test_my_rule.py'}",
        "  python manage.py check_strategy my_rule --instrument rb88.SHFE --instrument hc88.SHFE --interval 5m",
        "  python manage.py run_backtest my_rule --instrument rb88.SHFE --instrument hc88.SHFE --interval 5m",
    ]


def test_a_folder_that_is_not_known_yet_is_told(tmp_path: Path) -> None:
    known = write(tmp_path / "known")
    with using(known):
        told = new("my_rule", "--folder", str(tmp_path / "other"))
    assert f"export QUANTSITE_STRATEGIES={known}:{tmp_path / 'other'}" in told
    assert (tmp_path / "other" / "my_rule.py").is_file()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("MyRule", "small letters"),
        ("my-rule", "small letters"),
        ("_rule", "helpers and tests"),
        ("test_rule", "helpers and tests"),
        ("double_ma", "There is a strategy double_ma already"),
        ("mine", "mine.py is there already"),
        ("spoilt", "spoilt.py is there already"),
        ("elsewhere", "There is a strategy elsewhere already"),
    ],
)
def test_a_name_that_will_not_do_is_refused_and_nothing_is_written(tmp_path: Path, name: str, told: str) -> None:
    folder = write(tmp_path / "own", mine=plain("mine"), spoilt="(")
    other = write(tmp_path / "more", elsewhere=plain("elsewhere"))
    with using(f"{folder}:{other}"), pytest.raises(CommandError, match=told):
        new(name)
    assert sorted(path.name for path in folder.iterdir()) == ["mine.py", "spoilt.py"]


def test_a_folder_must_be_named_and_must_take_files(tmp_path: Path) -> None:
    with using(""):
        with pytest.raises(CommandError, match="Name the folder with --folder"):
            new("my_rule")
        with pytest.raises(CommandError, match="cannot be written to: No such file or directory"):
            new("my_rule", "--folder", str(tmp_path / "a" / "b"))
