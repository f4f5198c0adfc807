"""The base of management commands that act for somebody."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, OperationalError, connection
from django.utils.translation import gettext as _
from psycopg_pool import PoolTimeout

from accounts.models import User
from quantsite.common.errors import RuleError

MISSING_TABLE_STATES = {"42P01"}  # PostgreSQL: undefined_table


class ActorCommand(BaseCommand):
    """Adds ``--user NAME`` and gives ``self.actor``: the person, or None for the system.

    What breaks a rule ends as one sentence on stderr and exit code 1, never as a traceback.
    """

    actor: User | None = None

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        """Django's parser with ``--user``."""
        parser: ArgumentParser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.add_argument("--user", metavar="NAME", help="act for this person; without it the system acts")
        return parser

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Find the actor, then run the command. Raises ``CommandError`` for a broken rule or missing tables."""
        try:
            self.actor = find_actor(options.get("user"))
            return super().execute(*args, **options)
        except RuleError as error:
            raise CommandError(sentence(error)) from error
        except DatabaseError as error:
            if _is_missing_table(error):
                raise CommandError(_("The database has no tables yet: run manage.py migrate first")) from error
            if not isinstance(error, OperationalError) or not _is_unreachable(error):
                raise
            text = _("The database cannot be reached: start it, or mend DATABASE_URL (%(reason)s)")
            raise CommandError(text % {"reason": " ".join(str(error).split())}) from error


def find_actor(name: str | None) -> User | None:
    """The active person of that name, None for no name. Raises ``RuleError`` otherwise."""
    if not name:
        return None
    user = User.objects.filter(username=name, is_active=True).first()
    if user is None:
        raise RuleError("unknown_user", _("There is no active person named %(name)s") % {"name": name})
    return user


def sentence(error: RuleError) -> str:
    """A rule's error as one line; refused inputs are named after it."""
    text = str(error.text)
    return "; ".join([text, *(f"{name}: {reason}" for name, reason in error.fields.items() if reason not in text)])


def _is_unreachable(error: OperationalError) -> bool:
    """Whether no connection to the database can be had any more."""
    if isinstance(error.__cause__, PoolTimeout):
        return True  # the pool has tried as long as it may: asking again would only double the wait
    try:
        connection.ensure_connection()
        return not connection.is_usable()
    except DatabaseError:
        return True


def _is_missing_table(error: DatabaseError) -> bool:
    state = getattr(error.__cause__, "sqlstate", None)
    return state in MISSING_TABLE_STATES or "no such table" in str(error)
