"""The strategies that ship with the platform, by name: one file each in ``strategies.library``."""

import hashlib
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache

from quantsite.common.errors import MissingError
from quantsite.common.texts import did_you_mean, say, sentences
from strategies import library
from strategies.domain.forms import Form, overrides, own_forms
from strategies.domain.forms import forms as forms_of
from strategies.domain.parameters import ParameterInfo
from strategies.domain.strategy import BaseStrategy

PROJECT_PACKAGES = ("quantsite", "accounts", "marketdata", "trading", "strategies", "backtests")


@cache
def _classes() -> Mapping[str, type[BaseStrategy]]:
    found: dict[str, type[BaseStrategy]] = {}
    for entry in pkgutil.iter_modules(library.__path__):
        module = importlib.import_module(f"{library.__name__}.{entry.name}")
        for cls in vars(module).values():
            if _defines(module.__name__, cls):
                check_forms(cls)
                if cls.name in found:
                    raise ImportError(f"{cls.__module__} and {found[cls.name].__module__} both define {cls.name!r}")
                found[cls.name] = cls
    return dict(sorted(found.items()))


def _defines(module: str, cls: object) -> bool:
    return inspect.isclass(cls) and issubclass(cls, BaseStrategy) and cls.__module__ == module and bool(cls.name)


def check_forms(cls: type[BaseStrategy]) -> None:
    """Raises ``ImportError`` naming the class where it is unfinished: no form, or columns without a warm-up.

    One on several legs sees them together in ``on_bars``, or at its desk when it is woken.
    """
    own = own_forms(cls)
    where = f"{cls.__module__}.{cls.__qualname__}"
    if not own and not overrides(cls, "on_tick"):
        raise ImportError(f"{where} must implement target_positions, on_wake, on_market_data, on_bars or on_tick")
    if not overrides(cls, "warm_up"):
        for method in ("target_positions", "flags"):
            if overrides(cls, method):
                raise ImportError(f"{where} implements {method}: it must state its warm_up")
    if cls.legs > 1 and not overrides(cls, "on_bars") and not overrides(cls, "on_wake"):
        raise ImportError(f"{where} trades {cls.legs} legs: it must implement on_bars or on_wake")


def names() -> list[str]:
    """The names of all strategies, sorted."""
    return list(_classes())


def get(name: str) -> type[BaseStrategy]:
    """The class of a strategy. Raises ``MissingError`` ``unknown_strategy`` that proposes a near name."""
    try:
        return _classes()[name]
    except KeyError:
        near = get_close_matches(name, names(), n=1, cutoff=0.5)
        known = say("Known: %(known)s.", known=", ".join(names()))
        text = say("There is no strategy %(name)s.", name=repr(name))
        text = sentences(text, did_you_mean(near[0] if near else None), known)
        raise MissingError("unknown_strategy", text, fields={"strategy": text}) from None


def create(name: str, values: Mapping[str, object]) -> BaseStrategy:
    """A strategy with the parameters read from ``values``. Raises ``RuleError`` as ``get`` and ``from_mapping`` do."""
    cls = get(name)
    return cls(cls.Parameters.from_mapping(values))


def parameters(name: str) -> list[ParameterInfo]:
    """The parameters of a strategy with defaults and limits, in the order of declaration."""
    return get(name).Parameters.describe()


def forms(name: str) -> tuple[Form, ...]:
    """The forms in which a host can run a strategy, the fastest first. Raises as :func:`get` does."""
    return forms_of(get(name))


def legs(name: str) -> int:
    """The instruments that a strategy trades at once; one that trades 1 may run on several side by side."""
    return get(name).legs


def source_hash(cls: type[BaseStrategy]) -> str:
    """SHA-256 (hex) of the source of the modules that define the class and its bases within the project.

    Every module counts once, in the order of the method resolution; where the files lie does not matter, nor
    do line endings.
    """
    digest = hashlib.sha256()
    for module in dict.fromkeys(base.__module__ for base in cls.__mro__):
        if module.partition(".")[0] in PROJECT_PACKAGES:
            source = inspect.getsource(sys.modules[module])
            digest.update(source.replace("\r\n", "\n").encode() + b"\0")
    return digest.hexdigest()
