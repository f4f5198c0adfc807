"""What the tables of facts have in common: column kinds, and where a row comes from."""

from decimal import Decimal
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from marketdata.domain.calendar import TradingCalendar
from quantsite.common.errors import MissingError


class PlainDecimalField(models.DecimalField[Any, Any]):
    """A decimal column whose values come back without the zeros that fill its scale: 10, not 10.000000."""

    def from_db_value(self, value: Decimal | None, _expression: Any, _connection: Any) -> Decimal | None:
        """The same number, shortest form, never with an exponent."""
        return None if value is None else Decimal(f"{value.normalize():f}")

    def deconstruct(self) -> Any:
        """For migrations it is Django's column."""
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.DecimalField", args, kwargs


def money(verbose_name: Any, **options: Any) -> PlainDecimalField:
    """A column for amounts of money and contract sizes: 20 digits, six of them decimals."""
    return PlainDecimalField(verbose_name, max_digits=20, decimal_places=6, **options)


def rate(verbose_name: Any, **options: Any) -> PlainDecimalField:
    """A column for a fraction of turnover or contract value; brokers add mark-ups in the eighth decimal."""
    return PlainDecimalField(verbose_name, max_digits=12, decimal_places=10, default=0, **options)


class Origin(models.TextChoices):
    """Who last wrote a row of facts: the project's reference files, or the desk by hand."""

    REFERENCE = "reference", _("reference files")
    DESK = "desk", _("this desk")


class FactRow(models.Model):
    """A row that a migration loads from the reference files and that people may correct.

    Rows of origin ``desk`` are never overwritten by a later load.
    """

    origin = models.CharField(_("origin"), max_length=10, choices=Origin, default=Origin.DESK, editable=False)

    class Meta:
        abstract = True


class CalendarQuerySet(models.QuerySet[Any]):
    """Reads of the calendar."""

    def calendar(self) -> TradingCalendar:
        """The trading calendar from the first to the last row. Raises ``MissingError`` where there is none."""
        days = list(self.order_by("day").values_list("day", "is_open"))
        if not days:
            raise MissingError("no_calendar", "The trading calendar is empty: run migrate.")
        return TradingCalendar((day for day, is_open in days if not is_open), days[0][0], days[-1][0])
