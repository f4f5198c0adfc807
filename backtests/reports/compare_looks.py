"""How the runs of a comparison are told apart: a colour each, on light and on dark pages, and a dash."""

from typing import NamedTuple


class Look(NamedTuple):
    """The line of one run: its colour as ``#rrggbb`` on a light page and on a dark one, and whether it is dashed."""

    light: str
    dark: str
    dashed: bool


LOOKS = (
    Look("#1d5fb8", "#6ba8ff", False),
    Look("#b4530a", "#ffa35b", False),
    Look("#0f7a5a", "#44c79a", False),
    Look("#8a3fa0", "#d08be6", False),
    Look("#5f6a1f", "#bccb5a", False),
    Look("#1e6fd0", "#7ab6ff", True),
    Look("#c2650f", "#ffb27a", True),
    Look("#168a68", "#5bd4ab", True),
    Look("#9b52b0", "#dba1ee", True),
    Look("#707c2a", "#cad873", True),
)
"""One a run, as many as can be compared; the dashed ones repeat the hues of the others. None is a colour of
``palette``, whose twins are exchanged in the same document."""
