"""Commission and margin tables take two persons: what the console changes in them is a proposal until another agrees.

What an operator imports by a command stays as it is, with its own trace.
"""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import proposals
from accounts.audit import record
from accounts.models import Proposal, User
from marketdata.fact_rows import Origin
from marketdata.models import FeeRate, Instrument, MarginRate, Product
from marketdata.rate_changes import rates_changed
from quantsite.common.errors import ConflictError

FEES = "fees"
MARGIN = "margin"
MODELS: Mapping[str, type[FeeRate] | type[MarginRate]] = {FEES: FeeRate, MARGIN: MarginRate}
KIND_OF: Mapping[type, str] = {model: kind for kind, model in MODELS.items()}
OWNERS = ("product", "instrument", "valid_from")


def propose_rate(actor: User | None, row: FeeRate | MarginRate, reason: str, *, remove: bool = False) -> Proposal:
    """Propose that ``row``, as it stands in memory, is stored, or that the stored one goes.

    Raises as ``proposals.propose``.
    """
    kind = KIND_OF[type(row)]
    stored = type(row)._default_manager.filter(pk=row.pk).first() if row.pk else None
    target = target_of(stored or row)
    return proposals.propose(actor, kind, target, None if remove else rate_values(row), reason)


def rate_values(row: FeeRate | MarginRate) -> dict[str, Any]:
    """A row as JSON: whose it is, from which day, and each rate as a number without filling zeros."""
    values: dict[str, Any] = {
        "product": str(row.product) if row.product else None,
        "instrument": row.instrument.code if row.instrument else None,
        "valid_from": row.valid_from.isoformat(),
    }
    return values | {name: f"{Decimal(getattr(row, name)).normalize():f}" for name in rate_names(type(row))}


def rate_names(model: type[FeeRate] | type[MarginRate]) -> list[str]:
    """The columns that hold rates."""
    return [field.name for field in model._meta.concrete_fields if field.name.endswith(("_by_money", "_by_volume"))]


def target_of(row: FeeRate | MarginRate) -> str:
    """What a proposal about the row is of: a product's or instrument's rates from a day on."""
    owner = f"product {row.product}" if row.product else f"instrument {row.instrument.code if row.instrument else ''}"
    return f"{owner} {row.valid_from.isoformat()}"


def _find(model: type[FeeRate] | type[MarginRate], target: str) -> FeeRate | MarginRate | None:
    """The stored row of a target, locked until the transaction ends."""
    what, key, day = target.split(" ", 2)
    rows = model._default_manager.select_for_update(of=("self",)).select_related("product", "instrument")
    rows = rows.filter(valid_from=date.fromisoformat(day))
    if what == "instrument":
        return rows.filter(instrument__code=key).first()
    code, _dot, exchange = key.rpartition(".")
    return rows.filter(product__code=code, product__exchange_id=exchange).first()


def _reader(kind: str) -> Callable[[str], Any]:
    def read(target: str) -> dict[str, Any] | None:
        row = _find(MODELS[kind], target)
        return None if row is None else rate_values(row)

    return read


def _applier(kind: str) -> Callable[[Proposal, User], None]:
    def apply(proposal: Proposal, approver: User) -> None:
        row = _find(MODELS[kind], proposal.target)
        told = {"proposal": proposal.pk, "proposed_by": proposal.proposed_by.username, "reason": proposal.reason}
        if proposal.after is None:
            if row is not None:
                row.delete()
            record(approver, f"{kind}.remove", proposal.target, before=proposal.before, after=told)
            rates_changed()
            return
        changed = row or MODELS[kind]()
        _fill(changed, proposal.after)
        _save(changed)
        rates_changed()
        record(approver, f"{kind}.change", changed, before=proposal.before, after={**proposal.after, **told})

    return apply


def _fill(row: FeeRate | MarginRate, values: Mapping[str, Any]) -> None:
    """Let the row say what was proposed; it is the desk's from now on."""
    row.instrument = Instrument.objects.filter(code=values["instrument"]).first() if values["instrument"] else None
    code, _dot, exchange = (values["product"] or "").rpartition(".")
    row.product = Product.objects.filter(code=code, exchange_id=exchange).first()
    row.valid_from = date.fromisoformat(values["valid_from"])
    for name in rate_names(type(row)):
        setattr(row, name, Decimal(values[name]))
    row.origin = Origin.DESK


def _save(row: FeeRate | MarginRate) -> None:
    """Store it. Raises ``ConflictError`` ``rate_taken`` where the table does not take it any more."""
    try:
        row.full_clean()
    except ValidationError as error:
        told = _("This rate cannot be stored any more: %(why)s") % {"why": " ".join(error.messages)}
        raise ConflictError("rate_taken", told) from error
    row.save()


def _diff(kind: str) -> Callable[[Any, Any], list[proposals.Difference]]:
    def diff(before: Any, after: Any) -> list[proposals.Difference]:
        """Column by column, with the names that the console has for them."""
        rows = proposals.plain_diff(before or {}, after or {})
        names = {field.name: str(field.verbose_name) for field in MODELS[kind]._meta.concrete_fields}
        return [proposals.Difference(names.get(row.name, row.name), row.before, row.after) for row in rows]

    return diff


for _kind, _title in (
    (FEES, gettext_lazy("Change commission rates")),
    (MARGIN, gettext_lazy("Change margin rates")),
):
    proposals.register(
        _kind,
        proposals.ProposalKind(
            title=_title,
            propose=f"marketdata.change_{MODELS[_kind]._meta.model_name}",
            read=_reader(_kind),
            apply=_applier(_kind),
            diff=_diff(_kind),
        ),
    )
