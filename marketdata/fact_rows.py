"""What the tables of facts have in common: column kinds, and where a row comes from."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _


def money(verbose_name: Any, **options: Any) -> "models.DecimalField[Any, Any]":
    """A column for amounts of money and contract sizes: 20 digits, six of them decimals."""
    return models.DecimalField(verbose_name, max_digits=20, decimal_places=6, **options)


def rate(verbose_name: Any, **options: Any) -> "models.DecimalField[Any, Any]":
    """A column for a fraction of turnover or contract value; brokers add mark-ups in the eighth decimal."""
    return models.DecimalField(verbose_name, max_digits=12, decimal_places=10, default=0, **options)


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
