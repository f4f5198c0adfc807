"""Strategies of users: found, looked at outside, loaded truly, and told with file and line where they are broken."""

import os
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from msgspec import structs

from accounts.models import User
from marketdata.instruments import ensure_instrument
from quantsite.common.errors import ConflictError, MissingError, RuleError
from quantsite.common.texts import use_translator
from strategies import registry, services
from strategies.domain import averages
from strategies.domain.forms import Form
from strategies.domain.hosting.snapshot import encode_attributes, restore_attributes
from strategies.loading_outside import Outside
from strategies.loading_places import Broken
from strategies.loading_rules import project_sources
from strategies.running.making import isolated
from strategies.running.spec import HostSpec, LegSpec, make_host
from strategies.tests.instances import make_account
from strategies.tests.user_files import QUICK, plain, using, write


def broken(name: str) -> Broken:
    """The one broken file of that name."""
    (found,) = [each for each in registry.broken() if each.name == name]
    return found


def loaded_here() -> list[str]:
    """Modules of users in this process."""
    return [name for name in sys.modules if name.startswith("user_strategies_")]


@pytest.fixture(autouse=True)
def nothing_loaded() -> None:
    """What other tests have loaded is not ours to explain."""
    for name in loaded_here():
        del sys.modules[name]


def test_a_file_of_a_folder_is_a_strategy_and_nothing_of_it_runs_here(tmp_path: Path) -> None:
    with using(write(tmp_path, mine=plain("mine"))):
        assert "mine" in registry.names()
        assert registry.broken() == []
        facts = registry.facts("mine")
        assert facts.text.startswith("Long after ``up`` rising closes")
        assert (facts.legs, facts.forms, facts.ticks) == (1, (Form.PLAIN,), True)
        assert [(info.name, info.default, info.limits.maximum) for info in registry.parameters("mine")] == [
            ("up", 2, 50.0),
            ("down", 1, 50.0),
        ]
        assert not registry.is_trusted("mine")
        assert loaded_here() == []


def test_its_parameters_are_read_and_its_own_rules_asked_without_loading_it_here(tmp_path: Path) -> None:
    with using(write(tmp_path, mine=plain("mine"))):
        parameters = registry.parameters_of("mine")
        assert parameters.from_mapping({"up": "5"}).as_dict() == {"up": 5, "down": 1}
        with pytest.raises(RuleError, match="up must be at least 1, not 0"):
            parameters.from_mapping({"up": 0})
        with pytest.raises(RuleError) as refusal:
            parameters.from_mapping({"up": 1, "down": 3})
        assert refusal.value.fields == {"down": "down (3) must not be above up (1)."}
        assert loaded_here() == []


def test_a_rule_that_fails_is_told_with_its_line(tmp_path: Path) -> None:
    text = plain("mine").replace("self.down <= self.up", "self.up < 9 or 1 / 0")
    line = 1 + text[: text.index("1 / 0")].count("\n")
    with using(write(tmp_path, mine=text)):
        assert registry.broken() == []
        with pytest.raises(RuleError, match=rf"mine\.py:{line}: its rules fail: ZeroDivisionError") as refusal:
            registry.parameters_of("mine").from_mapping({"up": 9})
        assert refusal.value.code == "broken_rules"


def test_the_class_is_loaded_truly_where_it_runs(tmp_path: Path) -> None:
    with using(write(tmp_path, mine=plain("mine"))):
        made = registry.create("mine", {"up": 3})
        assert made.parameters.as_dict() == {"up": 3, "down": 1}
        assert type(made) is registry.get("mine")
        assert len(loaded_here()) == 2, "its package and itself"
        assert not list(tmp_path.rglob("*.pyc"))


SECOND = 'from strategies.domain.strategy import BaseStrategy\nclass {0}(BaseStrategy):\n    name = "{1}"\n'


@pytest.mark.parametrize(
    ("text", "line", "error"),
    [
        ("import this is wrong\n", 1, "it is no Python: invalid syntax"),
        ("x = 1\n\ndef f() -> None:\n    raise ValueError('no luck')\n\nf()\n", 4, "ValueError: no luck"),
        ("import there_is_no_such_module\n", 1, "No module named 'there_is_no_such_module'"),
        ("import _tools\n", 1, r"write from \._tools import"),
        ("raise SystemExit(3)\n", 1, "SystemExit: 3"),
        ("import os\nos._exit(7)\n", 0, "ended the process .exit status 7"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n", 0, "ended the process .exit status -11"),
        ("x = 1\n", 0, "It names no strategy: write a class of BaseStrategy with name = 'wrong'"),
        (SECOND.format("A", "other"), 0, "Its class A is called 'other': name = 'wrong' must stand in it"),
        (SECOND.format("A", "wrong"), 0, "A must implement target_positions, on_wake"),
        (SECOND.format("A", "wrong") + SECOND.format("B", "more"), 0, "several strategies, A, B: give each its own"),
        (plain("wrong").replace("frozen=True", "frozen=False"), 0, "cannot inherit non-frozen dataclass"),
        (plain("wrong").replace("up: int = parameter(2", "up: int = parameter(2.5"), 0, "default of the parameter up"),
        (
            plain("wrong").replace("parameter(1,", "parameter(9,"),
            0,
            r"defaults of the parameters are refused: down \(9\)",
        ),
        (plain("wrong").replace("up: int", "up: complex"), 0, "is of the type complex: use int, float, bool or str"),
        (
            plain("wrong").replace('    name = "wrong"', '    name = "wrong"\n    legs = -1'),
            0,
            "legs must be a whole number",
        ),
        ("\0", 0, "null bytes"),
    ],
)
def test_a_broken_file_says_what_and_where_and_leaves_the_others(
    tmp_path: Path, text: str, line: int, error: str
) -> None:
    with using(write(tmp_path, wrong=text, sound=plain("sound"), _tools="")):
        assert "sound" in registry.names()
        assert "wrong" not in registry.names()
        found = broken("wrong")
        assert found.path == tmp_path / "wrong.py"
        if line:
            assert found.line == line
            assert f"wrong.py:{line}: " in found.error_text
            assert "wrong.py" in found.traceback
        with pytest.raises(RuleError, match=error) as refusal:
            registry.get("wrong")
        assert refusal.value.code == "broken_strategy"
        assert found.error_text in refusal.value.text


@pytest.mark.parametrize("text", ["while True:\n    pass\n", "import time\ntime.sleep(1000)\n"])
def test_a_file_that_never_ends_is_ended(tmp_path: Path, text: str) -> None:
    with using(write(tmp_path, endless=text, sound=plain("sound")), limits=QUICK):
        assert "sound" in registry.names()
        assert "importing it took" in broken("endless").error_text


def test_what_a_file_starts_ends_with_it(tmp_path: Path) -> None:
    note = tmp_path / "note"
    begin = "import subprocess\nmade = subprocess.Popen(['sleep', '1000'])\n"
    text = f"{begin}open({str(note)!r}, 'w').write(str(made.pid))\n"
    with using(write(tmp_path / "files", starter=text + plain("starter"))):
        assert "starter" in registry.names()
        process = Path("/proc", note.read_text())
        assert not process.exists() or "Z" in (process / "stat").read_text().rpartition(")")[2].split()[0]


def test_numpy_and_talib_may_be_imported_at_the_top(tmp_path: Path) -> None:
    with using(write(tmp_path, heavy="import numba\nimport numpy as np\nimport talib\n" + plain("heavy"))):
        assert "heavy" in registry.names(), [each.error_text for each in registry.broken()]


def test_a_name_belongs_to_the_library_then_to_the_first_folder(tmp_path: Path) -> None:
    first = write(tmp_path / "first", mine="nonsense(", double_ma=plain("double_ma"))
    second = write(tmp_path / "second", mine=plain("mine"))
    with using(f"{first}{os.pathsep}{second}"):
        assert "mine" not in registry.names(), "mending the first file must not change which one runs"
        texts = [each.error_text for each in registry.broken()]
        assert any("The library has a strategy of this name" in text and "double_ma.py" in text for text in texts)
        assert any(f"The name is taken by {first / 'mine.py'}" in text and str(second) in text for text in texts)
        assert registry.get("double_ma").__module__ == "strategies.library.double_ma"


@pytest.mark.parametrize("name", ["Mine", "my-rule", "2fast", "größe", "a" * 65])
def test_a_name_that_rows_and_forms_cannot_carry_is_refused(tmp_path: Path, name: str) -> None:
    with using(write(tmp_path, **{name: plain(name)})):
        assert "A strategy's name has" in broken(name).error_text


def test_helpers_and_tests_are_no_strategies(tmp_path: Path) -> None:
    with using(write(tmp_path, _tools="", test_mine="", mine=plain("mine"))):
        assert registry.broken() == []


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere")
    with using(tmp_path):
        assert "it cannot be read: No such file or directory" in broken("gone").error_text


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with using(tmp_path / "nowhere"):
        (found,) = registry.broken()
        assert "is neither a folder nor a package" in found.error_text
        assert registry.names() == registry.library_names()


def test_a_changed_file_is_noticed_and_who_runs_keeps_the_old_class(tmp_path: Path) -> None:
    with using(write(tmp_path, mine=plain("mine"))):
        running = registry.create("mine", {})
        old = registry.source_hash("mine")
        assert registry.source_hash(type(running)) == old
        write(tmp_path, mine=plain("mine").replace("parameter(2,", "parameter(7,"))
        assert registry.parameters("mine")[0].default == 7
        assert registry.source_hash("mine") != old
        made = registry.create("mine", {})
        assert made.parameters.as_dict()["up"] == 7
        assert running.parameters.as_dict()["up"] == 2
        assert type(running).Parameters().as_dict()["up"] == 2
        assert registry.source_hash(type(running)) == old
        assert registry.source_hash(type(made)) == registry.source_hash("mine")


STATEFUL = """
from dataclasses import dataclass
from typing import NamedTuple

class Seen(NamedTuple):
    close: float

@dataclass
class Kept:
    seen: Seen
"""


@pytest.mark.parametrize("package", [False, True])
def test_what_a_running_one_keeps_can_be_stored_while_other_files_come_and_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: bool
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = write(tmp_path / "some_desk", mine=STATEFUL + plain("mine"), other=plain("other"), __init__="")
    with using("some_desk" if package else folder):
        running = registry.create("mine", {})
        module = sys.modules[type(running).__module__]
        running.kept = module.Kept(module.Seen(3.5))  # type: ignore[attr-defined] # as an author's initialize does
        registry.get("other")
        document = encode_attributes(running)
        if not package:  # its modules have one name, whatever is in them
            write(folder, mine=STATEFUL + plain("mine").replace("parameter(2,", "parameter(7,"))
            assert type(registry.create("mine", {})) is not type(running)
            assert encode_attributes(running) == document
        again = type(running)(type(running).Parameters())
        restore_attributes(again, document)
        assert again.kept == running.kept  # type: ignore[attr-defined]


def test_a_file_that_is_mended_or_spoilt_is_noticed(tmp_path: Path) -> None:
    with using(write(tmp_path, mine="from ._tools import LENGTH\n" + plain("mine"))):
        assert "No module named" in broken("mine").error_text
        write(tmp_path, _tools="LENGTH = 3\n")
        assert "mine" in registry.names()
        write(tmp_path, mine="(")
        assert "it is no Python" in broken("mine").error_text


def test_what_a_strategy_imports_from_beside_it_is_part_of_it(tmp_path: Path) -> None:
    text = (
        plain("mine")
        .replace("parameter(2,", "parameter(LENGTH,")
        .replace("from dataclasses", "from ._tools import LENGTH\nfrom dataclasses")
    )
    with using(write(tmp_path, mine=text, other=plain("other"), _tools="from .deeper.numbers import LENGTH\n")):
        write(tmp_path / "deeper", __init__="", numbers="LENGTH = 4\n")
        hashes = {name: registry.source_hash(name) for name in ("mine", "other")}
        assert registry.create("mine", {}).parameters.as_dict()["up"] == 4
        write(tmp_path / "deeper", numbers="LENGTH = 6\n")
        assert registry.source_hash("mine") != hashes["mine"]
        assert registry.source_hash("other") == hashes["other"]
        assert registry.create("mine", {}).parameters.as_dict()["up"] == 6


def test_the_hash_does_not_hang_on_where_the_folder_lies(tmp_path: Path) -> None:
    hashes = set()
    for place in ("here", "there"):
        with using(write(tmp_path / place, mine="from . import _tools\n" + plain("mine"), _tools="A = 1\n")):
            hashes.add(registry.source_hash("mine"))
    assert len(hashes) == 1


def test_a_package_by_its_dotted_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    text = "from our_desk.rules._tools import LENGTH\n" + plain("mine").replace("parameter(2,", "parameter(LENGTH,")
    write(tmp_path / "our_desk", __init__="import sys\nsys.stderr.write('loaded')\n")
    write(tmp_path / "our_desk" / "rules", __init__="", mine=text, _tools="LENGTH = 5\n")
    try:
        with using("our_desk.rules"):
            assert "mine" in registry.names(), [each.error_text for each in registry.broken()]
            assert not [name for name in sys.modules if name.startswith("our_desk")], "found without running it"
            old = registry.source_hash("mine")
            assert registry.get("mine").__module__ == "our_desk.rules.mine"
            write(tmp_path / "our_desk" / "rules", _tools="LENGTH = 8\n")
            assert registry.source_hash("mine") != old
            assert registry.create("mine", {}).parameters.as_dict()["up"] == 8
    finally:
        for name in [name for name in sys.modules if name.startswith("our_desk")]:
            del sys.modules[name]


def test_trust_is_given_by_name(tmp_path: Path) -> None:
    with using(write(tmp_path, mine=plain("mine"), other=plain("other")), "mine"):
        assert [name for name in ("double_ma", "mine", "other") if registry.is_trusted(name)] == ["double_ma", "mine"]


def test_an_unknown_name_proposes_one_of_users(tmp_path: Path) -> None:
    with (
        using(write(tmp_path, mine_own=plain("mine_own"))),
        pytest.raises(MissingError, match="Did you mean 'mine_own'"),
    ):
        registry.get("mineown")


def test_the_child_knows_no_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANTSITE_SECRET_KEY", "s" * 60)
    text = "import os\nassert 'QUANTSITE_SECRET_KEY' not in os.environ\n" + plain("mine")
    with using(write(tmp_path, mine=text)):
        assert registry.broken() == []


def test_what_is_wrong_is_told_in_the_readers_language(tmp_path: Path) -> None:
    with using(write(tmp_path, wrong="x = 1\n")):
        found = broken("wrong")
        before = use_translator(lambda template: template.replace("It names no strategy", "没有策略"))
        try:
            assert "没有策略" in found.error_text
        finally:
            use_translator(before)


def test_without_the_setting_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Outside, "_look", lambda *_given: pytest.fail("a child was asked"))
    with using(""):
        assert registry.names() == registry.library_names()
        assert registry.broken() == []


def test_the_hash_of_the_library_covers_what_it_computes_with() -> None:
    found = project_sources(registry.get("double_ma")).decode()
    for text in ("class DoubleMa", "class StrategyParameters", "class BaseStrategy"):
        assert text in found
    own = Path(averages.__file__).read_text(encoding="utf-8")
    assert found.count(own) == 1


def test_other_code_than_that_which_was_tested_is_not_hosted() -> None:
    asked = HostSpec("double_ma", {}, (LegSpec("rb2501.SHFE", 1.0, 10.0),), 1, "5m", 0)
    make_host(asked, None, [])
    with pytest.raises(ConflictError) as error:
        make_host(structs.replace(asked, source_hash="0" * 64), None, [])
    assert error.value.code == "source_changed"
    make_host(structs.replace(asked, source_hash=registry.source_hash("double_ma")), None, [])


@pytest.mark.django_db
def test_only_the_operator_takes_code_into_the_runners_own_process(tmp_path: Path, bob: User) -> None:
    write(tmp_path, mine=plain("mine"))
    make_account("paper", bob)
    ensure_instrument("rb2501.SHFE", date(2024, 12, 2))
    asked = services.NewInstance("x", "mine", ("rb2501.SHFE",), "paper", "5m", isolated=False)
    with using(tmp_path):
        with pytest.raises(RuleError) as error:
            services.create_instance(bob, asked)
        assert "QUANTSITE_TRUSTED_STRATEGIES" in error.value.fields["isolated"]
        row = services.create_instance(bob, replace(asked, isolated=None))
        assert isolated(row)
        with pytest.raises(RuleError):
            services.change_instance(bob, row.pk, {"isolated": False})
    with using(tmp_path, "mine"):
        assert not isolated(services.create_instance(bob, replace(asked, key="y")))
