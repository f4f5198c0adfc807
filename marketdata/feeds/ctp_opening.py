"""Opens the session of a feed of kind ``ctp``: after the preflight, in the feed's own process."""

import threading

from marketdata.ctp.flow import FlowFolder, flow_folder
from marketdata.ctp.link import Link
from marketdata.ctp.md_session import MdSession
from marketdata.ctp.preflight import preflight
from marketdata.ctp.standing import standing
from marketdata.ctp.trial import try_login
from marketdata.domain.ctp.login import LoginTerms
from marketdata.feeds.ctp import CtpSource


def try_source(source: str, login: LoginTerms, stop: threading.Event, seconds: float) -> str:
    """One sentence about a login that works. Raises ``StartError`` with what keeps it from working."""
    preflight()
    flow = FlowFolder(flow_folder("md", source), f"{login.user} @ {login.broker}")
    try:
        return try_login("md", login, flow.path, stop, seconds)
    finally:
        flow.release()


def open_source(source: str, login: LoginTerms, epoch: int, *, around_the_clock: bool) -> CtpSource:
    """The source, connecting. Raises ``StartError`` as the preflight and the folder."""
    preflight()
    flow = FlowFolder(flow_folder("md", source), f"{login.user} @ {login.broker}")
    link = Link("md", flow.path, login.fronts, lambda: None)
    settings = standing("md", source, around_the_clock=around_the_clock)
    return CtpSource(MdSession(link, login, settings=settings), first_seq=epoch << 32, ended=flow.release)
