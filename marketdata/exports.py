"""The verbs that write bars and ticks to files; what a file is called says how it is written."""

from dataclasses import dataclass
from pathlib import Path

from django.utils.translation import gettext as _

from accounts.models import User
from accounts.permissions import require
from marketdata.bar_formats import bar_table
from marketdata.bar_rows import Boundary
from marketdata.column_files import write_table
from marketdata.instruments import find_instrument
from marketdata.klines import get_kline_data
from marketdata.ticks.formats import Listing, ctp_table
from marketdata.ticks.models import Tick
from quantsite.common.errors import MissingError


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: rows, and bytes of the file."""

    rows: int
    bytes: int


def export_bars(  # noqa: PLR0917 - the range comes last and may be left out
    actor: User | None, code: str, interval: str, path: Path, start: Boundary = None, end: Boundary = None
) -> Exported:
    """Write bars as CSV (``datetime`` is the start on the Shanghai clock) or Parquet; ends as in ``Bar.objects``.

    An interval that is not stored is put together from a finer one. Raises ``RefusedError``, ``MissingError``
    ``unknown_instrument``, ``no_rows``, ``RuleError`` ``invalid_interval``, ``unwritable_file``.
    """
    bars = get_kline_data(actor, code, interval, start, end)
    if not len(bars):
        raise _nothing(_("bars of %(interval)s") % {"interval": bars.interval}, code)
    return Exported(len(bars), write_table(bar_table(bars), path))


def export_ticks(actor: User | None, code: str, path: Path, start: Boundary = None, end: Boundary = None) -> Exported:
    """Write ticks with CTP's field names as CSV or Parquet, archived ones too; ``import_ticks`` reads them back.

    Raises as :func:`export_bars`.
    """
    require(actor, "marketdata.view_tick")
    instrument = find_instrument(code)
    ticks = Tick.objects.series(instrument, start, end)
    if not len(ticks):
        raise _nothing(_("ticks"), code)
    return Exported(len(ticks), write_table(ctp_table(ticks, Listing.of(instrument)), path))


def _nothing(what: str, code: str) -> MissingError:
    return MissingError("no_rows", _("There are no %(what)s of %(code)s in this range.") % {"what": what, "code": code})
