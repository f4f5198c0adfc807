"""The settlement statement: it comes in pieces of some hundred bytes, cut anywhere."""

from collections.abc import Mapping, Sequence
from typing import Any


def statement_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """The pieces joined in the order of their numbers; empty where there is none.

    A cut goes through the two bytes of a letter as well: halves that were kept as surrogates are put together.
    """
    pieces = sorted(rows, key=lambda row: int(row.get("SequenceNo") or 0))
    text = "".join(str(row.get("Content") or "") for row in pieces)
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        text = text.encode("gb18030", "surrogateescape").decode("gb18030", "replace")
    return text.strip()
