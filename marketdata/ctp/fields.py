"""Structs of the library: read into dicts of ours at once, and written with every name and value checked.

The library takes a misspelt name without a word, and text as other bytes than it gives back: nothing is set but
through :func:`filled`. A struct in a callback is valid only until the callback returns: :func:`copied` before.
"""

from collections.abc import Mapping
from typing import Any

from quantsite.common.errors import RuleError
from quantsite.common.texts import say

MISSING = 1e300
"""A double that is missing is DBL_MAX, in some copies rounded: nothing that large is a figure."""

SECRET = frozenset({"Password", "AuthCode", "OldPassword", "NewPassword", "OneTimePassword"})
"""Whose values stand in no message."""

_NOT_FIELDS = frozenset({"this", "thisown"})  # of the binding itself


def copied(struct: Any) -> dict[str, Any] | None:
    """The fields by name; None for no struct. Missing doubles are None, text loses its NULs and nothing else."""
    if struct is None:
        return None
    return {name: _read(struct, name) for name in names_of(struct)}


def filled(struct: Any, fields: Mapping[str, Any]) -> Any:
    """The struct, with these fields set. Raises :class:`RuleError` ``ctp_field``, which names field and value."""
    known = names_of(struct)
    for name, value in fields.items():
        if name not in known:
            raise _refused(struct, name, value, say("there is no such field"))
        _set(struct, name, value)
    return struct


def names_of(struct: Any) -> tuple[str, ...]:
    """The names of its fields: the binding's properties; of a plain stand-in what stands in the object itself."""
    declared = _declared(type(struct))
    return declared or tuple(name for name in vars(struct) if _is_field(name))


_DECLARED: dict[type[Any], tuple[str, ...]] = {}


def _declared(kind: type[Any]) -> tuple[str, ...]:
    """Fields that the class declares, properties and slots; looked up once."""
    known = _DECLARED.get(kind)
    if known is None:
        names = {
            name: None
            for base in reversed(kind.__mro__[:-1])
            for name, value in vars(base).items()
            if _is_field(name) and hasattr(value, "__set__")
        }
        known = _DECLARED[kind] = tuple(names)
    return known


def _is_field(name: str) -> bool:
    return not name.startswith("_") and name not in _NOT_FIELDS


def _read(struct: Any, name: str) -> Any:
    try:
        value = getattr(struct, name)
    except UnicodeError:  # half a character of Chinese text: no reason to lose the order that it speaks of
        return ""
    if isinstance(value, float):
        return value if -MISSING < value < MISSING else None
    if isinstance(value, str) and "\0" in value:
        return value.replace("\0", "")
    return value


def _set(struct: Any, name: str, value: Any) -> None:
    before = getattr(struct, name)
    objection = _objection(before, value)
    if objection:
        raise _refused(struct, name, value, objection)
    try:
        setattr(struct, name, value)
    except (TypeError, ValueError, OverflowError) as error:
        raise _refused(struct, name, value, say("it is too long or too large")) from error
    if getattr(struct, name) != value:
        raise _refused(struct, name, value, say("it is too long or too large"))


def _objection(before: Any, value: Any) -> str:
    """Why a value cannot stand where ``before`` stands; empty where it can."""
    if isinstance(before, str):
        if not isinstance(value, str):
            return say("it must be text")
        return "" if value.isascii() and "\0" not in value else say("only ASCII can be written")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return say("it must be a number")
    if isinstance(before, float):
        return "" if -MISSING < value < MISSING else say("it must be finite")
    return "" if isinstance(value, int) else say("it must be a whole number")


def _refused(struct: Any, name: str, value: Any, why: str) -> RuleError:
    kind = type(struct).__name__
    shown = "***" if name in SECRET else repr(value)
    text = say("%(struct)s.%(field)s cannot be %(value)s: %(why)s.", struct=kind, field=name, value=shown, why=why)
    return RuleError("ctp_field", text, fields={name: text})
