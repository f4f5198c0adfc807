"""Users' files imported truly, in this process: for workers, hosts of strategies and the children that look at files.

Every import reads the source itself: a file that was written twice within a second is not mistaken for what
``__pycache__`` kept of it, and nothing is written beside users' files.

The modules of a folder are called after what is in them: a strategy whose file, or one that it imports from beside it,
has changed is imported anew under another name, and whoever runs the one from before keeps it with all its classes. A
package has names of its own: there everything is imported anew once a file of it has changed.
"""

import hashlib
import importlib
import linecache
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from threading import RLock
from types import CodeType, ModuleType
from typing import ClassVar

from quantsite.common.texts import Kept, kept, stored, unsaid
from strategies.domain.strategy import BaseStrategy
from strategies.loading_places import Broken, Place, SourceFile
from strategies.loading_rules import fault_of
from strategies.loading_sources import Sources, sources_of

_LOCK = RLock()
"""Modules of one place come together."""

TRIES = 3
"""So often a file that is written while it is read is read again."""


class FromSource(SourceFileLoader):
    """A loader that neither reads nor writes compiled files, and remembers what it has read."""

    seen: ClassVar[dict[str, bytes]] = {}
    """SHA-256 of the source by the module's name."""

    def get_code(self, fullname: str) -> CodeType | None:
        """The code of the file as it is now."""
        path = self.get_filename(fullname)
        source = self.get_data(path)
        self.seen[fullname] = hashlib.sha256(source).digest()
        code: CodeType = self.source_to_code(source, path)
        return code


class _Finder(MetaPathFinder):
    """Finds the modules of places."""

    def __init__(self) -> None:
        self.packages: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """As Python's own, but with our loader, for what lies in a package that is known here."""
        if not any(fullname == package or fullname.startswith(package + ".") for package in self.packages):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = FromSource(spec.loader.name, spec.loader.path)
        return spec


_FINDER = _Finder()


def load(file: SourceFile) -> type[BaseStrategy] | Broken:
    """The one strategy of a file as it is now, imported with what it imports from its place; or what is wrong with it.

    Raises only what is no ``Exception`` and no ``SystemExit``, such as ``KeyboardInterrupt``.
    """
    with _LOCK:
        for _attempt in range(TRIES):
            try:
                sources = sources_of(file)
                found = _loaded(file, sources)
                if sources_of(file) == sources:
                    return found
            except OSError as error:
                return Broken.of(file.path, kept(UNREAD, error=error.strerror))
        return Broken.of(file.path, kept("it is written all the time while it is read: try again."))


UNREAD = unsaid("it cannot be read: %(error)s.")


def _loaded(file: SourceFile, sources: Sources) -> type[BaseStrategy] | Broken:
    package = file.place.package
    if file.place.owned:
        package = f"{package}_{sources.digest(file.place.folder)[:12]}"
    before = set(sys.modules)
    try:
        _make_ready(package, file)
        module = importlib.import_module(f"{package}.{file.name}")
        fault = _only_one(module, file)
        found = next(_strategies(module), None)
        if fault is None and found is not None:
            fault = fault_of(found, file.name)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - an author's file may raise anything
        _forget(name for name in set(sys.modules) - before if _is_of(name, package))
        return broken_by(error, file)
    if found is None or fault is not None:
        return Broken(file.name, file.path, stored(fault), _line_of(found))
    return found


def _make_ready(package: str, file: SourceFile) -> None:
    """The package stands, and of one that is the author's own nothing that has changed is known any more."""
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
    _FINDER.packages.add(package)
    importlib.invalidate_caches()
    linecache.checkcache()
    if not file.place.owned:
        known = [name for name in sys.modules if _is_of(name, package)]
        if any(_has_changed(name) for name in known):
            _forget(known)
        importlib.import_module(package)
    elif package not in sys.modules:
        made = ModuleType(package, "The folder of users' strategies.")
        made.__path__ = [str(file.place.folder)]
        sys.modules[package] = made


def _is_of(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def _has_changed(name: str) -> bool:
    """Whether a module's file is another one than was read, or is not known to have been."""
    path = getattr(sys.modules[name], "__file__", None)
    try:
        return path is not None and FromSource.seen.get(name) != hashlib.sha256(Path(path).read_bytes()).digest()
    except OSError:  # it is gone
        return True


def _forget(names: Iterable[str]) -> None:
    for name in list(names):
        del sys.modules[name]


def _strategies(module: ModuleType) -> Iterator[type[BaseStrategy]]:
    for cls in dict.fromkeys(value for value in vars(module).values() if isinstance(value, type)):
        if issubclass(cls, BaseStrategy) and cls.__module__ == module.__name__ and cls.name:
            yield cls


def _only_one(module: ModuleType, file: SourceFile) -> Kept | None:
    found = [cls.__qualname__ for cls in _strategies(module)]
    if not found:
        text = unsaid("It names no strategy: write a class of BaseStrategy with name = %(name)r.")
        return kept(text, name=file.name)
    if len(found) > 1:
        return kept("It names several strategies, %(names)s: give each its own file.", names=", ".join(found))
    return None


def _line_of(cls: type[BaseStrategy] | None) -> int:
    """Where a class begins, 0 for none: by its first method, since the source may be read no more."""
    if cls is None:
        return 0
    lines = [value.__code__.co_firstlineno for value in vars(cls).values() if hasattr(value, "__code__")]
    return min(lines, default=0)


IMPORTING = unsaid("it cannot be imported: %(error)s")


def broken_by(error: BaseException, file: SourceFile, told: str = IMPORTING) -> Broken:
    """The file with the line of its place that was to blame, and the whole traceback from there."""
    if isinstance(error, SyntaxError) and error.filename and _within(error.filename, file.place):
        fault = kept("it is no Python: %(error)s.", error=str(error.msg))
        text = "".join(traceback.format_exception_only(error))
        return Broken(file.name, Path(error.filename), stored(fault), error.lineno or 0, text)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _within(frame.filename, file.place)]
    where = own[-1] if own else None
    said = "".join(traceback.format_exception_only(error)).strip()
    fault = _hint(error, file) or kept(told, error=said)
    shown = frames[frames.index(own[0]) :] if own else frames
    text = "".join([*traceback.format_list(shown), said + "\n"])
    path = Path(where.filename) if where else file.path
    return Broken(file.name, path, stored(fault), (where.lineno or 0) if where else 0, text)


def _hint(error: BaseException, file: SourceFile) -> Kept | None:
    """A file beside it is imported as one of its package."""
    name = error.name if isinstance(error, ModuleNotFoundError) else None
    if name and (file.place.folder / f"{name}.py").is_file():
        return kept("there is no module %(name)s: write from .%(name)s import ... for a file beside it.", name=name)
    return None


def _within(path: str, place: Place) -> bool:
    return Path(path).is_relative_to(place.folder)
