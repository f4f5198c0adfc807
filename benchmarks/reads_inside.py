"""Measures the hot reads on the servers that ``benchmarks.reads`` started; see there."""

from benchmarks import ready  # noqa: F401  (before any model)

# isort: split

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from decimal import Decimal
from statistics import median

import orjson
import uvloop
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import connection
from rest_framework_simplejwt.tokens import RefreshToken

from accounts.models import User
from accounts.roles import RISK_OFFICER, TRADER
from accounts.tokens import mark
from benchmarks.figures import Figure, show
from benchmarks.reads_clients import Round, ask, once, request_to
from marketdata.instruments import ensure_instrument
from marketdata.services import store_simulated_bars
from trading import services
from trading.account_models import TRADE
from trading.ledger_models import Position
from trading.order_models import Order

DAY = date(2024, 1, 12)
ACCOUNTS, GRANTED, ORDERS = 60, 3, 500
CONTRACTS = [f"{product}24{month:02d}.SHFE" for product in ("rb", "hc", "cu") for month in range(5, 12)]
ROWS, CLIENTS, SECONDS, ROUNDS = 50, 8, 1.5, 5
BARS = "bars/?instrument=simrb88.SIM&interval=5m&limit=50"
READS = {"orders": "orders/", "positions": "positions/", "trading-accounts": "trading-accounts/", "bars": BARS}
ROADS = ("platform", "django", "fastapi plain", "fastapi lean")
PLATFORM = [sys.executable, "manage.py", "run_platform", "--port", "0", "--static-ready", "--feed", "none"]


def prepare() -> dict[str, str]:
    """Tables and rows; gives the token that each read is asked with."""
    call_command("migrate", verbosity=0)
    trader, risk = (User.objects.create_user(name, password=None) for name in ("trader", "risk"))
    trader.groups.add(Group.objects.get(name=TRADER))
    risk.groups.add(Group.objects.get(name=RISK_OFFICER))
    rows = [ensure_instrument(code, DAY) for code in CONTRACTS]
    for number in range(ACCOUNTS):
        account = services.add_account(None, f"desk-{number:03d}", capital=Decimal(1_000_000))
        if number < GRANTED:
            services.grant_account(None, account.code, trader, TRADE)
        Order.objects.bulk_create(_order(account.pk, rows[n % len(rows)].pk, n) for n in range(ORDERS))
        Position.objects.bulk_create(
            Position(
                account=account, instrument=row, side="long", volume=3, today=1, open_price=3312, base_price=3300.5
            )
            for row in rows
        )
    store_simulated_bars(None, interval="5m", first=date(2024, 1, 2), last=DAY, seed=7)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    seller, officer = _token(trader), _token(risk)
    return {name: officer if name == "trading-accounts" else seller for name in READS}


def _order(account: int, instrument: int, number: int) -> Order:
    return Order(
        account_id=account, instrument_id=instrument, client_order_id=f"c-{number}", direction="buy", offset="open",
        type="limit", price=Decimal(3_312), volume=3, traded=1, average_price=Decimal("3312.5"), trading_day=DAY,
        status=("filled", "cancelled", "accepted", "partially_filled")[number % 4], frozen_margin=Decimal("1234.5678"),
    )  # fmt: skip


def _token(user: User) -> str:
    token = RefreshToken.for_user(user)
    mark(token, user)
    return str(token.access_token)


@contextmanager
def server(command: list[str], **more: str) -> Iterator[tuple[int, int]]:
    """A serving process: its port and its process id."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, **more}
    )
    try:
        line = next((line for line in process.stdout or () if line.startswith(b"serving")), b"")
        yield int(line.rstrip(b"/\n").rpartition(b":")[2]), process.pid
    finally:
        process.terminate()
        process.wait(timeout=30)


async def check(doors: dict[tuple[str, str], tuple[int, str]], tokens: dict[str, str]) -> None:
    """Every road gives the same fifty rows. Raises ``RuntimeError`` where one does not."""
    for name in READS:
        found = {
            road: orjson.loads(await once(request_to(path, tokens[name], port)))["results"]
            for (road, read), (port, path) in doors.items()
            if read == name
        }
        key = next(key for key in ("id", "code", "start", "instrument") if key in found["platform"][0])
        keys = {road: [row[key] for row in rows] for road, rows in found.items()}
        if found["platform"] != found["django"] or {len(rows) for rows in keys.values()} != {ROWS}:
            raise RuntimeError(f"{name}: the roads differ")
        if key in ("id", "code", "instrument") and any(told != keys["platform"] for told in keys.values()):
            raise RuntimeError(f"{name}: the peer gives other rows")


async def measure(
    doors: dict[tuple[str, str], tuple[int, str]], pids: dict[str, int], tokens: dict[str, str]
) -> dict[tuple[str, str], list[Round]]:
    """All rounds of each road and read, in turns, so that what disturbs one disturbs all."""
    rounds: dict[tuple[str, str], list[Round]] = {key: [] for key in doors}
    for number in range(ROUNDS + 1):
        for (road, read), (port, path) in doors.items():
            seconds = SECONDS if number else 0.5
            found = await ask(request_to(path, tokens[read], port), pids[road], CLIENTS, seconds)
            if number:  # the first one warms up
                rounds[road, read].append(found)
    return rounds


def figures(rounds: dict[tuple[str, str], list[Round]]) -> Iterator[Figure]:
    """Medians of the rounds, and how the platform stands to each of the others."""
    for read in READS:
        rates, cores = {}, {}
        for road in ROADS:
            found = rounds[road, read]
            rates[road] = median(one.rate for one in found)
            cores[road] = median(one.rate_of_a_core for one in found)
            name = f"{read}/, {road}"
            yield Figure(name, rates[road], "requests/s")
            yield Figure(f"{name}, of a core", cores[road], "requests/s")
            yield Figure(f"{name}: median", median(one.percentiles[0] for one in found), "ms")
            yield Figure(f"{name}: 99 %", median(one.percentiles[1] for one in found), "ms")
        for road in ROADS[1:]:
            yield Figure(f"{read}/: platform / {road}", rates["platform"] / rates[road], "times")
            yield Figure(f"{read}/: platform / {road}, of a core", cores["platform"] / cores[road], "times")


def main() -> None:
    """Measure."""
    tokens = prepare()
    connection.close()
    peer = [os.environ["BENCH_PEER"], "benchmarks/peers/run_fastapi.py"]
    with ExitStack() as stack:
        fast, fast_pid = stack.enter_context(server(PLATFORM))
        slow, slow_pid = stack.enter_context(server(PLATFORM, QUANTSITE_FAST_READS="0"))
        other, other_pid = stack.enter_context(server(peer))
        ports = dict(zip(ROADS, (fast, slow, other, other), strict=True))
        pids = dict(zip(ROADS, (fast_pid, slow_pid, other_pid, other_pid), strict=True))
        doors = {
            (road, read): (ports[road], f"/{road.split()[1]}/{path}" if "fastapi" in road else f"/api/v1/{path}")
            for read, path in READS.items()
            for road in ROADS
        }
        uvloop.run(check(doors, tokens))
        rounds = uvloop.run(measure(doors, pids, tokens))
    show(figures(rounds))


if __name__ == "__main__":
    main()
