"""The trial of ``demo --check``: every door of a running platform is tried from outside, over HTTP and sockets."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException

from websockets.exceptions import WebSocketException

from quantsite.demo.contents import INSTRUMENT, INTERVAL, Credentials
from quantsite.demo.trading_trial import TRADING_CHECKS
from quantsite.demo.trial_tools import Trial, TrialError, close_code, expect, expect_true, message, open_socket

RUN_SECONDS = 120
RECORD_SECONDS = 30
PUBLIC_PAGES = ("/healthz", "/readyz", "/admin/login/")
CLOSED_PAGES = ("/admin/", "/admin/backtests/backtestrun/", "/admin/accounts/user/")
CLOSED_API = tuple(
    f"/api/v1/{name}/"
    for name in (
        *("users", "users/me", "instruments", "bars", "backtests", "alarms", "schema", "docs", "redoc"),
        *("trading-accounts", "orders", "fills", "positions"),
    )
)
LISTS = ("/admin/", "/admin/backtests/backtestrun/", "/admin/marketdata/instrument/", "/admin/trading/order/")


@dataclass(frozen=True)
class Result:
    """One check: how long it took and, where it failed, why."""

    name: str
    seconds: float
    error: str = ""


def run_all(origin: str, people: Mapping[str, Credentials]) -> list[Result]:
    """Every check in order; one that fails does not keep the others from being tried."""
    trial = Trial(origin, people)
    return [_run(name, check, trial) for name, check in CHECKS.items()]


def _run(name: str, check: Callable[[Trial], None], trial: Trial) -> Result:
    start = time.perf_counter()
    error = ""
    try:
        check(trial)
    except (TrialError, OSError, HTTPException, WebSocketException, LookupError, ValueError) as failure:
        error = f"{type(failure).__name__}: {failure}"
    return Result(name, time.perf_counter() - start, error)


# --- the checks --------------------------------------------------------------------------------------------


def public_pages(trial: Trial) -> None:
    """What anybody may see answers, and says no more than it should."""
    for path in PUBLIC_PAGES:
        expect(trial.stranger().get(path), 200)
    expect_true(trial.stranger().get("/readyz").text.strip() == "ok", "/readyz does not say ok")


def strangers_refused(trial: Trial) -> None:
    """Pages lead to the login, the API answers 401 in the shape of problems."""
    for path in CLOSED_PAGES:
        answer = expect(trial.stranger().get(path, follow=False), 302)
        expect_true("/admin/login/" in (answer.headers["Location"] or ""), f"{path} does not lead to the login")
    for path in CLOSED_API:
        answer = expect(trial.stranger().get(path), 401)
        expect_true(answer.headers.get_content_type() == "application/problem+json", f"{path} answers no problem+json")
        expect_true(answer.data["code"] and answer.data["request_id"], f"{path} lacks code or request id")


def language_switch(trial: Trial) -> None:
    """The login page speaks Chinese after the switch."""
    caller = trial.stranger()
    page = caller.post_form("/admin/login/", "/i18n/setlang/", language="zh-hans", next="/admin/login/")
    expect_true('lang="zh-hans"' in page.text, "the page is not in Chinese after the switch")


def static_files(trial: Trial) -> None:
    """Every file that the login page names is there, hashed, cached for good and compressed."""
    stranger = trial.stranger()
    assets = stranger.get("/admin/login/").assets()
    expect_true(assets, "the login page names no static file")
    for path in assets:
        answer = expect(stranger.get(path, Accept_Encoding="gzip"), 200)
        expect_true("immutable" in answer.headers.get("Cache-Control", ""), f"{path} is not cached for good")
        if path.endswith((".css", ".js")) and len(answer.body) > 10_000:
            expect_true(answer.headers.get("Content-Encoding") == "gzip", f"{path} is not compressed")


def console_pages(trial: Trial) -> None:
    """Each role opens the first page; the administrator opens every list."""
    for name in trial.people:
        answer = expect(trial.browser(name).get("/admin/"), 200)
        expect_true("script-src 'self'" in answer.headers["Content-Security-Policy"], "no content security policy")
    administrator = trial.browser("ada")
    for path in LISTS:
        expect(administrator.get(path), 200)


def instruments_and_bars(trial: Trial) -> None:
    """The simulated instrument and its bars come by API, as JSON, CSV and Parquet."""
    alice = trial.program("alice")
    found = expect(alice.get("/api/v1/instruments/?limit=500"), 200).data["results"]
    expect_true(any(row["code"] == INSTRUMENT for row in found), f"{INSTRUMENT} is not among the instruments")
    path = f"/api/v1/bars/?instrument={INSTRUMENT}&interval={INTERVAL}&limit=10"
    expect_true(len(expect(alice.get(path), 200).data["results"]) == 10, "not ten bars")
    table = expect(alice.get(path, Accept="text/csv"), 200).text
    expect_true(len(table.splitlines()) == 11, "the CSV has not ten rows and a heading")
    file = expect(alice.get(path, Accept="application/vnd.apache.parquet"), 200).body
    expect_true(file[:4] == b"PAR1", "the Parquet file is none")


def errors_have_one_shape(trial: Trial) -> None:
    """A wrong request names the field and what is wrong with it."""
    answer = trial.program("alice").post_json("/api/v1/backtests/", {"strategy": "double_ma", "interval": INTERVAL})
    expect(answer, 400)
    expect_true("instrument" in answer.data["fields"], "the missing field is not named")


def backtest_by_the_worker(trial: Trial) -> None:
    """A posted backtest is computed by the worker, while the socket tells how it gets on."""
    alice = trial.program("alice")
    with open_socket(trial, f"bearer.{alice.token}") as link:
        link.send(json.dumps({"op": "subscribe", "id": 1, "channels": ["backtests"]}))
        expect_true(message(link, "ack")["id"] == 1, "the subscription was not acknowledged")
        message(link, "snapshot")
        body = {"strategy": "double_ma", "instrument": INSTRUMENT, "interval": INTERVAL, "parameters": {"fast": 5}}
        trial.run_id = expect(alice.post_json("/api/v1/backtests/", body), 202).data["run"]
        message(link, "update")
    deadline = time.monotonic() + RUN_SECONDS
    while time.monotonic() < deadline:
        state = expect(alice.get(f"/api/v1/backtests/{trial.run_id}/"), 200).data
        if state["status"] not in ("queued", "running"):
            expect_true(state["status"] == "succeeded", f"the run {state['status']}: {state['error']}")
            return
        time.sleep(0.2)
    raise TrialError(f"the run is not over after {RUN_SECONDS} s")


def results(trial: Trial) -> None:
    """Fills, equity and report of the run; the report is closed off from the rest of the site."""
    alice = trial.program("alice")
    base = f"/api/v1/backtests/{trial.run_id}"
    expect_true(expect(alice.get(f"{base}/fills/"), 200).data["results"], "no fills")
    expect_true(expect(alice.get(f"{base}/equity/"), 200).data["results"], "no equity")
    report = expect(alice.get(f"{base}/report/"), 200)
    expect_true(report.headers["Content-Security-Policy"].startswith("sandbox"), "the report is not sandboxed")


def live_market(trial: Trial) -> None:
    """Made-up ticks arrive by the market socket, are recorded, and come back by API with the newest first."""
    bob = trial.program("bob")
    channel = f"tick:{INSTRUMENT}"
    with open_socket(trial, f"bearer.{bob.token}", path="/ws/market/") as link:
        link.send(json.dumps({"op": "subscribe", "id": 1, "channels": [channel]}))
        message(link, "ack")
        message(link, "snapshot")
        first, second = message(link, "update"), message(link, "update")
    expect_true(second["seq"] > first["seq"], "the updates are not numbered upwards")
    expect_true(first["channel"] == channel and first["data"]["last"] > 0, "the update carries no price")
    latest = expect(bob.get(f"/api/v1/ticks/latest/?instruments={INSTRUMENT}"), 200).data["results"]
    expect_true(latest and latest[0]["instrument"] == INSTRUMENT, "the newest tick does not come by API")
    deadline = time.monotonic() + RECORD_SECONDS
    while not expect(bob.get(f"/api/v1/ticks/?instrument={INSTRUMENT}&limit=5"), 200).data["results"]:
        expect_true(time.monotonic() < deadline, f"no tick was recorded within {RECORD_SECONDS} s")
        time.sleep(0.2)


def quote_page(trial: Trial) -> None:
    """The traders' page opens for who may see prices, under a strict policy."""
    answer = expect(trial.browser("bob").get("/quotes/"), 200)
    policy = answer.headers["Content-Security-Policy"]
    expect_true("unsafe-eval" not in policy, "the quote page allows eval")
    for path in answer.assets():
        expect(trial.stranger().get(path), 200)


def others_kept_out(trial: Trial) -> None:
    """A trader sees neither the researcher's run nor the administrators' pages."""
    bob = trial.program("bob")
    expect(bob.get(f"/api/v1/backtests/{trial.run_id}/"), 403, 404)
    expect(bob.get("/api/v1/users/"), 403)
    expect(trial.browser("bob").get("/admin/accounts/user/"), 403)


def socket_refusals(trial: Trial) -> None:
    """A stranger's socket, a token in the address and a foreign page's cookie are all closed with 4401."""
    token = trial.program("alice").token
    cookie = trial.browser("alice").cookie_header()
    expect_true(close_code(trial) == 4401, "a stranger's socket was not closed with 4401")
    expect_true(close_code(trial, query=f"?token={token}") == 4401, "a token in the address was accepted")
    foreign = close_code(trial, cookie=cookie, origin="https://elsewhere.invalid")
    expect_true(foreign == 4401, "a foreign page may use the session's cookie")
    with open_socket(trial, cookie=cookie, origin=trial.origin) as link:
        link.send(json.dumps({"op": "ping", "id": "p"}))
        expect_true(message(link, "ack")["id"] == "p", "our own page may not use the session's cookie")


def documents(trial: Trial) -> None:
    """Schema, Swagger and Redoc; their scripts and styles are our own files."""
    alice = trial.browser("alice")
    schema = expect(alice.get("/api/v1/schema/?format=json"), 200).data
    expect_true(
        schema["openapi"].startswith("3.") and "/api/v1/backtests/" in schema["paths"], "the schema lacks parts"
    )
    for path in ("/api/v1/docs/", "/api/v1/redoc/"):
        page = expect(alice.get(path), 200)
        expect_true("<script>" not in page.text and "https://" not in page.text, f"{path} is not all our own")
        for asset in page.assets():
            expect(alice.get(asset), 200)


def metrics(trial: Trial) -> None:
    """Metrics answer on this machine, and not through a proxy."""
    page = expect(trial.stranger().get("/metrics"), 200).text
    expect_true("quantsite_http_requests_total" in page and "quantsite_ready" in page, "figures are missing")
    expect(trial.stranger().get("/metrics", X_Forwarded_For="127.0.0.1"), 403)


CHECKS: dict[str, Callable[[Trial], None]] = {
    "public pages": public_pages,
    "strangers are refused": strangers_refused,
    "language switch": language_switch,
    "static files": static_files,
    "console, each role": console_pages,
    "instruments and bars": instruments_and_bars,
    "errors have one shape": errors_have_one_shape,
    "backtest by the worker, socket": backtest_by_the_worker,
    "fills, equity, report": results,
    "live market by socket and API": live_market,
    "quote page": quote_page,
    **TRADING_CHECKS,
    "others are kept out": others_kept_out,
    "socket refusals": socket_refusals,
    "schema and documents": documents,
    "metrics": metrics,
}
