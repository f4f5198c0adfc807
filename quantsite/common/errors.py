"""The errors that a rule of the platform raises; every door turns them into its own form.

The API answers them as problem+json, a command as ``CommandError``, the admin as a message. ``code`` is
stable and meant for programs, ``text`` is a sentence for people that names the value and the fix.
"""

from collections.abc import Mapping


class RuleError(Exception):
    """A request that breaks a rule of the platform (HTTP 400).

    ``fields`` maps the name of a refused input to the sentence about it.
    """

    def __init__(self, code: str, text: str, *, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.fields: dict[str, str] = dict(fields or {})


class RefusedError(RuleError):
    """The actor may not do this (HTTP 403)."""


class MissingError(RuleError):
    """The thing asked for is not there, or not visible to the actor (HTTP 404)."""


class ConflictError(RuleError):
    """The thing is in a state that does not allow this (HTTP 409)."""
