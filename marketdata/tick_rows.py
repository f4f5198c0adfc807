"""Ticks out of the database as numpy columns, without an object a row."""

from typing import Any

from django.db import models


class TickQuerySet(models.QuerySet[Any]):
    """Reads of recorded ticks."""
