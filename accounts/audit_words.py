"""What the audit trail says, in words: a verb such as ``strategy.promote`` is a thing and what was done to it.

Apps above name their own things and deeds with :func:`name` when their console is loaded; the trail itself keeps the
verbs as they are, for programs.
"""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

Words = Mapping[str, str | Promise]

_THINGS: dict[str, str | Promise] = {
    "admin": pgettext_lazy("audit", "console"),
    "alarm": pgettext_lazy("audit", "alarm"),
    "credentials": pgettext_lazy("audit", "keys of stored logins"),
    "login": pgettext_lazy("audit", "login"),
    "permission": pgettext_lazy("audit", "permission"),
    "proposal": pgettext_lazy("audit", "proposal"),
    "user": pgettext_lazy("audit", "person"),
}
_DEEDS: dict[str, str | Promise] = {
    "acknowledge": pgettext_lazy("audit", "taken"),
    "action": pgettext_lazy("audit", "action"),
    "add": pgettext_lazy("audit", "added"),
    "approve": pgettext_lazy("audit", "approved"),
    "approved": pgettext_lazy("audit", "approved"),
    "change": pgettext_lazy("audit", "changed"),
    "change_password": pgettext_lazy("audit", "password changed"),
    "create": pgettext_lazy("audit", "made"),
    "deactivate": pgettext_lazy("audit", "closed"),
    "delete": pgettext_lazy("audit", "deleted"),
    "expired": pgettext_lazy("audit", "expired"),
    "failed": pgettext_lazy("audit", "failed"),
    "grant": pgettext_lazy("audit", "granted"),
    "locked": pgettext_lazy("audit", "locked"),
    "login": pgettext_lazy("audit", "logged in"),
    "logout": pgettext_lazy("audit", "logged out"),
    "made": pgettext_lazy("audit", "made"),
    "refused": pgettext_lazy("audit", "refused"),
    "register": pgettext_lazy("audit", "registered"),
    "rejected": pgettext_lazy("audit", "rejected"),
    "remove": pgettext_lazy("audit", "removed"),
    "reset_password": pgettext_lazy("audit", "password set anew"),
    "revoke": pgettext_lazy("audit", "taken back"),
    "rotate": pgettext_lazy("audit", "sealed anew"),
    "set": pgettext_lazy("audit", "set"),
    "set_roles": pgettext_lazy("audit", "roles set"),
    "update_profile": pgettext_lazy("audit", "profile changed"),
    "withdrawn": pgettext_lazy("audit", "withdrawn"),
}


def name(things: Words, deeds: Words) -> None:
    """Add an app's words."""
    _THINGS.update(things)
    _DEEDS.update(deeds)


def verb_word(verb: str) -> str:
    """The verb in the reader's language; one that nobody has named is told as it is."""
    thing, dot, deed = verb.partition(".")
    if not dot:
        return str(_DEEDS.get(verb, verb))
    if thing not in _THINGS or deed not in _DEEDS:
        return verb
    return f"{_THINGS[thing]} · {_DEEDS[deed]}"
