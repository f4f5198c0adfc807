"""The first user's path under load: token, instruments, bars, a backtest, wait for it, read the result.

    QUANTSITE_LOAD_USER=alice QUANTSITE_LOAD_PASSWORD=... locust -f deploy/load/locustfile.py \
        --headless --users 20 --spawn-rate 2 --run-time 2m --host http://127.0.0.1:8000

The user needs the role researcher. All simulated people share that account and one token: logins are
throttled for each address, and it is not the login that is measured here.
"""

import os
import random
import threading
import time

from locust import HttpUser, between, task
from locust.exception import RescheduleTask

NAME = os.environ.get("QUANTSITE_LOAD_USER", "alice")
PASSWORD = os.environ.get("QUANTSITE_LOAD_PASSWORD", "")
INSTRUMENT = os.environ.get("QUANTSITE_LOAD_INSTRUMENT", "simrb88.SIM")
INTERVAL = os.environ.get("QUANTSITE_LOAD_INTERVAL", "5m")
TOKEN_SECONDS = 10 * 60  # tokens live for 15 minutes by default
RUN_SECONDS = 120
FINAL = {"succeeded", "failed", "cancelled"}


class SharedToken:
    """One access token for all users, renewed by whoever finds it old."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.value = ""
        self.taken = 0.0

    def of(self, user: HttpUser) -> str:
        """The token; asks for a new one when needed."""
        with self.lock:
            if time.monotonic() - self.taken > TOKEN_SECONDS or not self.value:
                body = {"username": NAME, "password": PASSWORD}
                answer = user.client.post("/api/v1/auth/token/", json=body)
                answer.raise_for_status()
                self.value, self.taken = answer.json()["access"], time.monotonic()
            return self.value


token = SharedToken()


class Researcher(HttpUser):
    """Looks at data often, and at times asks for a backtest and reads what came out."""

    wait_time = between(1, 3)

    @task(6)
    def look_at_bars(self) -> None:
        """The list of instruments, then the newest bars of one."""
        self.get("/api/v1/instruments/")
        self.get(f"/api/v1/bars/?instrument={INSTRUMENT}&interval={INTERVAL}&limit=500", "/api/v1/bars/")

    @task(3)
    def look_at_runs(self) -> None:
        """The newest runs."""
        self.get("/api/v1/backtests/")

    @task(1)
    def run_backtest(self) -> None:
        """Queue a run with parameters of its own, poll until it is done, read fills, equity and report."""
        fast = random.randint(3, 20)
        body = {
            "strategy": "double_ma",
            "instrument": INSTRUMENT,
            "interval": INTERVAL,
            "parameters": {"fast": fast, "slow": fast + random.randint(5, 40)},
        }
        answer = self.client.post("/api/v1/backtests/", json=body, headers=self.headers())
        if answer.status_code != 202:
            raise RescheduleTask
        run = answer.json()["id"]
        self.wait_for(run)
        for part in ("fills", "equity", "report"):
            self.get(f"/api/v1/backtests/{run}/{part}/", f"/api/v1/backtests/[id]/{part}/")

    def wait_for(self, run: int) -> None:
        """Poll once a second until the run is final; a failed or late one counts as a failure."""
        deadline = time.monotonic() + RUN_SECONDS
        name = "/api/v1/backtests/[id]/"
        while time.monotonic() < deadline:
            with self.client.get(
                f"/api/v1/backtests/{run}/", name=name, headers=self.headers(), catch_response=True
            ) as answer:
                status = answer.json().get("status")
                if status in FINAL - {"succeeded"}:
                    answer.failure(f"the run ended as {status}")
            if status in FINAL:
                return
            time.sleep(1)
        raise RescheduleTask

    def get(self, path: str, name: str | None = None) -> None:
        """Read one address with the token."""
        self.client.get(path, name=name or path, headers=self.headers())

    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {"Authorization": f"Bearer {token.of(self)}"}
