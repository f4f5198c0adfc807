"""The one place that names the broker's library, and the only one that loads it: in its own process, when it is used.

Importing it aborts the process (no exception) where the locale is missing: :mod:`marketdata.ctp.preflight` comes first.
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal

from quantsite.common.errors import RuleError
from quantsite.common.texts import say

Kind = Literal["td", "md"]
"""The trader's API or the one for quotes."""

PACKAGE = "openctp_ctp"


def module_of(kind: Kind) -> Any:
    """The module with classes, structs and constants. Raises ``ImportError`` where the library is not installed."""
    return getattr(import_module(PACKAGE), f"{kind}api")


def installed() -> bool:
    """Whether it can be found; nothing is loaded."""
    return PACKAGE in sys.modules or find_spec(PACKAGE) is not None


def loaded() -> bool:
    """Whether this process has the library."""
    return PACKAGE in sys.modules


def spi_class(kind: Kind) -> type[Any]:
    """What callbacks are written under."""
    found: type[Any] = getattr(module_of(kind), "CThostFtdcTraderSpi" if kind == "td" else "CThostFtdcMdSpi")
    return found


def struct_class(kind: Kind, name: str) -> type[Any]:
    """A struct such as ``InputOrderField``. Raises :class:`RuleError` ``ctp_request`` for one that is not there."""
    found: type[Any] | None = getattr(module_of(kind), f"CThostFtdc{name}", None)
    if found is None:
        raise unknown(name)
    return found


def unknown(name: str) -> RuleError:
    """What this library does not have."""
    return RuleError("ctp_request", say("The CTP library has no %(name)s.", name=name))


def create(kind: Kind, flow_prefix: str, *, production: bool = True) -> Any:
    """A new API instance that keeps its files under this prefix: a folder must end with a slash, and exist."""
    library = module_of(kind)
    make = library.CThostFtdcTraderApi.CreateFtdcTraderApi if kind == "td" else library.CThostFtdcMdApi.CreateFtdcMdApi
    if production:
        return make(flow_prefix)
    return make(flow_prefix, False) if kind == "td" else make(flow_prefix, False, False, False)
