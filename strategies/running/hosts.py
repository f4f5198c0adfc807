"""The two places where an instance's host can live, behind one face: in the runner, or in a process of its own."""

from collections.abc import Sequence
from functools import partial
from time import perf_counter_ns
from typing import Any, NamedTuple, Protocol

from strategies.domain.hosting.host import LiveHost
from strategies.domain.hosting.intents import Intent
from strategies.running.guard import Guard, OverBudgetError
from strategies.running.inputs import Fault, Input, ParametersIn, error_of, give, trace_of
from strategies.running.isolated import BEGIN_SECONDS, MARKET, Isolated
from strategies.running.reports import Report, report_of

OVER_BUDGET = "over_budget"
"""In place of an error: the strategy did not come back in time."""
PATIENCE = 20
"""A strategy that shares our process is stopped after so many times its budget: until then it is only told of."""


class Wanted(NamedTuple):
    """An intent that is not stored yet; ``event_at`` is the wall time (ns) at which its cause reached the runner.

    ``late``: decided while catching up.
    """

    intent: Intent
    event_at: int
    late: bool = False


class Host(Protocol):
    """What :class:`Instance` asks of either."""

    @property
    def remote(self) -> bool:
        """Whether it lives in a process of its own."""
        ...

    @property
    def free(self) -> bool:
        """Whether it can be fed."""
        ...

    @property
    def took(self) -> int:
        """How long the last input took (ns)."""
        ...

    def give(self, given: Input, wanted: list[Wanted], event_at: int, *, late: bool) -> Fault | None:
        """Only here: hand an input over at once; intents are appended to ``wanted``."""
        ...

    def feed(self, inputs: Sequence[Input], *, document: bool) -> None:
        """Only elsewhere: hand inputs over, and come back without an answer."""
        ...

    def listening(self) -> tuple[frozenset[int], bool]:
        """The legs whose next tick may change something, and whether the next clock may."""
        ...

    def document(self) -> dict[str, Any]:
        """Only here: its state as JSON takes it."""
        ...

    def allow(self, budget_ms: int) -> None:
        """From the next event on it may take so long for one."""
        ...

    def overdue(self) -> bool:
        """Whether it has used up its time and was killed for it."""
        ...

    def close(self) -> None:
        """It is not needed any more."""
        ...


class Local:
    """A host in the runner's own process and thread."""

    remote = False
    free = True

    def __init__(self, host: LiveHost, guard: Guard, budget_ms: int, key: str = "") -> None:
        self.took = 0
        self._host = host
        self._key = key
        self._guard = guard
        self._seconds = PATIENCE * budget_ms / 1_000
        self._renews = False
        self._legs = range(len(host.positions))

    def give(self, given: Input, wanted: list[Wanted], event_at: int, *, late: bool) -> Fault | None:
        """See :class:`Host`."""
        began = perf_counter_ns()
        self._renews = self._renews or type(given) is ParametersIn
        seconds = self._seconds + (BEGIN_SECONDS if self._renews else 0.0)
        self._renews = self._renews and type(given) not in MARKET
        try:
            found = self._guard.run(partial(give, self._host, given), seconds, self._key)
        except OverBudgetError:
            return Fault(0, OVER_BUDGET, trace_of())
        except Exception as error:  # noqa: BLE001 - whatever a strategy raises is told, and counted against it
            return Fault(0, error_of(error), trace_of())
        finally:
            self.took = perf_counter_ns() - began
        wanted.extend(Wanted(intent, event_at, late) for intent in found)
        return None

    def feed(self, inputs: Sequence[Input], *, document: bool) -> None:  # noqa: ARG002 - a protocol's
        """See :class:`Host`."""
        raise TypeError("a host of our own process answers at once")

    def listening(self) -> tuple[frozenset[int], bool]:
        """See :class:`Host`."""
        host = self._host
        return frozenset(leg for leg in self._legs if host.listens(leg)), host.wants_clock

    def document(self) -> dict[str, Any]:
        """See :class:`Host`."""
        return self._host.document()

    @property
    def positions(self) -> list[int]:
        """Signed lots that it holds on each leg."""
        return self._host.positions

    def report(self) -> Report:
        """What there is to tell beside the intents; told once."""
        return report_of(self._host)

    def allow(self, budget_ms: int) -> None:
        """See :class:`Host`."""
        self._seconds = PATIENCE * budget_ms / 1_000

    def overdue(self) -> bool:
        """See :class:`Host`."""
        return False

    def close(self) -> None:
        """Nothing to let go of."""


class Remote:
    """A host in a process of its own."""

    remote = True
    took = 0

    def __init__(self, child: Isolated) -> None:
        self.child = child
        self._number = 0

    @property
    def free(self) -> bool:
        """See :class:`Host`."""
        return not self.child.busy

    def give(
        self,
        given: Input,  # noqa: ARG002 - a protocol's
        wanted: list[Wanted],  # noqa: ARG002
        event_at: int,  # noqa: ARG002
        *,
        late: bool,  # noqa: ARG002
    ) -> Fault | None:
        """See :class:`Host`."""
        raise TypeError("a host elsewhere is fed")

    def feed(self, inputs: Sequence[Input], *, document: bool) -> None:
        """See :class:`Host`."""
        self._number += 1
        self.child.feed(self._number, inputs, document=document)

    def listening(self) -> tuple[frozenset[int], bool]:
        """Told with each answer."""
        raise TypeError("a host elsewhere tells with its answers")

    def document(self) -> dict[str, Any]:
        """Told with each answer."""
        raise TypeError("a host elsewhere tells with its answers")

    def allow(self, budget_ms: int) -> None:
        """See :class:`Host`."""
        self.child.allow(budget_ms)

    def overdue(self) -> bool:
        """See :class:`Host`."""
        return self.child.overdue()

    def close(self) -> None:
        """See :class:`Host`."""
        self.child.close()
