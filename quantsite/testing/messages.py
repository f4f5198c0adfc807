"""The translation catalogues: are all texts of the code in them, and translated?

    python -m quantsite.testing.messages            says what is missing, exit code 1 if anything is
    python -m quantsite.testing.messages --update   adds new texts (untranslated) and drops those gone

No gettext program is needed: Babel reads Python, Django's own ``templatize`` turns templates into its dialect.
"""

import argparse
import ast
import io
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polib
from babel.messages.extract import extract
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent.parent
KEYWORDS = {
    "_": None,
    "_t": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
    "say": None,
    "kept": None,
    "unsaid": None,
}
PLACEHOLDER = re.compile(r"%\(\w+\)[\d.]*[sdifgr]|%[sdif](?!\w)|\{\w*\}")


@dataclass(frozen=True)
class Message:
    """One text of the code: ``plural`` and ``context`` are '' where it has none."""

    text: str
    plural: str
    context: str
    place: str

    @property
    def key(self) -> tuple[str, str]:
        """What a catalogue knows it by."""
        return self.context, self.text


def main() -> int:
    """Check or update every catalogue under ``locale/``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--update", action="store_true", help="write new texts into the catalogues")
    update = parser.parse_args().update
    messages = {message.key: message for message in sorted(_all_messages(), key=lambda message: message.place)}
    paths = sorted(ROOT.glob("locale/*/LC_MESSAGES/django.po"))
    complaints = [] if paths else ["locale: there is no catalogue"]
    for path in paths:
        if update:
            update_catalogue(path, messages.values())
        complaints += [f"{path.relative_to(ROOT)}: {text}" for text in check_catalogue(path, messages.values())]
    sys.stdout.write("".join(f"{text}\n" for text in complaints))
    sys.stdout.write(f"{len(messages)} texts, {len(complaints)} complaints\n")
    return 1 if complaints else 0


def check_catalogue(path: Path, messages: Iterable[Message]) -> list[str]:
    """What is wrong with the catalogue at ``path``, one sentence a fault."""
    catalogue = polib.pofile(str(path), encoding="utf-8")
    wanted = {message.key: message for message in messages}
    known = {(entry.msgctxt or "", entry.msgid): entry for entry in catalogue if not entry.obsolete}
    faults = [f"missing: {key[1]!r} ({message.place})" for key, message in wanted.items() if key not in known]
    faults += [f"obsolete: {key[1]!r}" for key in known if key not in wanted]
    faults += [f"obsolete: {entry.msgid!r}" for entry in catalogue.obsolete_entries()]
    for key, entry in known.items():
        if key in wanted:
            faults += [f"{fault}: {entry.msgid!r}" for fault in _entry_faults(entry, wanted[key])]
    return faults


def update_catalogue(path: Path, messages: Iterable[Message]) -> None:
    """Bring the catalogue's texts up to ``messages``; translations that stand are kept."""
    catalogue = polib.pofile(str(path), encoding="utf-8", wrapwidth=120)
    known = {(entry.msgctxt or "", entry.msgid): entry for entry in catalogue if not entry.obsolete}
    catalogue[:] = [_entry(known.get(message.key), message) for message in messages]
    catalogue.save(str(path))


def _entry(known: polib.POEntry | None, message: Message) -> polib.POEntry:
    """The catalogue's entry, or a new one without translation; it names the file, not the line, which moves often."""
    if known is None or bool(known.msgid_plural) != bool(message.plural):
        plural = {"msgid_plural": message.plural, "msgstr_plural": {0: ""}} if message.plural else {}
        known = polib.POEntry(msgid=message.text, msgctxt=message.context or None, **plural)
    known.occurrences = [(message.place.partition(":")[0], "")]
    return known


def _entry_faults(entry: polib.POEntry, message: Message) -> Iterator[str]:
    translations = list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]
    if entry.fuzzy:
        yield "fuzzy"
    if not translations or not all(translations):
        yield "untranslated"
        return
    if bool(message.plural) != bool(entry.msgid_plural):
        yield "has a plural on one side only"
    originals = {frozenset(PLACEHOLDER.findall(text)) for text in (entry.msgid, entry.msgid_plural) if text}
    if any(frozenset(PLACEHOLDER.findall(text)) not in originals for text in translations):
        yield "other placeholders than the text's"


def _all_messages() -> Iterator[Message]:
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py", "*.html", "*.txt"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    for name in sorted(set(names)):
        path = ROOT / name
        if "tests" in path.parts or not path.is_file():
            continue
        if path.suffix == ".py":
            if name.startswith("strategies/library/"):
                yield from descriptions_of(path.read_text(encoding="utf-8"), name)
            yield from messages_of(path.read_text(encoding="utf-8"), name)
        elif "templates" in path.parts:
            yield from messages_of(python_of_template(path.read_text(encoding="utf-8"), name), name)


def descriptions_of(source: str, name: str) -> Iterator[Message]:
    """What a strategy says about its parameters: its code knows no gettext, the console translates it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.keyword) and node.arg == "description" and isinstance(node.value, ast.Constant):
            yield Message(str(node.value.value), "", "", f"{name}:{node.value.lineno}")


def python_of_template(source: str, name: str) -> str:
    """A template as lines that Python's tokenizer takes: calls of gettext between blanked-out text."""
    return "\n".join(line.lstrip() for line in templatize(source, origin=name).split("\n"))


def messages_of(source: str, name: str) -> Iterator[Message]:
    """The texts that Python source (or a templatized template) passes to gettext."""
    stream = io.BytesIO(source.encode())
    for line, found, _, context in extract("python", stream, keywords=KEYWORDS, options={"encoding": "utf-8"}):
        texts = found if isinstance(found, tuple) else (found, "")
        if texts[0]:
            plural = texts[1] if len(texts) > 1 else ""
            yield Message(texts[0], plural or "", context or "", f"{name}:{line}")


if __name__ == "__main__":
    sys.exit(main())
