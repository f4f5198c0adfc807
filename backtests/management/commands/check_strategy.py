"""``manage.py check_strategy``: does a strategy look into the future, is its warm-up long enough?"""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from accounts.commands import ActorCommand
from backtests.management.run_arguments import setting, trading_day
from backtests.requests import RunRequest
from backtests.strategy_check import StrategyCheck, check_strategy
from backtests.tick_days import TICK
from quantsite.common.texts import sentences


class Command(ActorCommand):
    """Runs the strategy over cut and changed bars, prints what it found and writes it down as evidence.

    Exit code 1 where it found a fault.
    """

    help = "Check on stored bars that a strategy does not look ahead and states a warm-up that is long enough."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to check, on which bars, how often."""
        parser.add_argument("strategy", help="name of the strategy, such as double_ma")
        parser.add_argument(
            "--instrument",
            required=True,
            action="append",
            metavar="CODE",
            help="such as rb88.SHFE; repeat for a strategy on several",
        )
        parser.add_argument(
            "--interval", required=True, metavar="TEXT", help="of the bars: 1m, 5m, 1h, 1d ..., or tick"
        )
        parser.add_argument("--start", type=trading_day, metavar="DAY", help="first trading day (default: all)")
        parser.add_argument("--end", type=trading_day, metavar="DAY", help="last trading day, included")
        parser.add_argument(
            "--set",
            type=setting,
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="a parameter of the strategy; repeat for more",
        )
        parser.add_argument("--cuts", type=int, metavar="N", help="places to cut at in each form (default 20)")
        parser.add_argument("--seed", type=int, default=0, metavar="N", help="chooses the places (default 0)")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Check and print. Raises ``CommandError`` with the sentences about the faults found."""
        first, *legs = options["instrument"]
        request = RunRequest(
            strategy=options["strategy"],
            instrument=first,
            interval=options["interval"],
            start=options["start"],
            end=options["end"],
            parameters=dict(options["set"]),
            legs=tuple(legs),
        )
        check = check_strategy(self.actor, request, cuts=options["cuts"], seed=options["seed"])
        if options["json"]:
            self.stdout.write(json.dumps(check.document(), ensure_ascii=False, allow_nan=False))
        else:
            self.stdout.write(_told(check))
        if check.faults:
            raise CommandError(sentences(*check.faults))


def _measure(check: StrategyCheck) -> str:
    """The interval and how many bars, or ticks."""
    if check.checked.interval == TICK:
        return f"{check.bars:,} ticks"
    return f"{check.checked.interval}, {check.bars:,} bars"


def _told(check: StrategyCheck) -> str:
    """What was tried, and each warm-up; the faults follow as the error."""
    codes = ", ".join(instrument.code for instrument in check.checked.instruments)
    lines = [f"{check.checked.request.strategy} on {codes} {_measure(check)}"]
    lines += [f"form {form}: {len(cuts)} cuts" for form, cuts in check.looks.cuts.items()]
    lines += [each.sentence for each in check.warm_ups if not each.short]
    if check.needed is not None:
        lines.append(f"A live start needs {max(check.needed, check.stated or 0):,} bars.")
    lines.append(f"Written down as evidence {', '.join(map(str, check.evidence))}.")
    if not check.faults:
        lines.append("No look-ahead was found, and no warm-up that is too short.")
    return "\n".join(lines)
