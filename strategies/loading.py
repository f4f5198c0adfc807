"""Users' strategies of this process: what is there, what is broken, and their classes.

``use`` says where they lie; the project does so when it starts. Doors ask :meth:`UserStrategies.told`, which runs
nothing here; workers and hosts ask :meth:`UserStrategies.load`.
"""

from collections.abc import Iterable
from threading import RLock

from quantsite.common.errors import ConflictError, RuleError
from quantsite.common.texts import say
from strategies.domain.parameters import StrategyParameters
from strategies.domain.strategy import BaseStrategy
from strategies.loading_child import Told
from strategies.loading_import import load
from strategies.loading_outside import Limits, Outside
from strategies.loading_parameters import stand_in
from strategies.loading_places import Broken, Places, SourceFile
from strategies.loading_rules import project_sources
from strategies.loading_sources import sources_of


class UserStrategies:
    """The files of ``places``. Threads may share one."""

    def __init__(self, places: Places, limits: Limits | None = None) -> None:
        self.places = places
        self._outside = Outside(limits)
        self._classes: dict[str, tuple[str, type[BaseStrategy]]] = {}
        self._stand_ins: dict[str, tuple[str, type[StrategyParameters]]] = {}
        self._hashes: dict[type[BaseStrategy], str] = {}
        self._lock = RLock()

    def known(self, library: Iterable[str]) -> tuple[dict[str, tuple[SourceFile, Told]], list[Broken]]:
        """The sound files by name, and the broken ones; ``library`` are names that nobody may take."""
        if not self.places.parts:
            return {}, []
        files, broken = self.places.files(library)
        told = self._outside.told(files)
        sound = {file.name: (file, each) for file, each in told.items() if each.broken is None}
        return dict(sorted(sound.items())), [*broken, *(each.broken for each in told.values() if each.broken)]

    def parameters(self, file: SourceFile, told: Told) -> type[StrategyParameters]:
        """The class that stands for the parameters of a sound file; the same while the file is."""
        with self._lock:
            known = self._stand_ins.get(file.name)
            if known is None or known[0] != told.source_hash:
                known = (told.source_hash, stand_in(file, told))
                self._stand_ins[file.name] = known
            return known[1]

    def load(self, file: SourceFile, told: Told) -> type[BaseStrategy]:
        """The class of a sound file, imported here; the same while the file is.

        Raises ``RuleError`` ``broken_strategy`` where it can be imported there but not here, ``ConflictError``
        ``strategy_changed`` where it was written meanwhile.
        """
        with self._lock:
            known = self._classes.get(file.name)
            if known is None or known[0] != told.source_hash:
                known = (told.source_hash, self._imported(file, told))
                self._classes[file.name] = known
            return known[1]

    def hash_of(self, cls: type[BaseStrategy]) -> str | None:
        """The hash of the source that a class was made of; None for one that is not from here."""
        return self._hashes.get(cls)

    def _imported(self, file: SourceFile, told: Told) -> type[BaseStrategy]:
        found = load(file)
        if isinstance(found, Broken):
            raise broken_error(found)
        if sources_of(file).digest(file.place.folder, project_sources(found)) != told.source_hash:
            text = say("%(path)s was written while it was read: try again.", path=file.path)
            raise ConflictError("strategy_changed", text, fields={"strategy": text})
        self._hashes[found] = told.source_hash
        return found


def broken_error(broken: Broken) -> RuleError:
    """The refusal of whoever asks for a broken strategy."""
    text = say("The strategy %(name)s is broken: %(error)s", name=broken.name, error=broken.error_text)
    return RuleError("broken_strategy", text, fields={"strategy": text})


class _Current:
    """Those of this process."""

    def __init__(self) -> None:
        self.strategies = UserStrategies(Places())


_CURRENT = _Current()


def current() -> UserStrategies:
    """The users' strategies of this process; none before :func:`use`."""
    return _CURRENT.strategies


def use(places: Places, limits: Limits | None = None) -> UserStrategies:
    """From now on those of ``places``. Returns the ones before."""
    return keep(UserStrategies(places, limits))


def keep(strategies: UserStrategies) -> UserStrategies:
    """From now on these. Returns the ones before."""
    before, _CURRENT.strategies = _CURRENT.strategies, strategies
    return before
