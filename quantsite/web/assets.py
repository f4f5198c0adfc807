"""Static files: those that come in wheels, how names are hashed, and whether the collected ones are current."""

import hashlib
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder, get_finders
from django.core.files.storage import FileSystemStorage
from whitenoise.storage import CompressedManifestStaticFilesStorage


class WheelFinder(BaseFinder):
    """Offers ``files`` of a wheel's ``folder`` under ``prefix``, and no other file of it."""

    prefix: str
    package: str
    folder: tuple[str, ...]
    files: tuple[str, ...]

    def __init__(self) -> None:
        self.storage = FileSystemStorage(location=self.location())
        self.storage.prefix = self.prefix  # type: ignore[attr-defined]

    @classmethod
    def location(cls) -> Path:
        """Where the wheel keeps the files; found without importing the package, which may take its time.

        Raises ``ModuleNotFoundError`` where the wheel is not installed.
        """
        spec = find_spec(cls.package)
        if spec is None or not spec.submodule_search_locations:
            raise ModuleNotFoundError(f"{cls.package} is not installed: run make setup")
        return Path(spec.submodule_search_locations[0]).joinpath(*cls.folder)

    def check(self, **_options: Any) -> list[Any]:
        """Nothing to configure, so nothing to check."""
        return []

    def find(self, path: str, find_all: bool = False, **_options: Any) -> Any:
        """The file's full path, or an empty list where it is not ours."""
        folder, _, name = path.replace("\\", "/").rpartition("/")
        if folder != self.prefix or name not in self.files:
            return []
        found = self.storage.path(name)
        return [found] if find_all else found

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, FileSystemStorage]]:  # noqa: ARG002
        """Each file with the storage that reads it."""
        for name in self.files:
            yield name, self.storage


class BokehFinder(WheelFinder):
    """The charts of reports and of the console (docs/decisions/0002)."""

    prefix = "bokeh"
    package = "bokeh"
    folder = ("server", "static", "js")
    files = ("bokeh.min.js",)


class LightweightChartsFinder(WheelFinder):
    """The chart of the quote page (docs/decisions/0009); the wheel's Python code is never imported."""

    prefix = "lightweight-charts"
    package = "akquant_lwc"
    folder = ("assets",)
    files = ("lightweight-charts.standalone.production.js",)


class HashedStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Hashed and compressed names once ``collectstatic`` has run; plain names before (tests, first start)."""

    # Our modules name each other: so that a browser never mixes those of two versions, names in imports are hashed too.
    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        ("marketdata/quotes/*.js", ((r'(?P<matched>from "(?P<url>\./[^"]+)")', 'from "%(url)s"'),)),
    )

    def stored_name(self, name: str) -> str:
        """The name that pages refer to. Raises ``ValueError`` for a file that the manifest does not know."""
        return str(super().stored_name(name)) if self.hashed_files else name

    def compress_files(self, paths: Iterable[str]) -> Any:
        """Compress what pages refer to: hashed names, and no source maps. Halves the first start."""
        hashed = set(self.hashed_files.values())
        return super().compress_files({path for path in paths if path in hashed and not path.endswith(".map")})


def fingerprint() -> str:
    """A hash over name, size and time of every static source file, and over where they are collected to."""
    digest = hashlib.sha256(str(settings.STATIC_ROOT).encode())
    for finder in get_finders():
        for name, storage in finder.list([]):
            facts = Path(storage.path(name)).stat()
            digest.update(f"{getattr(storage, 'prefix', '')}/{name} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _note() -> Path:
    return Path(settings.VAR_DIR) / "static-collected"


def collected() -> bool:
    """Whether the collected files are those that the sources give now."""
    manifest = Path(settings.STATIC_ROOT) / "staticfiles.json"
    return manifest.is_file() and _note().is_file() and _note().read_text(encoding="ascii") == fingerprint()


def note_collected() -> None:
    """Remember the sources that were collected."""
    _note().parent.mkdir(parents=True, exist_ok=True)
    _note().write_text(fingerprint(), encoding="ascii")
