"""A drop-in for the binding ``openctp_ctp``: the same names, the scripted front of ``quantsite.testing.ctp`` behind."""

import os

from quantsite.testing.ctp.apis import Surroundings
from quantsite.testing.ctp.wire import remote_front

from . import thostmduserapi as mdapi
from . import thosttraderapi as tdapi

__version__ = "6.7.11.0"
__all__ = ["mdapi", "tdapi"]

if SOCKET := os.environ.get("QUANTSITE_CTP_FAKE", ""):
    Surroundings.front = staticmethod(remote_front(SOCKET))
