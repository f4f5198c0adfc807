"""Words that the commands about main contracts share."""

from collections.abc import Sequence
from datetime import date

from django.utils.translation import gettext as _

from marketdata.models import Product
from quantsite.common.errors import MissingError, RuleError


def products_of(words: Sequence[str] | None) -> list[Product] | None:
    """The products named ``rb.SHFE``; ``None`` for no words. Raises ``MissingError`` ``unknown_product``."""
    return [_product(word) for word in words] if words else None


def span_of(day: date | None, start: date | None, end: date | None, default: date) -> tuple[date, date]:
    """First and last day of ``--day``, or of ``--start`` and ``--end``. Raises ``RuleError`` ``invalid_days``."""
    if day is not None and (start or end):
        raise RuleError("invalid_days", _("Give --day, or --start and --end."))
    first, last = (day, day) if day else (start or end or default, end or default)
    if first > last:
        raise RuleError("invalid_days", _("%(start)s lies after %(end)s.") % {"start": first, "end": last})
    return first, last


def _product(word: str) -> Product:
    code, _dot, exchange = word.partition(".")
    found = Product.objects.select_related("exchange").filter(code=code, exchange=exchange).first()
    if found is None:
        text = _("There is no product %(word)r: write it like rb.SHFE.") % {"word": word}
        raise MissingError("unknown_product", text)
    return found
