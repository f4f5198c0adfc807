"""What a strategy's file is made of: the file and those beside it that it imports, and the hash over them.

The imports are read from the text: also one that stands inside a function counts, and nothing is run to find it.
What is imported by a name that the program puts together (``importlib.import_module``) is not seen.
"""

import ast
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from strategies.loading_places import Place, SourceFile

Stamp = tuple[str, int, int, int, int]
"""Path, time of modification and of change (ns), size and inode: equal while nobody has written the file."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The bytes of a strategy's files, its own first, the others by path; line endings are those of Unix."""

    files: tuple[tuple[Path, bytes], ...]

    def digest(self, folder: Path, more: bytes = b"") -> str:
        """SHA-256 (hex) over names within the folder and contents; where the folder lies does not matter."""
        found = hashlib.sha256()
        for path, text in self.files:
            found.update(path.relative_to(folder).as_posix().encode() + b"\0" + text + b"\0")
        found.update(more)
        return found.hexdigest()


def sources_of(file: SourceFile) -> Sources:
    """The strategy's files as they are now. Raises ``OSError`` where its own cannot be read."""
    known = {file.path: _read(file.path)}
    waiting = [file.path]
    while waiting:
        path = waiting.pop()
        for beside in _imported(known[path], path, file.place):
            if beside not in known:
                known[beside] = _read(beside)
                waiting.append(beside)
    others = sorted(path for path in known if path != file.path)
    return Sources(tuple((path, known[path]) for path in (file.path, *others)))


def stamp_of(path: Path) -> Stamp:
    """What tells that a file was written; zeros for one that is gone."""
    try:
        seen = path.stat()
    except OSError:
        return (str(path), 0, 0, 0, 0)
    return (str(path), seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size, seen.st_ino)


def stamps_of_folder(folder: Path) -> tuple[Stamp, ...]:
    """Those of every Python file in the folder: a file that is missing may come, one that is broken may be mended."""
    try:
        with os.scandir(folder) as entries:
            paths = sorted(entry.path for entry in entries if entry.name.endswith(".py"))
    except OSError:
        return ()
    return tuple(stamp_of(Path(path)) for path in paths)


def _read(path: Path) -> bytes:
    return path.read_bytes().replace(b"\r\n", b"\n")


def _imported(text: bytes, path: Path, place: Place) -> Iterator[Path]:
    """The files of the place that one of its files imports; none of a file that is no Python."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    package = (place.package, *path.relative_to(place.folder).parts[:-1])
    for node in ast.walk(tree):
        for name in names_of(node, package):
            yield from _files_of(name, place)


def names_of(node: ast.AST, package: tuple[str, ...]) -> Iterator[str]:
    """Absolute names of modules that a statement in ``package`` may load."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        around = ".".join(package).split(".")
        base = around[: len(around) - node.level + 1] if node.level else []
        whole = ".".join([*base, *([node.module] if node.module else [])])
        yield whole
        yield from (f"{whole}.{alias.name}" for alias in node.names)


def _files_of(name: str, place: Place) -> Iterator[Path]:
    """The files that importing ``name`` runs, as far as they lie in the place: packages around it and itself."""
    if name != place.package and not name.startswith(place.package + "."):
        return
    at = place.folder
    inits = [] if place.owned else [at / "__init__.py"]
    for part in name[len(place.package) + 1 :].split(".") if name != place.package else []:
        inits.append(at / f"{part}.py")
        at = at / part
        inits.append(at / "__init__.py")
    yield from (path for path in inits if path.is_file())
