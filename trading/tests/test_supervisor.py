"""The supervisor of gateways at brokers: one process an account, started again, ended in time, their figures as one."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from accounts.models import Alarm
from trading import services, supervisor
from trading.account_models import TradingAccount
from trading.supervisor import Supervisor

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]

STAYS = "import time; time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)
PAGE = """
import http.server, sys
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
        self.wfile.write(b'# TYPE quantsite_sent counter\\nquantsite_sent_total{kind="a"} 3.0\\n')
        self.wfile.write(b'# TYPE other gauge\\nother 1\\n')
    def log_message(self, *words): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Page).serve_forever()
"""
LONG = 30.0


def wait(condition: Callable[[], object], what: str) -> None:
    """Until it is so."""
    deadline = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


class Running:
    """A supervisor in a thread; what it starts is ``program``."""

    def __init__(self) -> None:
        self.program = STAYS
        self.started: list[tuple[str, int]] = []
        self.stop = threading.Event()
        self.supervisor = Supervisor(self._start)
        self.thread = threading.Thread(target=self.supervisor.run, args=(self.stop,))

    def _start(self, code: str, port: int) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen([sys.executable, "-c", self.program, str(port)])
        self.started.append((code, process.pid))
        return process

    def end(self) -> float:
        """Seconds that the end took."""
        began = time.monotonic()
        self.stop.set()
        self.thread.join()
        return time.monotonic() - began


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """Not started yet; nothing of it is left."""
    monkeypatch.setattr(supervisor, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(supervisor, "ROWS_SECONDS", 0.1)
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_SECONDS", 0.1)
    made = Running()
    yield made
    if made.thread.is_alive():
        made.end()


def accounts(*codes: str) -> None:
    """Open accounts at a broker, and a simulated one that nobody starts a process for."""
    login = {"fronts": ["tcp://127.0.0.1:1"], "broker_id": "9999", "user_id": "1"}
    for code in codes:
        services.add_account(None, code, kind="ctp", login=login)
    services.add_account(None, "PAPER")


def test_each_account_has_one_process_that_is_started_again(running: Running) -> None:
    accounts("ONE", "TWO")
    running.thread.start()
    wait(lambda: len(running.supervisor.processes()) == 2, "two processes")
    first = running.supervisor.processes()
    subprocess.run(["kill", "-9", str(first["ONE"])], check=True)
    wait(lambda: running.supervisor.processes().get("ONE") not in {None, first["ONE"]}, "another process")
    assert running.supervisor.processes()["TWO"] == first["TWO"]
    TradingAccount.objects.filter(code="TWO").update(is_active=False)
    wait(lambda: "TWO" not in running.supervisor.processes(), "no process for a closed account")
    assert running.end() < supervisor.GRACE_SECONDS
    assert {code for code, _pid in running.started} == {"ONE", "TWO"}


def test_the_pauses_grow_and_people_are_told(running: Running) -> None:
    accounts("ONE")
    running.program = "import sys; sys.exit(1)"
    running.thread.start()
    wait(lambda: Alarm.objects.open().filter(code="gateway_ends", subject="ONE").exists(), "an alarm")
    assert "has ended 3 times in a row, the last time with code 1" in Alarm.objects.open().get().shown_text
    running.program = STAYS
    wait(running.supervisor.processes, "it runs")
    assert Alarm.objects.open().exists()


def test_where_a_person_is_needed_it_is_told_at_once_and_tried_much_later(running: Running) -> None:
    accounts("ONE")
    running.program = "import sys; sys.exit(12)"
    running.thread.start()
    wait(lambda: Alarm.objects.open().exists(), "an alarm")
    time.sleep(0.5)
    assert len(running.started) == 1


def test_one_that_does_not_end_is_ended(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "GRACE_SECONDS", 0.5)
    accounts("ONE")
    running.program = STUBBORN
    running.thread.start()
    wait(running.supervisor.processes, "it runs")
    time.sleep(0.5)  # until it no longer heeds SIGTERM
    pid = running.supervisor.processes()["ONE"]
    assert running.end() < LONG
    assert subprocess.run(["kill", "-0", str(pid)], capture_output=True, check=False).returncode != 0


def test_the_figures_of_all_are_one_page(running: Running) -> None:
    accounts("ONE", "TWO")
    running.program = PAGE
    running.thread.start()
    registry = CollectorRegistry(auto_describe=False)
    registry.register(running.supervisor.figures)
    both = [f'quantsite_sent_total{{account="{code}",kind="a"}} 3.0' for code in ("ONE", "TWO")]
    wait(lambda: all(line in generate_latest(registry).decode() for line in both), "both accounts' figures")
    assert "other" not in generate_latest(registry).decode()


def test_a_gateway_ends_with_its_supervisor() -> None:
    code = (
        "import threading, time\n"
        "from trading.supervised import end_with_supervisor\n"
        "stop = threading.Event(); end_with_supervisor(stop); print('up', flush=True)\n"
        "raise SystemExit(0 if stop.wait(30) else 1)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == b"up\n"
    process.stdin.close()
    assert process.wait(LONG) == 0
    process.stdout.close()
