"""Sentences that were stored as they were spoken, in English, told in the language of whoever reads them now.

A process without a reader (a gateway, a worker) speaks English, and rows and events keep its words. The template that
a sentence was made of is found again among those of the catalogue; a sentence of no template stays as it is. What is
new should be stored as a template with values instead (``quantsite.common.texts.kept``).
"""

import re
from ast import literal_eval
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.utils.translation import get_language, gettext
from django.utils.translation.trans_real import translation

from quantsite.common.texts import respoken, sentences

PLACE = re.compile(r"%\((\w+)\)[\d.]*([sdgfr])|%%")
LEAST_LETTERS = 12
"""A template with less text of its own would fit sentences that were not made of it."""
SEEN = 4_096


def _unquoted(text: str) -> Any:
    """What ``%r`` was given, where the text says it."""
    try:
        return literal_eval(text)
    except (ValueError, SyntaxError):
        return text


READERS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "s": (".+?", str),
    "r": (".+?", _unquoted),
    "d": (r"-?\d+", int),
    "g": (r"-?[\d.]+(?:e[+-]?\d+)?", float),
    "f": (r"-?[\d.]+", float),
}
"""By the kind of place: what stands there, and the value that it was."""


@dataclass(frozen=True, slots=True)
class Template:
    """A text of the catalogue with places for values, and how many letters of its own it has."""

    text: str
    pattern: re.Pattern[str]
    kinds: Mapping[str, str]
    letters: int

    def values(self, sentence: str) -> dict[str, Any] | None:
        """The values that make it that sentence; None where none do."""
        found = self.pattern.fullmatch(sentence)
        return found and {name: READERS[self.kinds[name]][1](part) for name, part in found.groupdict().items()}


def retold(sentence: str) -> str:
    """A stored sentence, or several that follow one another, in the language that is active now."""
    language = get_language() or "en"
    return sentence if not sentence or language.startswith("en") else _retold(sentence, language)


def retold_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a stored template for a reader: sentences among them in the language that is active now."""
    language = get_language() or "en"
    told = {name: respoken(value) for name, value in values.items()}
    return told if language.startswith("en") else {name: _told_within(value, language) for name, value in told.items()}


@lru_cache(maxsize=SEEN)
def _retold(sentence: str, language: str) -> str:
    plain = gettext(sentence)
    if plain != sentence:
        return plain
    for template in _templates(language):
        values = template.values(sentence)
        if values is not None:
            return gettext(template.text) % {name: _told_within(value, language) for name, value in values.items()}
    head, stop, tail = sentence.partition(". ")
    return sentences(_retold(f"{head}.", language), _retold(tail, language)) if stop else sentence


def _told_within(value: Any, language: str) -> Any:
    """A value of a sentence; one that is a sentence itself is told again too, single words of people are not."""
    is_sentence = isinstance(value, str) and (value.endswith(".") or ". " in value)
    return _retold(value, language) if is_sentence else value


@lru_cache(maxsize=4)
def _templates(language: str) -> list[Template]:
    """Those of the catalogue, the most telling first."""
    catalogue: Any = translation(
        language
    )  # its texts have no public name; Django's own JavaScriptCatalog reads them so
    texts = catalogue._catalog.keys()
    plain = (text for text in texts if isinstance(text, str) and "\x04" not in text and "%(" in text)
    found = [template for text in plain if (template := _template(text)).letters >= LEAST_LETTERS]
    return sorted(found, key=lambda template: -template.letters)


def _template(text: str) -> Template:
    pattern, kinds, end, letters = "", {}, 0, 0
    for place in PLACE.finditer(text):
        own = text[end : place.start()] + ("%" if place.group() == "%%" else "")
        pattern, letters, end = pattern + re.escape(own), letters + len(own), place.end()
        name, kind = place.groups()
        if name in kinds:
            pattern += f"(?P={name})"
        elif name:
            kinds[name] = kind
            pattern += f"(?P<{name}>{READERS[kind][0]})"
    return Template(text, re.compile(pattern + re.escape(text[end:])), kinds, letters + len(text) - end)
