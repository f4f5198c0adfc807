"""``--start`` and ``--end`` of commands: a trading day, or an instant on the Shanghai clock or with its zone."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import date, datetime

from django.utils.translation import gettext as _

from marketdata.bar_rows import Boundary
from quantsite.common.times import SHANGHAI


def add_range(parser: ArgumentParser) -> None:
    """Both words; without them everything is meant."""
    parser.add_argument("--start", type=boundary, metavar="TIME", help="a trading day, or YYYY-MM-DDTHH:MM (Shanghai)")
    parser.add_argument("--end", type=boundary, metavar="TIME", help="a trading day, included, or an instant, not")


def boundary(text: str) -> Boundary:
    """What a person has written. Raises ``ArgumentTypeError``."""
    try:
        if len(text) == len("2024-01-02"):
            return date.fromisoformat(text)
        moment = datetime.fromisoformat(text)
    except ValueError:
        told = _("%(text)r is neither a trading day (YYYY-MM-DD) nor a time (YYYY-MM-DDTHH:MM).")
        raise ArgumentTypeError(told % {"text": text}) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)
