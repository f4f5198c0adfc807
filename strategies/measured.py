"""What checks have measured of a strategy, where a live start asks for it."""

from collections.abc import Mapping
from typing import Any

from strategies.domain.gates import EvidenceKind, parameters_hash
from strategies.models import Evidence


def measured_warm_up(strategy: str, source_hash: str, parameters: Mapping[str, Any], interval: str) -> int | None:
    """The bars that the newest check of this source with these complete parameters found to be needed.

    None where nobody has checked it, or where no number of bars was enough. A live start takes the larger of this
    and what the strategy states.
    """
    shown = Evidence.objects.filter(
        kind=EvidenceKind.WARM_UP,
        strategy=strategy,
        source_hash=source_hash,
        parameters_hash=parameters_hash(parameters),
        interval=interval,
    )
    newest = shown.order_by("-pk").values_list("facts", flat=True).first()
    needed = newest.get("needed") if newest else None
    return int(needed) if needed is not None else None
