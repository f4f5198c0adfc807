"""Cases on the vendor's own library, untouched, in processes of their own with peers on the loopback: 9, 22 to 24, 36,
39 and 40 of CTP's list, and what keeps a process from starting at all."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from marketdata.ctp import library
from marketdata.ctp.flow import FlowFolder
from marketdata.ctp.preflight import check_locale, check_platform
from marketdata.domain.ctp.exits import Exit, StartError
from quantsite.testing.ctp.peers import peer, vacant
from quantsite.testing.needs import lacking
from quantsite.testing.patience import SOON
from quantsite.tests.settings_runs import run_python

NO_LOCALES = "/nonexistent"
READ_FAILED, BAD_MESSAGE = 0x1001, 0x2003


@pytest.fixture
def vendor() -> None:
    """The vendor's library and its locale are on this machine."""
    if not library.installed():
        lacking("ctp", "openctp-ctp is not installed")
    try:
        check_locale()
    except StartError as error:
        lacking("ctp", error.text)


def part(call: str, folder: Path, **variables: str) -> dict[str, Any]:
    """What a part told; the process must have ended in good order."""
    done = run_python(f"from marketdata.tests.ctp import vendor_parts as parts; parts.{call}", folder, **variables)
    assert done.returncode == 0, (done.returncode, done.stderr[-2000:])
    return told(done.stdout)[-1]


def preflight_part(call: str, folder: Path, **variables: str) -> dict[str, Any]:
    """The same for a part that loads neither Django nor the library."""
    done = run_python(f"from marketdata.tests.ctp import preflight_parts as parts; parts.{call}", folder, **variables)
    assert done.returncode == 0, (done.returncode, done.stderr[-2000:])
    return told(done.stdout)[-1]


def told(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines() if line.startswith("{") and '"event"' not in line]


@pytest.mark.usefixtures("vendor")
@pytest.mark.parametrize(("manner", "reason"), [("closing", READ_FAILED), ("rubbish", BAD_MESSAGE)])
def test_case_22_losses_without_a_connection_make_no_storm(tmp_path: Path, manner: Any, reason: int) -> None:
    with peer(manner) as other:
        found = part(f"live({other.address!r}, {str(tmp_path)!r}, 6)", tmp_path)
        assert other.taken >= 3
    losses = [request for name, request in found["heard"] if name == "OnFrontDisconnected"]
    assert len(losses) >= 2
    assert reason in losses
    assert "OnFrontConnected" not in [name for name, _request in found["heard"]]
    assert (found["state"], found["moves"], found["troubles"]) == ("closed", 0, {})
    assert found["last_threads"] <= found["first_threads"]
    assert found["shown"] <= 10  # once a second
    assert found["closing"] < SOON


@pytest.mark.usefixtures("vendor")
def test_case_9_23_nothing_listens_our_own_time_out_tells_it_and_an_order_is_not_sent(tmp_path: Path) -> None:
    address = vacant()
    found = part(f"live({address!r}, {str(tmp_path)!r}, 5, connect_seconds=1)", tmp_path)
    assert found["heard"] == []
    assert found["troubles"]["UNREACHABLE"]["found"] == f"Nothing listens at {address}."
    assert found["troubles"]["UNREACHABLE"]["seconds"] >= 1
    assert (found["rc"], found["inserted"]) == (-1, -1)
    assert found["answers"] == []


@pytest.mark.usefixtures("vendor")
def test_case_24_a_silent_peer_takes_requests_and_is_never_connected(tmp_path: Path) -> None:
    with peer("silent") as other:
        found = part(f"live({other.address!r}, {str(tmp_path)!r}, 5, connect_seconds=1)", tmp_path)
        assert other.taken >= 1
    assert found["heard"] == []
    assert found["rc"] == 0  # so the library's word proves nothing
    assert found["inserted"] == -1  # ours does
    assert "says nothing" in found["troubles"]["UNREACHABLE"]["found"]


@pytest.mark.usefixtures("vendor")
@pytest.mark.parametrize("manner", ["closing", "silent", "rubbish", "nobody"])
def test_case_36_a_process_ends_in_time_when_it_is_told_to(tmp_path: Path, manner: Any) -> None:
    if manner == "nobody":
        _ends_in_time(vacant(), tmp_path)
        return
    with peer(manner) as other:
        _ends_in_time(other.address, tmp_path)


def _ends_in_time(address: str, folder: Path) -> None:
    code = f"from marketdata.tests.ctp import vendor_parts as parts; parts.until_told({address!r}, {str(folder)!r})"
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "quantsite.settings",
        "QUANTSITE_VAR_DIR": str(folder / "var"),
    }
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=settings.BASE_DIR, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        while "begun" not in process.stdout.readline():
            assert process.poll() is None
        time.sleep(1)  # the library's threads are at work
        process.send_signal(signal.SIGTERM)
        rest = process.communicate(timeout=SOON)[0]
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert told(rest)[-1] == {"ended": "closed"}


@pytest.mark.usefixtures("vendor")
def test_case_36_links_are_ended_once_in_every_state_of_the_library(tmp_path: Path) -> None:
    with peer("closing") as other:
        found = part(f"release_everywhere({other.address!r}, {str(tmp_path)!r})", tmp_path)
    assert found["heard"] == {"before start": False, "after start": False, "in callbacks": True}
    assert found["threads"] < 20


@pytest.mark.usefixtures("vendor")
def test_case_39_without_the_locale_the_gateway_says_so_and_the_web_part_starts(tmp_path: Path) -> None:
    found = preflight_part("refused()", tmp_path, LOCPATH=NO_LOCALES)
    assert found["code"] == Exit.LOCALE
    assert "zh_CN.GB18030" in found["text"]
    assert "localedef" in found["text"]
    done = run_python("import openctp_ctp", tmp_path, LOCPATH=NO_LOCALES)
    assert done.returncode == -signal.SIGABRT  # what the preflight is for
    done = run_python("import quantsite.asgi, sys; print('openctp_ctp' in sys.modules)", tmp_path, LOCPATH=NO_LOCALES)
    assert done.stdout.split()[-1] == "False"


@pytest.mark.usefixtures("vendor")
def test_the_library_ends_a_process_whose_folder_does_not_exist(tmp_path: Path) -> None:
    code = f"from marketdata.tests.ctp import vendor_parts as parts; parts.flow_crash({str(tmp_path)!r})"
    done = run_python(code, tmp_path)
    assert done.returncode < 0  # by a signal: nothing could be caught


@pytest.mark.usefixtures("vendor")
def test_case_40_in_a_forked_child_nothing_is_sent_and_nothing_is_ended(tmp_path: Path) -> None:
    with peer("silent") as other:
        code = f"parts.forked({other.address!r}, {str(tmp_path)!r})"
        done = run_python(f"from marketdata.tests.ctp import vendor_parts as parts; {code}", tmp_path)
    assert done.returncode == 0, done.stderr
    child, parent = told(done.stdout)
    assert child["rc"] == -1
    assert "forked" in child["text"]
    assert parent == {"status": 0, "still": True, "state": "closed", "closed": True}


FORK = """
import os, sys
if os.fork() == 0:
    {first}
    from marketdata.tests.ctp import preflight_parts as parts
    parts.refused()
    sys.stdout.flush()
    os._exit(0)
os.wait()
"""
POOL = """
import multiprocessing
def work():
    from marketdata.tests.ctp import preflight_parts as parts
    parts.refused()
if __name__ == "__main__":
    started = multiprocessing.get_context("fork").Process(target=work)
    started.start()
    started.join()
"""


@pytest.mark.parametrize("code", [FORK.format(first="pass"), POOL], ids=["fork", "worker"])
def test_case_40_a_forked_process_is_refused(tmp_path: Path, code: str) -> None:
    done = run_python(code, tmp_path)
    (found,) = told(done.stdout)
    assert found["code"] == Exit.FORKED
    assert "manage.py run_gateway" in found["text"]


def test_a_platform_without_the_library_is_named() -> None:
    with pytest.raises(StartError) as refused:
        check_platform("darwin", "arm64")
    assert refused.value.exit_code == Exit.PLATFORM
    assert "darwin on arm64" in refused.value.text
    check_platform("linux", "x86_64")


def spoilt(path: Path) -> None:
    path.write_text("no folder")


def closed(path: Path) -> None:
    if os.geteuid() == 0:
        path.parent.joinpath("file").write_text("")
        path.symlink_to(path.parent / "file" / "below")
    else:
        path.mkdir(mode=0o500)


@pytest.mark.parametrize("spoil", [spoilt, closed])
def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    path = tmp_path / "flow"
    spoil(path)
    with pytest.raises(StartError) as refused:
        FlowFolder(path, "account A")
    assert refused.value.exit_code == Exit.FLOW_UNUSABLE
    assert str(path) in refused.value.text
    assert "QUANTSITE_CTP_FLOW_DIR" in refused.value.text


def test_a_folder_belongs_to_one_account(tmp_path: Path) -> None:
    FlowFolder(tmp_path / "flow", "account A").release()
    FlowFolder(tmp_path / "flow", "account A").release()
    with pytest.raises(StartError, match="account A, not of account B") as refused:
        FlowFolder(tmp_path / "flow", "account B")
    assert refused.value.exit_code == Exit.FLOW_FOREIGN
    FlowFolder(tmp_path / "flow", "account A").release()  # who was refused left no lock behind


def test_a_folder_is_used_by_one_process(tmp_path: Path) -> None:
    ours = FlowFolder(tmp_path / "flow", "account A")
    found = preflight_part(f"refused({str(tmp_path / 'flow')!r})", tmp_path)
    assert found["code"] == Exit.FLOW_IN_USE
    assert f"process {os.getpid()}" in found["text"]
    ours.release()
    assert preflight_part(f"refused({str(tmp_path / 'flow')!r})", tmp_path)["code"] == Exit.FLOW_FOREIGN
