"""What a database says that cannot be reached, and for how long a request waits for one that says nothing."""

from contextlib import AbstractContextManager

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest

from quantsite.web.middleware import AroundMiddleware
from quantsite.web.patient import answers_within

DATABASE_AWAY = (OperationalError, InterfaceError)
"""The errors after which nothing is known but that nobody answers: to be waited out, never an answer."""


class PatienceMiddleware(AroundMiddleware):
    """No statement of a request waits longer than ``QUANTSITE_DB_ANSWER`` for the database."""

    def around(self, request: HttpRequest) -> AbstractContextManager[None]:  # noqa: ARG002 - the same for each
        """The limit."""
        return answers_within(settings.DB_ANSWER_SECONDS)


def room_for(connections: int) -> None:
    """Let this process hold so many connections at once, where it may hold fewer now."""
    pool = getattr(connection, "pool", None)  # SQLite has none
    if pool is not None and pool.max_size < connections:
        pool.resize(pool.min_size, connections)
