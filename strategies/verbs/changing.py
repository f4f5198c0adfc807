"""Terms put in place of those that stand: what really differs, what the instance's state allows, what takes two."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from marketdata.models import Instrument
from quantsite.common.errors import ConflictError, RuleError
from quantsite.common.texts import did_you_mean, sentences
from strategies.domain.lifecycle import Activity, Stage
from strategies.instance_models import StrategyInstance, StrategyLeg
from strategies.labels import COLUMNS, listed
from strategies.sources import source_hash
from strategies.verbs.holdings import begin_anew, demand_flat
from strategies.verbs.terms import FLAT_ONLY, FREE, STOPPED_ONLY, TERMS, Checked
from strategies.verbs.writing import plain, write

if TYPE_CHECKING:
    from accounts.models import User

CHANGED = gettext_noop("%(who)s has changed it: %(names)s.")
LIMITS = ("day_loss_limit", "total_loss_limit")
TRUSTED = (Stage.APPROVED, Stage.LIVE)


def demand_known(changes: Iterable[str]) -> None:
    """Raises ``RuleError`` ``unknown_field`` for a name that is no term."""
    known = (*FREE, *TERMS)
    fields = {}
    for name in sorted(set(changes) - set(known)):
        near = get_close_matches(name, known, n=1)
        told = _("There is no field %(name)s.") % {"name": repr(name)}
        fields[name] = sentences(told, did_you_mean(near[0] if near else None))
    if fields:
        raise RuleError("unknown_field", sentences(*fields.values()), fields=fields)


def differing(instance: StrategyInstance, made: Checked) -> dict[str, Any]:
    """Those of the checked terms that are not what stands; ``instruments`` as rows."""
    new = {name: value for name, value in made.columns.items() if getattr(instance, name) != value}
    if made.instruments is not None:
        legs = instance.legs.order_by("number").values_list("instrument_id", flat=True)
        if [row.pk for row in made.instruments] != list(legs):
            new["instruments"] = made.instruments
    return new


def demand_possible(instance: StrategyInstance, new: Mapping[str, Any]) -> None:
    """Raises ``ConflictError`` where the instance's state does not allow these changes: it says what to do first."""
    names = {"key": instance.key, "names": listed(COLUMNS, new)}
    if instance.stage == Stage.RETIRED and new.keys() - set(FREE):
        raise ConflictError("not_now", _("Strategy %(key)s is retired: make a new one.") % names)
    if "strategy" in new and instance.stage != Stage.DRAFT:
        raise ConflictError("not_now", _("Take %(key)s back to draft before its strategy is changed.") % names)
    if new.keys() & set(FLAT_ONLY) and instance.stage in TRUSTED:
        text = _("Strategy %(key)s was approved as it is: take it back to paper before you change %(names)s.")
        raise ConflictError("not_now", text % names)
    if new.keys() & {*FLAT_ONLY, *STOPPED_ONLY} and instance.activity != Activity.STOPPED:
        raise ConflictError("not_now", _("Stop %(key)s before you change %(names)s.") % names)
    if new.keys() & set(FLAT_ONLY):
        demand_flat(instance)


def takes_two(instance: StrategyInstance, new: Mapping[str, Any]) -> bool:
    """Whether a second person must agree: of what was approved anything but texts and tighter loss limits."""
    if instance.state.stage not in TRUSTED:
        return False
    return any(name not in FREE and not _tightens(instance, name, value) for name, value in new.items())


def apply_terms(
    actor: "User | None", instance: StrategyInstance, new: Mapping[str, Any], told: Mapping[str, Any] | None = None
) -> None:
    """Store terms of a locked instance, with audit and log; the runner sees them by ``version``."""
    columns = {name: value for name, value in new.items() if name != "instruments"}
    details: dict[str, Any] = {"names": ", ".join(sorted(new)), **(told or {})}
    if "parameters" in new:
        columns["parameters_version"] = instance.parameters_version + 1
    if "strategy" in new:
        columns["source_hash"] = source_hash(new["strategy"])
    if new.keys() - set(FREE):
        columns["version"] = instance.version + 1
    if "instruments" in new:
        details["instruments_before"] = [leg.instrument.code for leg in instance.legs.select_related("instrument")]
        details["instruments"] = [row.code for row in new["instruments"]]
        set_legs(instance, new["instruments"])
    if new.keys() & set(FLAT_ONLY):
        begin_anew(instance)
    write(actor, instance, "change", columns, CHANGED, told=details)


def set_legs(instance: StrategyInstance, instruments: Iterable[Instrument]) -> None:
    """Let the instance trade these, leg 0 first."""
    instance.legs.all().delete()
    StrategyLeg.objects.bulk_create(
        StrategyLeg(instance=instance, number=number, instrument=row) for number, row in enumerate(instruments)
    )


def wire(new: Mapping[str, Any]) -> dict[str, Any]:
    """Terms as JSON, as ``terms_of`` writes them."""
    return {name: _wired(value) for name, value in new.items()}


def _wired(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return [row.code for row in value] if isinstance(value, tuple) else plain(value)


def _tightens(instance: StrategyInstance, name: str, value: Any) -> bool:
    if name not in LIMITS or value is None:
        return False
    stands = getattr(instance, name)
    return stands is None or value < stands
