"""A strategy of the demo's trader, taken by its gates to paper: backtested, checked, and started on his account."""

import time
from datetime import date
from io import StringIO

from django.core.management import call_command

from accounts.models import User
from quantsite.demo.contents import ACCOUNT, BOB, INSTRUMENT, INTERVAL, traded_instrument
from strategies import services
from strategies.choices import Health
from strategies.instance_models import StrategyInstance
from strategies.services import NewInstance

KEY, STRATEGY = "trend", "double_ma"
CHECKED_FROM = date(2025, 10, 1)
CUTS = 3
"""Places at which the check cuts the bars: enough to try the gate, quick enough for a demo."""
SECONDS = 60


def start() -> bool:
    """Make the instance, show what its gates ask for, and start it; False where it is there.

    Needs the backtest of :func:`contents.run_backtest`, and the runner. Raises ``TimeoutError`` where it does not run.
    """
    if StrategyInstance.objects.exists():
        return False
    bob = User.objects.get(username=BOB)
    call_command(
        "check_strategy", STRATEGY, instrument=[INSTRUMENT], interval=INTERVAL, start=CHECKED_FROM, cuts=CUTS,
        stdout=StringIO(),
    )  # fmt: skip
    asked = NewInstance(KEY, STRATEGY, (traded_instrument(),), ACCOUNT, INTERVAL, title="Trend")
    instance = services.create_instance(bob, asked)
    for _stage in ("backtested", "paper"):
        services.promote(bob, instance.pk)
    services.start(bob, instance.pk)
    _wait(instance.pk)
    return True


def _wait(instance: int) -> None:
    deadline = time.monotonic() + SECONDS
    while not StrategyInstance.objects.filter(pk=instance, health=Health.RUNNING).exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the demo's strategy does not run after {SECONDS} s: var/logs/web.log may say why")
        time.sleep(0.2)
