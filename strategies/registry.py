"""Strategies by name: those that ship with the platform (``strategies.library``), and users' own.

Doors (pages, REST, checks of requests) ask for facts: :func:`names`, :func:`facts`, :func:`parameters_of`. For users'
strategies these come from a process of its own, so that nothing of theirs runs in a web process. Workers, hosts and
commands ask for classes (:func:`get`, :func:`create`), which are imported truly.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache

from quantsite.common.errors import MissingError
from quantsite.common.texts import did_you_mean, say, sentences
from strategies import library, loading
from strategies.domain.forms import Form
from strategies.domain.parameters import ParameterInfo, StrategyParameters
from strategies.domain.strategy import BaseStrategy
from strategies.loading_child import Told
from strategies.loading_places import Broken, SourceFile
from strategies.loading_rules import Facts, facts_of, form_fault, source_hash_of


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
    """Raises ``ImportError`` naming the class where it is unfinished, see ``loading_rules.form_fault``."""
    fault = form_fault(cls, f"{cls.__module__}.{cls.__qualname__}")
    if fault:
        raise ImportError(str(fault))


def names() -> list[str]:
    """The names of all strategies that can be run, sorted."""
    return sorted([*_classes(), *_of_users()])


def library_names() -> list[str]:
    """Those that ship with the platform, sorted."""
    return list(_classes())


def broken() -> list[Broken]:
    """The files and folders of users that give no strategy, and why."""
    return loading.current().known(_classes())[1]


def _of_users() -> dict[str, tuple[SourceFile, Told]]:
    return loading.current().known(_classes())[0]


def _of_user(name: str) -> tuple[SourceFile, Told]:
    """The file of a user's strategy. Raises as :func:`get` does."""
    sound, faulty = loading.current().known(_classes())
    if name in sound:
        return sound[name]
    for each in faulty:
        if each.name == name:
            raise loading.broken_error(each)
    everyone = sorted([*_classes(), *sound])
    near = get_close_matches(name, everyone, n=1, cutoff=0.5)
    known = say("Known: %(known)s.", known=", ".join(everyone))
    text = say("There is no strategy %(name)s.", name=repr(name))
    text = sentences(text, did_you_mean(near[0] if near else None), known)
    raise MissingError("unknown_strategy", text, fields={"strategy": text})


def get(name: str) -> type[BaseStrategy]:
    """The class of a strategy, imported here.

    Raises ``MissingError`` ``unknown_strategy`` that proposes a near name, ``RuleError`` ``broken_strategy`` with file
    and line for one of a user that is broken.
    """
    if name in _classes():
        return _classes()[name]
    return loading.current().load(*_of_user(name))


def create(of: str | type[BaseStrategy], values: Mapping[str, object]) -> BaseStrategy:
    """A strategy by its name or class, with the parameters read from ``values``.

    Raises ``RuleError`` as :func:`get` and ``from_mapping`` do.
    """
    cls = get(of) if isinstance(of, str) else of
    return cls(cls.Parameters.from_mapping(values))


def facts(name: str) -> Facts:
    """What doors need to know of a strategy; nothing of a user's runs in this process. Raises as :func:`get` does."""
    if name in _classes():
        return facts_of(_classes()[name])
    found = _of_user(name)[1].facts
    if found is None:
        raise LookupError(name)
    return found


def parameters_of(name: str) -> type[StrategyParameters]:
    """The class of a strategy's parameters, or one that stands for a user's and takes and refuses the same values.

    Raises as :func:`get` does.
    """
    if name in _classes():
        return _classes()[name].Parameters
    return loading.current().parameters(*_of_user(name))


def parameters(name: str) -> list[ParameterInfo]:
    """The parameters of a strategy with defaults and limits, in the order of declaration."""
    return list(facts(name).parameters)


def forms(name: str) -> tuple[Form, ...]:
    """The forms in which a host can run a strategy, the fastest first. Raises as :func:`get` does."""
    return facts(name).forms


def legs(name: str) -> int:
    """The instruments that a strategy trades at once; one that trades 1 may run on several side by side."""
    return facts(name).legs


def is_trusted(name: str) -> bool:
    """True for the library, and for users' strategies that ``QUANTSITE_TRUSTED_STRATEGIES`` names."""
    return name in _classes() or name in loading.current().places.trusted


def source_hash(of: str | type[BaseStrategy]) -> str:
    """SHA-256 (hex) of the source of a strategy: by name of what would be loaded now, of a class what it was made of.

    It covers the modules that define the class and its bases within the project, and of a user's strategy its file
    with what that imports from beside it. Raises as :func:`get` does for a name.
    """
    if not isinstance(of, str):
        return loading.current().hash_of(of) or source_hash_of(of)
    if of in _classes():
        return source_hash_of(_classes()[of])
    return _of_user(of)[1].source_hash
