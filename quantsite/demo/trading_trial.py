"""The part of the trial that trades: orders by REST, what becomes of them by socket, and the end of the day."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from websockets.sync.client import ClientConnection

from quantsite.demo.contents import ACCOUNT, BOB, traded_instrument
from quantsite.demo.desk import MOST_LOTS, NEAR, NEAR_LOTS
from quantsite.demo.trial_tools import Trial, TrialError, expect, expect_true, message, open_socket

SECONDS = 30
CHANNEL = f"account:{ACCOUNT}"
TICKS_AWAY = 20
PLACES = 1e-4


def order_fills(trial: Trial) -> None:
    """A trader's order is accepted and filled, and moves position and funds; every event comes by socket."""
    bob, code = trial.program(BOB), traded_instrument()
    before = _funds(trial)
    with _listen(trial) as link:
        seq = message(link, "snapshot")["seq"]
        order = _place(trial, price=_last(trial) + TICKS_AWAY)
        again = expect(bob.post_json("/api/v1/orders/", order["body"]), 200).data
        expect_true(again["id"] == order["id"], "the same body again gave another order")
        kinds, status = [], ""
        while status != "filled":
            update = message(link, "update")
            expect_true(update["seq"] == seq + 1, "an event is missing")
            seq, told = update["seq"], update["data"]
            status = told.get("order", {}).get("status", status)
            kinds.append(told["kind"])
    expect_true(kinds.index("submitting") < kinds.index("accepted") < kinds.index("traded"), f"events came as {kinds}")
    shown = expect(bob.get(f"/api/v1/orders/{order['id']}/"), 200).data
    expect_true((shown["status"], shown["traded"]) == ("filled", 2), f"the order is {shown['status']}")
    fills = expect(bob.get(f"/api/v1/fills/?order={order['id']}"), 200).data["results"]
    expect_true(sum(fill["volume"] for fill in fills) == 2, "the fills are not two lots")
    held = expect(bob.get(f"/api/v1/positions/?account={ACCOUNT}"), 200).data["results"]
    expect_true([(row["instrument"], row["side"]) for row in held] == [(code, "long")], "there is no long position")
    after = _funds(trial)
    paid = after["commission"] - before["commission"]
    expect_true(abs(paid - sum(fill["commission"] for fill in fills)) < PLACES, "the commission is not the fills'")
    expect_true(after["margin"] > before["margin"] and not after["frozen_margin"], "the margin did not move")


def order_is_cancelled(trial: Trial) -> None:
    """An order that rests freezes money, and gives it back when it is cancelled."""
    bob = trial.program(BOB)
    with _listen(trial) as link:
        message(link, "snapshot")
        order = _place(trial, price=_last(trial) - 5 * TICKS_AWAY)
        told = _until(link, order["id"], "accepted")
        expect_true(told["funds"]["frozen_margin"] > 0, "nothing is frozen for an order that rests")
        expect(bob.post_json(f"/api/v1/orders/{order['id']}/cancel/", {}), 202)
        told = _until(link, order["id"], "cancelled")
        expect_true(told["funds"]["frozen_margin"] == 0, "money stays frozen after a cancel")
    expect(bob.post_json(f"/api/v1/orders/{order['id']}/cancel/", {}), 409)


def orders_are_refused(trial: Trial) -> None:
    """What is wrong whatever the market does is an error at once; what the funds forbid is an event."""
    bob = trial.program(BOB)
    wrong = {**_body(_last(trial)), "price": _last(trial) + 0.5}
    expect(bob.post_json("/api/v1/orders/", wrong), 400)
    with _listen(trial) as link:
        message(link, "snapshot")
        order = _place(trial, price=_last(trial), volume=1_000)
        told = _until(link, order["id"], "rejected")
        expect_true(told["order"]["reason_code"] == "insufficient_funds", "a thousand lots are not refused for funds")
    alice = trial.program("alice")
    expect(alice.get(f"/api/v1/trading-accounts/{ACCOUNT}/"), 403, 404)
    expect(alice.get(f"/api/v1/orders/{order['id']}/"), 403, 404)


def day_is_settled(trial: Trial) -> None:
    """The risk officer settles, the statement adds up, and the settlement is taken back: trading goes on."""
    rita, path = trial.program("rita"), f"/api/v1/trading-accounts/{ACCOUNT}"
    expect(trial.program(BOB).post_json(f"{path}/settle/", {"prices": {}}), 403)
    price = _last(trial)
    _carried_out(trial, rita.post_json(f"{path}/settle/", {"prices": {traded_instrument(): price}}).data)
    statement = expect(rita.get(f"{path}/history/"), 200).data["results"][0]
    cash = statement["pre_balance"] + statement["deposit"] - statement["withdraw"]
    gained = statement["close_profit"] + statement["position_profit"] - statement["commission"]
    expect_true(abs(cash + gained - statement["balance"]) < PLACES, "the statement does not add up")
    expect_true(statement["positions"][0]["settlement_price"] == price, "the statement is not at the settlement price")
    _carried_out(trial, rita.post_json(f"{path}/undo-settlement/", {}).data)
    expect_true(not expect(rita.get(f"{path}/history/"), 200).data["results"], "a settlement undone is shown still")


def everything_is_stopped(trial: Trial) -> None:
    """The risk officer stops the account: what rests goes; nobody but a second person lets it trade again."""
    rita, bob = trial.program("rita"), trial.program(BOB)
    with _listen(trial) as link:
        message(link, "snapshot")
        order = _place(trial, price=_last(trial) - 5 * TICKS_AWAY)
        _until(link, order["id"], "accepted")
        asked = {"scope_kind": "account", "scope_key": ACCOUNT, "strength": 2, "reason": "trial"}
        stop = expect(rita.post_json("/api/v1/kill-switches/", asked), 201).data
        _until(link, order["id"], "cancelled")
        refused = _until(link, _place(trial, price=_last(trial))["id"], "rejected")
    expect_true(refused["order"]["reason_code"] == "stopped", "a stopped account opens")
    shown = expect(rita.get(f"/api/v1/kill-switches/{stop['id']}/"), 200).data["effects"]
    expect_true(shown[0]["seconds"] is not None, "nobody knows how long the stop took")
    released = rita.post_json(f"/api/v1/kill-switches/{stop['id']}/release/", {"reason": "trial"})
    proposal = f"/api/v1/risk-proposals/{expect(released, 200, 201, 202).data['id']}"
    for nobody in (rita, bob):
        expect(nobody.post_json(f"{proposal}/approve/", {}), 403, 404, 409)
    expect(trial.program("ada").post_json(f"{proposal}/approve/", {}), 200)
    with _listen(trial) as link:
        message(link, "snapshot")
        order = _place(trial, price=_last(trial) - 5 * TICKS_AWAY)
        _until(link, order["id"], "accepted")
        expect(bob.post_json(f"/api/v1/orders/{order['id']}/cancel/", {}), 202)
        _until(link, order["id"], "cancelled")


def risk_desk(trial: Trial) -> None:
    """The risk officer's first page: the account that is near a limit before the others, and the warning of it."""
    rita = trial.browser("rita")
    page = expect(rita.get("/admin/trading/risk/"), 200).text
    places = [page.find(f'data-account="{code}"') for code in (NEAR, ACCOUNT)]
    expect_true(-1 < places[0] < places[1], f"{NEAR} does not stand before {ACCOUNT} on the risk desk")
    told = expect(rita.get("/admin/trading/risk/figures/"), 200).data["accounts"]
    [limits] = [row["limits"] for row in told if row["account"] == NEAR]
    shares = {row["rule"]: row["share"] for row in limits}
    expect_true(shares["max_position_instrument"] == NEAR_LOTS / MOST_LOTS, f"the share of the limit is {shares}")
    events = expect(trial.program("rita").get("/api/v1/risk-events/?kind=warning"), 200).data["results"]
    expect_true(any(row["account"] == NEAR for row in events), f"there is no warning of {NEAR}")
    expect(trial.browser("alice").get("/admin/trading/risk/"), 403)


TRADING_CHECKS: Mapping[str, Callable[[Trial], None]] = {
    "an order fills, events by socket": order_fills,
    "an order is cancelled": order_is_cancelled,
    "orders are refused": orders_are_refused,
    "a stop, and its release by two": everything_is_stopped,
    "settlement, statement, undo": day_is_settled,
    "the risk desk, and a warning": risk_desk,
}

# --- parts ---------------------------------------------------------------------------------------------------


def _listen(trial: Trial) -> ClientConnection:
    """The account's socket; its snapshot is the next message."""
    link = open_socket(trial, f"bearer.{trial.program(BOB).token}", path="/ws/trading/")
    link.send(json.dumps({"op": "subscribe", "id": 1, "channels": [CHANNEL]}))
    return link


def _until(link: ClientConnection, order: int, kind: str) -> dict[str, Any]:
    """What the event of that kind says of the order. Raises ``TimeoutError``."""
    while True:
        told: dict[str, Any] = message(link, "update")["data"]
        if told["kind"] == kind and told["order"]["id"] == order:
            return told


def _body(price: float, volume: int = 2) -> dict[str, Any]:
    return {
        "account": ACCOUNT,
        "instrument": traded_instrument(),
        "direction": "buy",
        "offset": "open",
        "type": "limit",
        "price": price,
        "volume": volume,
        "client_order_id": uuid4().hex,
    }


def _place(trial: Trial, price: float, volume: int = 2) -> dict[str, Any]:
    """A new order, and the body that asked for it."""
    body = _body(price, volume)
    placed = expect(trial.program(BOB).post_json("/api/v1/orders/", body), 201).data
    return {**placed, "body": body}


def _last(trial: Trial) -> float:
    """The newest price of what is traded."""
    deadline = time.monotonic() + SECONDS
    path = f"/api/v1/ticks/latest/?instruments={traded_instrument()}"
    while not (found := expect(trial.program(BOB).get(path), 200).data["results"]):
        expect_true(time.monotonic() < deadline, f"no tick of {traded_instrument()} within {SECONDS} s")
        time.sleep(0.2)
    return float(found[0]["last"])


def _funds(trial: Trial) -> dict[str, float]:
    account = expect(trial.program(BOB).get(f"/api/v1/trading-accounts/{ACCOUNT}/"), 200).data
    funds: dict[str, float] = account["funds"]
    return funds


def _carried_out(trial: Trial, command: dict[str, Any]) -> None:
    """Wait until the account's gateway has done it. Raises ``TrialError`` where it was refused."""
    deadline = time.monotonic() + SECONDS
    while command["status"] == "queued":
        expect_true(time.monotonic() < deadline, f"the command waits for more than {SECONDS} s")
        time.sleep(0.2)
        path = f"/api/v1/trading-accounts/{ACCOUNT}/commands/{command['id']}/"
        command = expect(trial.program("rita").get(path), 200).data
    if command["status"] != "done":
        raise TrialError(f"the command was refused: {command}")
