"""The Chinese texts of installed packages: those that a package brings no catalogue for stand in ours."""

from collections.abc import Iterator
from pathlib import Path

import django
import polib
import unfold
from django.apps import apps

from quantsite.testing.messages import ROOT, Message, check_catalogue, messages_of, python_of_template

PACKAGES = Path(unfold.__file__).parent.parent
DJANGO = Path(django.__file__).parent
CATALOGUE = ROOT / "locale/packages/zh_Hans/LC_MESSAGES/django.po"


def texts_of(path: Path) -> Iterator[Message]:
    """The texts of one file of a package."""
    name, source = str(path.relative_to(PACKAGES)), path.read_text(encoding="utf-8")
    return messages_of(source if path.suffix == ".py" else python_of_template(source, name), name)


def theme_files() -> set[Path]:
    """Python files and templates of the theme, without its parts that are not installed."""
    theme = PACKAGES / "unfold"
    installed = [Path(app.path) for app in apps.get_app_configs() if app.name.startswith("unfold.contrib.")]
    own = [path for path in theme.rglob("*") if "contrib" not in path.relative_to(theme).parts]
    extras = [path for part in installed for path in part.rglob("*")]
    return {path for path in (*own, *extras) if path.suffix in (".py", ".html")}


def keys(path: Path) -> set[tuple[str, str]]:
    """What a catalogue, compiled or not, has a translation for."""
    catalogue = polib.mofile(str(path)) if path.suffix == ".mo" else polib.pofile(str(path))
    return {(entry.msgctxt or "", entry.msgid) for entry in catalogue if entry.msgstr or entry.msgstr_plural}


def test_every_text_of_the_theme_has_a_chinese_one() -> None:
    """The theme brings no catalogue at all: a text that came with an update would stay English."""
    known = keys(CATALOGUE) | keys(ROOT / "locale/zh_Hans/LC_MESSAGES/django.po")
    for app in ("conf", "contrib/admin", "contrib/auth"):
        known |= keys(DJANGO / app / "locale/zh_Hans/LC_MESSAGES/django.mo")

    texts = [text for path in theme_files() for text in texts_of(path)]

    assert len(texts) > 100  # the theme was found and read
    assert {f"{text.place}: {text.text!r}" for text in texts if text.key not in known} == set()


def test_the_packages_still_have_the_texts_that_are_translated() -> None:
    """Every entry is translated, keeps its placeholders, and is in the file that it names."""
    catalogue = polib.pofile(str(CATALOGUE))
    known = {(entry.msgctxt or "", entry.msgid) for entry in catalogue}
    files = {PACKAGES / entry.occurrences[0][0] for entry in catalogue}

    texts = [text for path in files for text in texts_of(path) if text.key in known]

    assert check_catalogue(CATALOGUE, texts) == []
