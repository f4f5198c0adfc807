"""Sentences of the pure packages, in the language of whoever reads them.

The rules know no Django, yet what they refuse is told to people in the console and by the API. They write their
sentences in English and speak them through :func:`say`; the project gives it a translator when it starts. Without
one (a bare interpreter, an optimisation in its own process) the sentence stays English.

A sentence is spoken when the error is raised. One that outlives its writer is :func:`kept` instead: it is stored as a
template with values (:func:`stored`) and spoken to each of its readers (:func:`respoken`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

FULL_WIDTH_ENDS = ("。", "？", "！")
"""Marks that end a Chinese sentence; they bring their own space."""

Translator = Callable[[str], str]
"""A template in English -> the template with the same placeholders in the language that is active now."""


def _as_it_stands(template: str) -> str:
    return template


class _Speech:
    """Holds the one translator of this process; which language it speaks is the translator's own affair."""

    def __init__(self) -> None:
        self.translator: Translator = _as_it_stands


_SPEECH = _Speech()


def say(template: str, /, **values: object) -> str:
    """The sentence of a printf-style ``template`` (``"%(name)s must be above 0."``) with ``values``, translated.

    Give the template as one literal: the catalogue of translations is collected from the calls. ``%`` itself is
    written ``%%``. Raises ``KeyError`` for a placeholder without a value.
    """
    return _SPEECH.translator(template) % values


def unsaid(template: str) -> str:
    """The template as it is, noted for the catalogue: for one that is kept in a constant and chosen by :func:`say`."""
    return template


@dataclass(frozen=True, slots=True)
class Kept:
    """A sentence that is not spoken yet; its text is that of the language that is active when it is asked for."""

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return say(self.template, **self.values)


def kept(template: str, /, **values: object) -> Kept:
    """As :func:`say`, for a sentence that is stored; a value may be such a sentence itself."""
    return Kept(template, values)


def stored(value: object) -> Any:
    """A kept sentence, or a list of them, as JSON; anything else as it is."""
    if isinstance(value, Kept):
        return {"text": value.template, "values": {name: stored(part) for name, part in value.values.items()}}
    return [stored(part) for part in value] if isinstance(value, list) else value


def respoken(value: Any) -> Any:
    """What :func:`stored` gave, in the language that is active now; sentences of a list follow one another."""
    if isinstance(value, Mapping):
        return say(value["text"], **{name: respoken(part) for name, part in value["values"].items()})
    return "; ".join(respoken(part) for part in value) if isinstance(value, list) else value


def did_you_mean(near: str | None) -> str:
    """The proposal of a likely word; empty without one. Join it to its sentence with :func:`sentences`."""
    return say("Did you mean %(near)s?", near=repr(near)) if near else ""


def sentences(*parts: str) -> str:
    """Sentences that follow one another, empty ones left out; after a full-width mark there is no blank."""
    joined = ""
    for part in parts:
        blank = " " if joined and part and not joined.endswith(FULL_WIDTH_ENDS) else ""
        joined += blank + part
    return joined


def use_translator(translator: Translator | None) -> Translator:
    """From now on :func:`say` asks ``translator`` (``None``: speaks English). Returns the one that served so far."""
    before, _SPEECH.translator = _SPEECH.translator, translator or _as_it_stands
    return before
