"""What keeps a gateway or a feed of kind ctp from running: each thing has its sentence and its exit code."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.conf import settings as configured
from django.core.management import CommandError, call_command

from marketdata.ctp import library
from marketdata.ctp.flow import flow_folder
from marketdata.ctp.preflight import check_locale
from marketdata.domain.ctp.exits import Exit, StartError
from marketdata.feed_logins import set_feed_login
from quantsite.testing.ctp.front import Front
from quantsite.testing.ctp.peers import peer, vacant
from quantsite.testing.ctp.wire import served
from quantsite.testing.needs import lacking
from trading import services
from trading.tests.desk_processes import Processes, environment

CODE, SOURCE = "LIVE", "broker"
SECONDS = "2"


def login(front: str, **otherwise: object) -> dict[str, object]:
    return {"fronts": [front], "broker_id": "9999", "user_id": "100001", "password": "secret", **otherwise}


def at_broker(front: str, **otherwise: object) -> None:
    """An account at a broker, and a source of quotes there."""
    terms = login(front, **otherwise)
    codes = {"app_id": "client_app_1", "auth_code": "0" * 16}
    services.add_account(None, CODE, kind="ctp", login={**terms, **codes, "around_the_clock": True})
    set_feed_login(None, SOURCE, around_the_clock=True, **terms)


@pytest.fixture(autouse=True)
def _folders(settings: LazySettings, tmp_path: Path) -> None:
    settings.CTP_FLOW_DIR = tmp_path / "flow"


COMMANDS = [("run_gateway", CODE), ("run_feed", SOURCE)]
both = pytest.mark.parametrize("words", COMMANDS, ids=[words[0] for words in COMMANDS])


def check(words: tuple[str, ...]) -> str:
    """What ``--check`` says."""
    out = StringIO()
    call_command(*words, "--check", SECONDS, stdout=out, stderr=StringIO())
    return out.getvalue().strip()


def refusal(words: tuple[str, ...]) -> tuple[int, str]:
    """With what ``--check`` ends: exit code and sentence."""
    with pytest.raises(CommandError) as ended:
        check(words)
    return ended.value.returncode, str(ended.value)


@pytest.mark.django_db
@both
def test_a_login_that_works_is_told_and_nothing_is_confirmed(
    ctp_front: Callable[..., Front], words: tuple[str, ...]
) -> None:
    front = ctp_front()
    front.open_account("9999", "100001", "secret")
    at_broker("tcp://127.0.0.1:41205")
    assert check(words) == "100001 has logged in at tcp://127.0.0.1:41205; the trading day is 2026-11-23."
    assert "ReqSettlementInfoConfirm" not in [name for name, _fields in front.heard]
    assert front.peers == {}
    assert check(words)  # the folder is free again


@pytest.mark.django_db
@both
def test_a_closed_port_has_its_sentence_and_exit_code(ctp_front: Callable[..., Front], words: tuple[str, ...]) -> None:
    ctp_front().listen(False)
    address = vacant()
    at_broker(address)
    assert refusal(words) == (
        Exit.NOTHING_LISTENS, f"No front has answered within 2 s. Nothing listens at {address}."
    )  # fmt: skip


@pytest.mark.django_db
@both
def test_a_silent_peer_has_its_sentence_and_exit_code(ctp_front: Callable[..., Front], words: tuple[str, ...]) -> None:
    ctp_front().silent = True
    with peer("silent") as other:
        address = other.address
        at_broker(address)
        code, text = refusal(words)
    assert code == Exit.SILENT
    assert f"{address} takes the connection and then says nothing" in text


@pytest.mark.django_db
@pytest.mark.parametrize(("code", "exit_code"), [(3, Exit.REFUSED), (75, Exit.REFUSED), (7, Exit.NOT_READY)])
def test_a_refused_login_has_its_sentence_and_exit_code(
    ctp_front: Callable[..., Front], code: int, exit_code: Exit
) -> None:
    front = ctp_front()
    front.open_account("9999", "100001", "secret")
    front.on("ReqUserLogin", "refuse", code=code, times=None)
    at_broker("tcp://127.0.0.1:41205")
    found, text = refusal(COMMANDS[0])
    assert found == exit_code
    assert f"error {code}: " in text


@pytest.mark.django_db
def test_a_folder_that_cannot_be_used_or_is_anothers_stops_both(
    ctp_front: Callable[..., Front], tmp_path: Path
) -> None:
    ctp_front()
    at_broker("tcp://127.0.0.1:41205")
    (tmp_path / "flow").write_text("no folder")
    for words in COMMANDS:
        code, text = refusal(words)
        assert (code, "QUANTSITE_CTP_FLOW_DIR" in text) == (Exit.FLOW_UNUSABLE, True)
    (tmp_path / "flow").unlink()
    for kind, name, words in (("td", CODE, COMMANDS[0]), ("md", SOURCE, COMMANDS[1])):
        folder = flow_folder(kind, name)  # type: ignore[arg-type]
        folder.mkdir(parents=True)
        (folder / "owner").write_text("account OTHER")
        code, text = refusal(words)
        assert (code, "account OTHER" in text) == (Exit.FLOW_FOREIGN, True)


@pytest.mark.django_db
def test_an_account_that_is_not_at_a_broker_has_nothing_to_check() -> None:
    services.add_account(None, "SIM1")
    code, text = refusal(("run_gateway", "SIM1"))
    assert (code, text) == (1, "Account SIM1 is not at a broker.")


# with the vendor's own library, as processes


@pytest.fixture
def processes(transactional_db: None, tmp_path: Path) -> Iterator[Processes]:
    started = Processes(tmp_path)
    yield started
    started.end()


def run(folder: Path, *words: str, code: str = "", **variables: str) -> tuple[int, str]:
    """A command as an operator starts it: its exit code and its last line."""
    done = subprocess.run(
        [sys.executable, *(["-c", code] if code else ["manage.py"]), *words], cwd=configured.BASE_DIR,
        env={**environment(folder), **variables}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip() and not line.startswith("{")]
    return done.returncode, said[-1] if said else ""


@pytest.fixture
def vendor() -> None:
    """The vendor's library and its locale are on this machine."""
    if not library.installed():
        lacking("ctp", "openctp-ctp is not installed")
    try:
        check_locale()
    except StartError as error:
        lacking("ctp", error.text)


FORKED = "import os, sys; from django.core.management import execute_from_command_line as run; pid = os.fork()\n"
FORKED += "if pid == 0: run(['manage.py', *sys.argv[1:]])\n"
FORKED += "else: sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"


@pytest.mark.servers
@pytest.mark.usefixtures("vendor", "transactional_db")
@both
def test_the_commands_end_with_their_codes(tmp_path: Path, words: tuple[str, ...]) -> None:
    address = vacant()
    at_broker(address)
    if words[0] == "run_feed":
        words = (*words, "--kind", "ctp")
    code, text = run(tmp_path, *words, LOCPATH="/nonexistent")
    assert (code, "zh_CN.GB18030" in text) == (Exit.LOCALE, True)
    code, text = run(tmp_path, *words, code=FORKED, DJANGO_SETTINGS_MODULE="quantsite.settings")
    assert (code, "forked" in text) == (Exit.FORKED, True)
    (tmp_path / "file").write_text("")
    code, text = run(tmp_path, *words, QUANTSITE_CTP_FLOW_DIR=str(tmp_path / "file" / "below"))
    assert (code, "QUANTSITE_CTP_FLOW_DIR" in text) == (Exit.FLOW_UNUSABLE, True)
    code, text = run(tmp_path, *words, "--check", SECONDS)
    assert (code, text.endswith(f"Nothing listens at {address}.")) == (Exit.NOTHING_LISTENS, True)


@pytest.mark.servers
def test_a_second_gateway_for_an_account_ends_and_says_who_has_it(processes: Processes, tmp_path: Path) -> None:
    front = Front()
    front.open_account("9999", "100001", "secret")
    at_broker("tcp://127.0.0.1:41205")
    with served(front, tmp_path) as variables:
        processes.start("first", "run_gateway", CODE, module=("manage.py",), **variables)
        processes.wait(lambda: front.peers, "the first has connected")
        code, text = run(tmp_path, "run_gateway", CODE, **variables)
        assert code == Exit.LEASE_TAKEN, text
        assert CODE in text
        code, text = run(tmp_path, "run_gateway", CODE, "--check", **variables)
        assert (code, "in use by process" in text) == (Exit.FLOW_IN_USE, True)
        assert processes.stop("first") == 0, processes.logs()
        assert front.peers == {}
    front.close()


@pytest.mark.servers
@pytest.mark.usefixtures("vendor")
def test_a_gateway_that_reaches_nobody_stays_and_ends_in_time_when_it_is_told_to(processes: Processes) -> None:
    with peer("silent") as other:
        at_broker(other.address)
        processes.start("gateway", "run_gateway", CODE)
        processes.wait(lambda: other.taken, "it connects")
        assert processes.stop("gateway") == 0, processes.logs()
