"""Rows in lists of bounded length, so that a million of them are never objects together."""

from collections.abc import Iterator
from itertools import islice
from typing import TypeVar

Row = TypeVar("Row")

FETCH = 10_000
"""Rows fetched at a time."""


def batched(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """The rows in lists of ``FETCH``."""
    while part := list(islice(rows, FETCH)):
        yield part
