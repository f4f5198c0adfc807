"""CTP's error numbers: what each says, and whether trying again can help.

Source: the error table that comes with the API, in our words. A front may answer with a number that is not here: its
own text is shown then.
"""

from enum import StrEnum
from typing import NamedTuple

from quantsite.common.texts import Kept, kept, unsaid


class Refusal(NamedTuple):
    """What a front answered where it refused: its number and its text, which is for people (Chinese)."""

    code: int
    text: str


class ErrorKind(StrEnum):
    """What is to be done about a refusal."""

    PERSON = "person"  # trying again may lock the account: somebody must look
    TEMPORARY = "temporary"  # passes by itself
    OTHER = "other"  # what was asked for was wrong; asking the same again gives the same


PERSON_NEEDED = frozenset({3, 9, 11, 12, 13, 14, 18, 19, 48, 57, 63, 64, 75, 131, 140, 141})
TEMPORARY = frozenset({5, 6, 7, 8, 21, 35, 36, 60, 78, 90})
NO_SUCH_FUNCTION = 77
"""An old front answers so where it is asked for an authentication that it does not know."""
NOT_LOGGED_IN = 6
NOT_CONFIRMED = 42
QUERY_NOT_READY = 90

TEXTS: dict[int, str] = {
    3: unsaid("The login is wrong: user, password or broker."),
    5: unsaid("This user has logged in already."),
    6: unsaid("Nobody has logged in on this connection."),
    7: unsaid("The broker's system is not initialised yet."),
    8: unsaid("The front is not active."),
    9: unsaid("The user has no right to this."),
    11: unsaid("The user is unknown."),
    12: unsaid("The broker is unknown."),
    13: unsaid("The investor is unknown."),
    14: unsaid("The old password is wrong."),
    15: unsaid("A field of the request is wrong."),
    16: unsaid("The instrument is unknown."),
    17: unsaid("The instrument cannot be traded now."),
    18: unsaid("The investor has no trading code at this exchange."),
    19: unsaid("The investor's account is not active."),
    21: unsaid("The broker is not connected to the exchange."),
    22: unsaid("The order reference was used before."),
    23: unsaid("A field of the cancel is wrong."),
    24: unsaid("This cancel was sent before."),
    25: unsaid("The order to cancel is unknown."),
    26: unsaid("The order is filled or cancelled already."),
    27: unsaid("This is not supported."),
    28: unsaid("The account has no right to trade this."),
    29: unsaid("Positions may only be closed."),
    30: unsaid("More would be closed than is held."),
    31: unsaid("The money does not suffice."),
    35: unsaid("The broker's system is being synchronised."),
    36: unsaid("The broker's system is being synchronised."),
    40: unsaid("The exchange takes no more requests in this second."),
    41: unsaid("The exchange takes no more requests in this second."),
    42: unsaid("The settlement statement is not confirmed."),
    44: unsaid("This cannot be done in continuous trading."),
    48: unsaid("The investor or the password is wrong."),
    50: unsaid("More of today's position would be closed than is held."),
    51: unsaid("More of yesterday's position would be closed than is held."),
    57: unsaid("The one-time password is wrong."),
    60: unsaid("The user has too many sessions."),
    63: unsaid("The client was not authenticated: AppID or AuthCode is wrong."),
    64: unsaid("The client has not been authenticated."),
    75: unsaid("The login is locked after too many failures."),
    77: unsaid("The front does not know this function."),
    78: unsaid("The order could not be sent to the exchange."),
    80: unsaid("The exchange does not take this type of price."),
    90: unsaid("The query cannot be answered yet; it is to be asked again later."),
    91: unsaid("The exchange has refused."),
    95: unsaid("The price is not allowed."),
    106: unsaid("A position limit would be passed."),
    116: unsaid("Orders come too often."),
    131: unsaid("The password is too weak and must be changed."),
    140: unsaid("This is the first login: the password must be changed."),
    141: unsaid("The password has expired and must be changed."),
    150: unsaid("The exchange of the order is not the instrument's."),
}


def kind_of(code: int) -> ErrorKind:
    """What is to be done about an error number, an unknown one included."""
    if code in PERSON_NEEDED:
        return ErrorKind.PERSON
    return ErrorKind.TEMPORARY if code in TEMPORARY else ErrorKind.OTHER


def login_kind(code: int) -> ErrorKind:
    """The same for a login or an authentication: what is not known to pass by itself waits for a person.

    Repeated failures lock the account (75), and a front may refuse with numbers of its own.
    """
    return ErrorKind.TEMPORARY if kind_of(code) is ErrorKind.TEMPORARY else ErrorKind.PERSON


def refusal_text(refusal: Refusal) -> Kept:
    """The refusal for a reader: its number, what it means in his language, and the front's own words."""
    meaning = TEXTS.get(refusal.code)
    if meaning is None:
        return kept("error %(code)d: %(text)s", code=refusal.code, text=refusal.text)
    return kept("error %(code)d: %(meaning)s (%(text)s)", code=refusal.code, meaning=kept(meaning), text=refusal.text)
