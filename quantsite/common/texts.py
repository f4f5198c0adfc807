"""Sentences of the pure packages, in the language of whoever reads them.

The rules know no Django, yet what they refuse is told to people in the console and by the API. They write their
sentences in English and speak them through :func:`say`; the project gives it a translator when it starts. Without
one (a bare interpreter, an optimisation in its own process) the sentence stays English.

A sentence is spoken when the error is raised, so one that is kept should be raised in English.
"""

from collections.abc import Callable

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
