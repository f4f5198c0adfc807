"""The files that ``manage.py new_strategy`` writes: a working strategy of each form, and a test of it."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from string import Template

from django.utils.translation import gettext as _

from quantsite.common.errors import ConflictError, RuleError
from strategies.loading_places import name_fault

TEMPLATES = Path(__file__).parent / "scaffold"


class Sort(StrEnum):
    """What a strategy is like: one of the three forms, on ticks, or on two legs."""

    TARGETS = "targets"
    EVENTS = "events"
    PLAIN = "plain"
    TICKS = "ticks"
    LEGS = "legs"


MARKETS = {Sort.TICKS: "ticks()", Sort.LEGS: "bars(2)"}
"""What the test runs on; the others on one leg of bars."""


@dataclass(frozen=True, slots=True)
class Written:
    """The two files."""

    strategy: Path
    test: Path


def write_strategy(name: str, sort: Sort, folder: Path, taken: list[str]) -> Written:
    """Write both files. Raises ``RuleError`` ``invalid_name``, ``ConflictError`` where something is there already.

    ``taken`` are names of strategies that are known.
    """
    fault = name_fault(name)
    if fault or name.startswith(("_", "test_")):
        text = (
            str(fault) if fault else _("Files that begin with _ or test_ are helpers and tests: choose another name.")
        )
        raise RuleError("invalid_name", text, fields={"name": text})
    written = Written(folder / f"{name}.py", folder / f"test_{name}.py")
    for path in (written.strategy, written.test):
        if path.exists():
            text = _("%(path)s is there already: choose another name, or take it away.") % {"path": path}
            raise ConflictError("file_exists", text, fields={"name": text})
    if name in taken:
        text = _("There is a strategy %(name)s already: choose another name.") % {"name": name}
        raise ConflictError("name_taken", text, fields={"name": text})
    words = name.split("_")
    values = {"name": name, "cls": "".join(map(str.capitalize, words)), "title": " ".join(words).capitalize()}
    values |= {"path": str(written.test), "market": MARKETS.get(sort, "bars()")}
    try:
        folder.mkdir(exist_ok=True)
        for path, template in ((written.strategy, f"{sort}.py-tpl"), (written.test, "test.py-tpl")):
            text = Template((TEMPLATES / template).read_text(encoding="utf-8")).substitute(values)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        text = _("%(folder)s cannot be written to: %(error)s.") % {"folder": folder, "error": error.strerror}
        raise RuleError("folder_unwritable", text, fields={"folder": text}) from error
    return written
