"""Where users' strategies lie: the folders and packages of ``QUANTSITE_STRATEGIES``, and the files in them.

Nothing here runs a line of what it finds, not even the ``__init__`` of a package that lies around the named one.
"""

import hashlib
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from quantsite.common.texts import Kept, kept, respoken, stored, unsaid

LONGEST_NAME = 64
"""What the rows of runs have room for."""

NOT_STRATEGIES = ("_", "test_")
"""Files that begin so are helpers and tests."""

TAKEN_IN_LIBRARY = unsaid("The library has a strategy of this name: give the file and its class another one.")
TAKEN = unsaid("The name is taken by %(other)s: give the file and its class another one.")


@dataclass(frozen=True)
class Place:
    """One folder; its files are imported as modules of ``package``, that of a folder with a mark of what is in them."""

    text: str
    folder: Path
    package: str
    owned: bool
    """The package is made for a folder that is none; else it is the author's own and its ``__init__`` is run."""

    def files(self) -> list[Path]:
        """The files that hold a strategy each, by name. Raises ``OSError`` where the folder cannot be listed."""
        with os.scandir(self.folder) as entries:
            found = [Path(entry.path) for entry in entries if entry.name.endswith(".py")]
        return sorted(path for path in found if not path.name.startswith(NOT_STRATEGIES))


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One strategy's file; its name is the strategy's."""

    place: Place
    path: Path

    @property
    def name(self) -> str:
        """That of the strategy."""
        return self.path.stem


@dataclass(frozen=True, slots=True)
class Broken:
    """A file that gives no strategy. ``fault`` is a stored sentence, spoken to each reader; ``line`` 0: none."""

    name: str
    path: Path
    fault: Any
    line: int = 0
    traceback: str = ""

    @classmethod
    def of(cls, path: Path, fault: Kept) -> "Broken":
        """What is wrong with a file before anything of it is run."""
        return cls(path.stem, path, stored(fault))

    @property
    def where(self) -> str:
        """The file, and the line where one is to blame."""
        return f"{self.path}:{self.line}" if self.line else str(self.path)

    @property
    def error_text(self) -> str:
        """Where and what, in the reader's language."""
        return f"{self.where}: {respoken(self.fault)}"


@dataclass(frozen=True)
class Places:
    """What the two variables say. ``text`` is that of ``QUANTSITE_STRATEGIES``."""

    text: str = ""
    trusted: frozenset[str] = field(default_factory=frozenset)

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """The folders and packages as they were written."""
        return tuple(dict.fromkeys(part.strip() for part in self.text.split(os.pathsep) if part.strip()))

    def found(self) -> tuple[list[Place], list[Broken]]:
        """The places that are there, and a sentence about each part that is not."""
        places, faults = [], []
        for part in self.parts:
            place = place_of(part)
            if place is None:
                faults.append(Broken(part, Path(part), stored(kept(NEITHER, text=part))))
            else:
                places.append(place)
        return places, faults

    def files(self, taken: Iterable[str]) -> tuple[list[SourceFile], list[Broken]]:
        """Every file in the order of the places, and those that cannot be a strategy by their name alone.

        ``taken`` are the names of the library. A name belongs to the first file that has it, sound or not, so that
        mending a file never changes which of two runs.
        """
        places, faults = self.found()
        known: dict[str, SourceFile] = {}
        library = set(taken)
        for place in places:
            try:
                paths = place.files()
            except OSError as error:
                faults.append(Broken.of(place.folder, kept(UNREADABLE, error=error.strerror)))
                continue
            for path in paths:
                fault = _fault_of_name(path.stem, library, known)
                if fault:
                    faults.append(Broken.of(path, fault))
                else:
                    known[path.stem] = SourceFile(place, path)
        return list(known.values()), faults


NEITHER = unsaid("%(text)s is neither a folder nor a package that can be found: correct QUANTSITE_STRATEGIES.")
UNREADABLE = unsaid("The folder cannot be read: %(error)s.")


def _fault_of_name(name: str, library: set[str], known: dict[str, SourceFile]) -> Kept | None:
    fault = name_fault(name)
    if fault:
        return fault
    if name in library:
        return kept(TAKEN_IN_LIBRARY)
    return kept(TAKEN, other=str(known[name].path)) if name in known else None


def name_fault(name: str) -> Kept | None:
    """Why a file's name cannot be a strategy's, or None."""
    if not (name.isascii() and name.isidentifier() and name == name.lower()):
        text = unsaid("A strategy's name has small letters, digits and _ and begins with a letter, not %(name)r.")
        return kept(text, name=name)
    if len(name) > LONGEST_NAME:
        return kept("A strategy's name has at most %(most)d characters.", most=LONGEST_NAME)
    return None


def place_of(text: str) -> Place | None:
    """The folder of that path or of that dotted package; None where there is neither."""
    path = Path(text).expanduser()
    if path.is_dir():
        folder = path.resolve()
        key = hashlib.sha256(str(folder).encode()).hexdigest()[:8]
        return Place(text, folder, f"user_strategies_{key}", owned=True)
    folder_of_package = _folder_of(text.split("."))
    return Place(text, folder_of_package, text, owned=False) if folder_of_package else None


def _folder_of(parts: list[str]) -> Path | None:
    """Where a package lies, found level by level without importing any."""
    if not all(part.isidentifier() for part in parts):
        return None
    where: list[str] | None = None
    for depth in range(len(parts)):
        spec = PathFinder.find_spec(".".join(parts[: depth + 1]), where if where is not None else sys.path)
        if spec is None or spec.submodule_search_locations is None:
            return None
        where = list(spec.submodule_search_locations)
    return Path(where[0]).resolve() if where else None
