"""``manage.py decide_main_contracts``: which contract of each product is the main one on the next trading day."""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.commands import ActorCommand
from marketdata.instruments import trading_calendar
from marketdata.main_contracts.rows import reason_text
from marketdata.main_contracts.services import DayReport, decide_days, fill_opens, redecide
from marketdata.main_contracts.state import last_finished_day
from marketdata.management.main_words import products_of, span_of
from quantsite.common.errors import RuleError


class Command(ActorCommand):
    """Decide main contracts from the data of trading days that are over."""

    help = "Decide the main contracts of the next trading day from the data of one that is over; once for each day."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Days, products, and whether decided days are taken back."""
        parser.add_argument("products", nargs="*", metavar="PRODUCT", help="such as rb.SHFE; without one, all")
        parser.add_argument("--day", type=date.fromisoformat, help="the day whose data decide (the last one over)")
        parser.add_argument("--start", type=date.fromisoformat, help="the first of several such days")
        parser.add_argument("--end", type=date.fromisoformat, help="the last of them")
        parser.add_argument(
            "--redecide",
            action="store_true",
            help="take back what was decided from --day's data on, and decide it again (administrators)",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Decide, then say of each roll and each obstacle a line, and the counts of each day."""
        products = products_of(options["products"])
        finished = last_finished_day(trading_calendar(), timezone.now())
        first, last = span_of(options["day"], options["start"], options["end"], finished)
        if options["redecide"]:
            if products is None or options["day"] is None:
                raise RuleError("invalid_days", _("--redecide needs --day and the products."))
            reports = [report for product in products for report in redecide(self.actor, product, first)]
        else:
            reports = decide_days(self.actor, first, last, products)
        fill_opens(first, finished)
        if not reports:
            self.stdout.write(_("There is no trading day in these days."))
        for report in reports:
            self._tell(report)

    def _tell(self, report: DayReport) -> None:
        for outcome in report.outcomes:
            if outcome.row is None:
                self.stderr.write(f"{outcome.product} {report.trading_day}: {outcome.text}")
            elif outcome.row.rolled or outcome.row.rule == "first":
                present = (outcome.row.reason["present"] or {}).get("contract", "–")
                self.stdout.write(
                    f"{outcome.product} {report.trading_day}: {present} -> {outcome.row.instrument.code}"
                    f" ({reason_text(outcome.row)})"
                )
        undecided = sum(outcome.row is None for outcome in report.outcomes)
        rolled = sum(row.rolled for row in report.decided)
        self.stdout.write(
            f"{report.trading_day} from {report.day}: {len(report.decided)} decided, {rolled} rolled, "
            f"{undecided} undecided, {report.already} decided before"
        )
