"""Connections of the fake front: who is connected, who is logged in, and how messages reach him."""

import itertools
import threading
from dataclasses import dataclass, field
from typing import Any

from quantsite.testing.ctp.apis import Line, Values
from quantsite.testing.ctp.books import Investor
from quantsite.testing.ctp.faults import Fault, Plan
from quantsite.testing.ctp.timer import Timer

READ_FAILED = 0x1001


@dataclass
class Peer:
    """One API instance as the front knows it."""

    line: Line
    connected: bool = False
    address: str = ""
    authenticated: bool = False
    investor: Investor | None = None
    session: int = 0
    last_ref: int = -1
    querying: float = 0.0  # until when a query counts as under way (monotonic); 0: none is
    asked: list[float] = field(default_factory=list)  # when queries came, monotonic
    symbols: set[str] = field(default_factory=set)


@dataclass
class Asked:
    """One request that arrived, with what shall go wrong with it."""

    peer: Peer
    method: str
    fields: Any
    number: int
    fault: Fault | None = None

    @property
    def kind(self) -> str:
        return self.fault.kind if self.fault else ""

    @property
    def seconds(self) -> float:
        """How much later its answer comes."""
        return float(self.fault.terms["seconds"]) if self.fault and self.kind == "slow" else 0.0

    @property
    def code(self) -> int:
        """The ErrorID that it shall be refused with, or 0."""
        return int(self.fault.terms["code"]) if self.fault and self.kind == "refuse" else 0

    @property
    def text(self) -> str:
        return str(self.fault.terms.get("text", "")) if self.fault else ""


class Lines:
    """Base of :class:`Front`: connecting, losing, and the private flow."""

    front_id = 1
    reconnect_after = 0.05  # seconds; the library takes about one

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.plan, self.timer = Plan(), Timer()
        self.peers: dict[int, Peer] = {}
        self.down: set[str] = set()  # addresses where nothing listens
        self.listening, self.silent = True, False
        self.heard: list[tuple[str, Any]] = []  # every request that arrived: (method, fields)
        self.connects = 0
        self._late: dict[int, list[tuple[str, Values]]] = {}
        self._sessions = itertools.count(1)

    def attach(self, line: Line) -> None:
        """``Init`` of an API."""
        with self.lock:
            self.peers[id(line)] = Peer(line)
            self._connect(line)

    def detach(self, line: Line) -> None:
        """``Release`` of an API."""
        with self.lock:
            self.peers.pop(id(line), None)

    def _connect(self, line: Line) -> None:
        with self.lock:
            peer = self.peers.get(id(line))
            open_ones = [address for address in line.fronts if address not in self.down]
            if peer is None or peer.connected or not self.listening or not open_ones or self.silent:
                return
            peer.connected, peer.address = True, open_ones[0]
            self.connects += 1
            line.deliver("OnFrontConnected", ())

    def listen(self, yes: bool = True) -> None:
        """Open or close the door; lines that are connected stay."""
        with self.lock:
            self.listening = yes
            for peer in list(self.peers.values()) if yes else []:
                self._connect(peer.line)

    def lose(self, reason: int = READ_FAILED, kind: str = "") -> None:
        """Cut all connections, or those of one kind ("td", "md"); the library comes back where somebody listens."""
        with self.lock:
            for peer in list(self.peers.values()):
                if kind in ("", peer.line.kind):
                    self._lose(peer, reason)

    def lose_unconnected(self, reason: int = READ_FAILED) -> None:
        """A disconnect that no connect went before, as a closing peer makes it."""
        with self.lock:
            for peer in self.peers.values():
                peer.line.deliver("OnFrontDisconnected", (reason,))

    def _lose(self, peer: Peer, reason: int = READ_FAILED) -> None:
        if not peer.connected:
            return
        line = peer.line
        peer.line.deliver("OnFrontDisconnected", (reason,))
        self.peers[id(line)] = Peer(line)
        self.timer.later(self.reconnect_after, lambda: self._connect(line))

    def info(self, line: Line) -> dict[str, Any]:
        """``GetFrontInfo``."""
        with self.lock:
            peer = self.peers[id(line)]
            return {"FrontAddr": peer.address, "QryFreq": self.query_rate, "FTDPkgFreq": self.packet_rate}

    query_rate = 100
    packet_rate = 2**31 - 1

    def say(self, peer: Peer, callback: str, values: Values, seconds: float = 0.0) -> None:
        """Tell one peer something; it is lost where the connection is lost meanwhile."""
        if not seconds:
            peer.line.deliver(callback, values)
            return
        line = peer.line
        self.timer.later(seconds, lambda: self._said_later(peer, line, callback, values))

    def _said_later(self, peer: Peer, line: Line, callback: str, values: Values) -> None:
        with self.lock:
            if self.peers.get(id(line)) is peer:
                line.deliver(callback, values)

    def sessions(self, investor: Investor) -> list[Peer]:
        return [peer for peer in self.peers.values() if peer.investor is investor and peer.line.kind == "td"]

    def publish(self, investor: Investor, callback: str, values: list[Any]) -> None:
        """A message of the private flow: kept for replays, told to every session of the account."""
        investor.flow.append((callback, values))
        fault = self.plan.take(callback, values[0])
        kind = fault.kind if fault else ""
        if fault and kind == "alter":
            values = [{**values[0], **fault.terms["fields"]}, *values[1:]]
        seconds = float(fault.terms["seconds"]) if fault and kind == "slow" else 0.0
        for peer in self.sessions(investor):
            if kind == "lost":
                self._lose(peer)
            elif kind == "late":
                self._late.setdefault(id(peer.line), []).append((callback, values))
            elif kind != "withhold":
                self._tell(peer, callback, values, 2 if kind == "twice" else 1, seconds)

    def _tell(self, peer: Peer, callback: str, values: Values, times: int, seconds: float) -> None:
        for _ in range(times):
            self.say(peer, callback, values, seconds)
        for late_callback, late in self._late.pop(id(peer.line), []):
            self.say(peer, late_callback, late)

    def replay(self, investor: Investor, peer: Peer | None = None) -> None:
        """Tell the trading day's private flow from its start, to one session or to all."""
        with self.lock:
            for one in [peer] if peer else self.sessions(investor):
                for callback, values in investor.flow:
                    one.line.deliver(callback, values)

    def close(self) -> None:
        self.timer.close()
