"""The hot reads as FastAPI and asyncpg would serve them: a token checked, one query, rows as JSON; prints its port.

``/plain/...`` gives the rows to FastAPI, as its tutorial does; ``/lean/...`` answers with orjson past its encoder. Who
sees which account is asked in the query; whether the person is still active is not asked at all. Runs in the
environment ``fastapi`` of ``peers.txt``, served as the platform is; ends with its standard input.
"""

import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Annotated, Any

import asyncpg
import jwt
import orjson
import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException, Response

SECRET = os.environ["QUANTSITE_SECRET_KEY"]
ROWS = 50
VISIBLE = """
  o.account_id IN (SELECT g.content_object_id FROM trading_tradingaccountuserobjectpermission g WHERE g.user_id = $1)"""
ORDERS = f"""
SELECT o.id, a.code AS account, o.client_order_id, i.code AS instrument, o.direction, o."offset", o.type,
  o.price::float8, o.stop_price::float8, o.volume, o.traded, o.average_price::float8, o.status, o.cancel_requested,
  o.reason_code, o.reason_text, o.trading_day, o.frozen_margin::float8, o.frozen_commission::float8, o.strategy_key,
  o.created_at, o.submitted_at, o.finished_at, o.updated_seq
FROM trading_order o JOIN trading_tradingaccount a ON a.id = o.account_id
JOIN marketdata_instrument i ON i.id = o.instrument_id
WHERE {VISIBLE} ORDER BY o.id DESC LIMIT {ROWS + 1}"""
POSITIONS = f"""
SELECT o.id, a.code AS account, i.code AS instrument, o.side, o.volume, o.today, o.frozen, o.frozen_today,
  o.open_price::float8, o.base_price::float8, o.last_price::float8, o.margin::float8, o.position_profit::float8,
  o.open_profit::float8, o.position_cost::float8, o.open_cost::float8
FROM trading_position o JOIN trading_tradingaccount a ON a.id = o.account_id
JOIN marketdata_instrument i ON i.id = o.instrument_id
WHERE {VISIBLE} ORDER BY o.id LIMIT {ROWS + 1}"""
ACCOUNTS = f"""
SELECT a.code, a.name, a.kind, d.code AS desk, c.code AS control_group, a.is_active, s.gateway, s.market_time,
  s.last_seq,
  s.trading_day, s.pre_balance::float8, s.deposit::float8, s.withdraw::float8, s.close_profit::float8,
  s.position_profit::float8, s.commission::float8, s.balance::float8, s.margin::float8, s.frozen_margin::float8,
  s.frozen_commission::float8, s.available::float8, s.risk_degree
FROM trading_tradingaccount a JOIN trading_accountstate s ON s.account_id = a.id JOIN trading_desk d ON d.id = a.desk_id
JOIN trading_controlgroup c ON c.id = a.control_group_id
WHERE $1 > 0 ORDER BY a.code LIMIT {ROWS + 1}"""
BARS = f"""
SELECT start, trading_day, open, high, low, close, volume, turnover, open_interest FROM marketdata_bar
WHERE $1 > 0 AND instrument_id = (SELECT id FROM marketdata_instrument WHERE code = $2) AND interval = $3
  AND trading_day >= $4
ORDER BY trading_day DESC, start DESC LIMIT {ROWS + 1}"""
FUNDS = (
    "trading_day", "pre_balance", "deposit", "withdraw", "close_profit", "position_profit", "commission", "balance",
    "margin", "frozen_margin", "frozen_commission", "available", "risk_degree",
)  # fmt: skip


@asynccontextmanager
async def with_pool(served: FastAPI) -> AsyncIterator[None]:
    """Four connections, as the fast reads have."""
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=1, max_size=4) as pool:
        served.state.pool = pool
        yield


app = FastAPI(lifespan=with_pool)


async def caller(authorization: Annotated[str, Header()]) -> int:
    """Whom a valid token names."""
    try:
        claims = jwt.decode(authorization.removeprefix("Bearer "), SECRET, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        raise HTTPException(401) from None
    return int(claims["user_id"])


Caller = Annotated[int, Depends(caller)]


async def page(query: str, *values: Any) -> dict[str, Any]:
    """A page of rows, and the key of the last one where there are more."""
    rows = [dict(row) for row in await app.state.pool.fetch(query, *values)]
    return {"results": rows[:ROWS], "next": next(iter(rows[ROWS - 1].values())) if len(rows) > ROWS else None}


async def orders(user: Caller) -> Any:
    """The newest orders."""
    return await page(ORDERS, user)


async def positions(user: Caller) -> Any:
    """What is held."""
    return await page(POSITIONS, user)


async def accounts(user: Caller) -> Any:
    """Accounts with their funds."""
    found = await page(ACCOUNTS, user)
    for row in found["results"]:
        row["funds"] = {name: row.pop(name) for name in FUNDS}
    return found


async def bars(user: Caller, instrument: str, interval: str) -> Any:
    """The newest bars."""
    rows = await app.state.pool.fetch(BARS, user, instrument, interval, BARS_SINCE)
    results = [dict(row) for row in reversed(rows[:ROWS])]
    following = results[0]["start"] if len(rows) > ROWS else None
    return {"instrument": instrument, "interval": interval, "results": results, "next": following}


BARS_SINCE = date(2023, 10, 1)
"""So far back that it leaves one year's partition and the one before, as the platform does."""


def lean(read: Any) -> Any:
    """The same past FastAPI's encoder."""

    async def answer(found: Annotated[Any, Depends(read)]) -> Response:
        return Response(orjson.dumps(found), media_type="application/json")

    return answer


for name, read in {"orders": orders, "positions": positions, "trading-accounts": accounts, "bars": bars}.items():
    app.get(f"/plain/{name}/")(read)
    app.get(f"/lean/{name}/")(lean(read))


def end_with_input() -> None:
    """The owner is gone, or wants us to be."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Serve."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    print(f"serving http://127.0.0.1:{listener.getsockname()[1]}/", flush=True)
    threading.Thread(target=end_with_input, daemon=True).start()
    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, proxy_headers=False)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
