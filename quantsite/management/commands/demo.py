"""``manage.py demo``: the whole platform with simulated data on this machine."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from typing import Any, NoReturn

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from quantsite.common.errors import RuleError
from quantsite.demo import contents, desk, strategies, trial
from quantsite.demo.contents import Credentials
from quantsite.demo.processes import Process, ProcessError, running
from quantsite.web import logs
from quantsite.web.ports import free_port

CHILD = "QUANTSITE_DEMO_CHECK"
SERVERS = ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "QUANTSITE_STATIC_ROOT", "QUANTSITE_ENVIRONMENT")


class Command(BaseCommand):
    """Fills an embedded platform and serves it until Ctrl-C; with ``--check`` tries everything out and ends."""

    help = "Serve the platform with simulated data on 127.0.0.1; --check tries pages, API and sockets and stops."
    requires_system_checks = []  # the tables do not exist yet

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The command's options."""
        parser.add_argument("--check", action="store_true", help="use a free port and fresh data, try it, stop")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, **options: Any) -> None:
        """Prepare, start, then serve or try out."""
        if options["check"] and CHILD not in os.environ:
            sys.exit(check_in_fresh_folder())
        refuse_servers()
        logs.configure("ERROR", "console")  # this command talks to a person; the processes log under var/logs
        for ending in (signal.SIGTERM, signal.SIGHUP):  # a closed terminal must not leave processes behind
            signal.signal(ending, _as_interrupt)
        port = free_port() if options["check"] else options["port"]
        refuse_taken(port)
        try:
            people = self._prepare()
            with running(port) as processes:
                self._serve(port, people, processes, check=options["check"])
        except KeyboardInterrupt:
            self.stdout.write("\nstopped")
        except (RuleError, ProcessError, TimeoutError) as error:
            raise CommandError(str(error)) from error

    def _prepare(self) -> list[Credentials]:
        self._say(f"data folder: {settings.VAR_DIR}")
        call_command("migrate", interactive=False, verbosity=0)
        people = contents.make_people()
        made = contents.make_account()
        self._say(f"trading account {contents.ACCOUNT} of bob's: {'new' if made else 'as it was'}, on simulated ticks")
        risk = contents.make_risk()
        self._say(f"limits of rita's, and a change that waits for ada: {'new' if risk else 'as they were'}")
        risk = desk.make_desk()
        self._say(f"three more accounts for the risk desk: {'new' if risk else 'as they were'}")
        self._say("making simulated bars")
        bars = contents.make_bars()
        self._say(f"simulated bars of {contents.INSTRUMENT} {contents.INTERVAL}: {bars:,} new")
        self._say("starting web and worker; the first start compresses static files, which takes a while")
        return people

    def _serve(self, port: int, people: list[Credentials], processes: list[Process], *, check: bool) -> None:
        run = contents.run_backtest("alice")
        if run.net_profit is None:
            raise ProcessError(f"backtest {run.pk} {run.status}: {run.error}")
        self._say(f"backtest {run.pk} by the worker: net profit {run.net_profit:,.2f}, {run.fill_count} fills")
        if desk.trade():
            self._say(f"bob has bought for {desk.NEAR}: {desk.NEAR_LOTS} of {desk.MOST_LOTS} lots, and rita is warned")
        if strategies.start():
            self._say(f"strategy {strategies.KEY} of bob's runs on paper: {strategies.STRATEGY} on {contents.ACCOUNT}")
        origin = f"http://127.0.0.1:{port}"
        if check:
            self._try_out(origin, people)
            return
        self._print_addresses(origin, people)
        while True:
            for process in processes:
                process.check()
            time.sleep(1)

    def _try_out(self, origin: str, people: list[Credentials]) -> None:
        results = trial.run_all(origin, {person.name: person for person in people})
        width = max(len(result.name) for result in results)
        for result in results:
            mark = "FAIL" if result.error else "ok"
            self.stdout.write(f"{mark:4}  {result.name:<{width}}  {result.seconds * 1e3:7.0f} ms  {result.error}")
        failed = sum(bool(result.error) for result in results)
        self.stdout.write(f"{len(results) - failed} of {len(results)} checks passed")
        if failed:
            sys.exit(1)

    def _print_addresses(self, origin: str, people: list[Credentials]) -> None:
        self.stdout.write("")
        for title, path in (
            ("console", "/admin/"),
            ("quotes", "/quotes/"),
            ("API documents", "/api/v1/docs/"),
            ("API schema", "/api/v1/schema/"),
            ("risk desk", "/admin/trading/risk/"),
            ("orders", "/admin/trading/order/"),
            ("strategies", "/admin/strategies/strategyinstance/"),
            ("sockets", "/ws/tasks/ /ws/market/ /ws/trading/"),
            ("metrics", "/metrics"),
        ):
            self.stdout.write(f"  {title:<15} {origin}{path}")
        self.stdout.write("")
        for person in people:
            self.stdout.write(f"  {person.name:<6} {person.password:<18} {person.role}")
        self.stdout.write("\n  All prices here are simulated. Ctrl-C stops.")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def check_in_fresh_folder() -> int:
    """Run ``demo --check`` in a new process with an empty data folder and no server; returns its exit code."""
    kept = {name: value for name, value in os.environ.items() if name not in SERVERS}
    with tempfile.TemporaryDirectory(prefix="quantsite-demo-") as folder:
        environment = {**kept, "QUANTSITE_VAR_DIR": folder, CHILD: "1"}
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "demo", "--check"]
        with subprocess.Popen(command, env=environment) as child:  # noqa: S603 - our own command line
            signal.signal(signal.SIGTERM, lambda *_: child.terminate())
            try:
                return child.wait()
            except KeyboardInterrupt:
                return child.wait()


def refuse_servers() -> None:
    """Raise ``CommandError`` on anything but the embedded size: the demo prints passwords of people it makes."""
    if not settings.EMBEDDED:
        raise CommandError("The demo makes people and prints their passwords: unset DATABASE_URL to run it")
    if settings.ENVIRONMENT == "live":
        raise CommandError("QUANTSITE_ENVIRONMENT is live: the demo runs on paper only")


def refuse_taken(port: int) -> None:
    """Raise ``CommandError`` where somebody listens on the port already."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise CommandError(f"Port {port} is in use: choose another with --port")


def _as_interrupt(_signum: int, _frame: Any) -> NoReturn:
    raise KeyboardInterrupt
