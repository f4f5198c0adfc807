"""``manage.py add_user NAME --role researcher``: let somebody in from the shell."""

import getpass
import secrets
import sys
from argparse import ArgumentParser
from typing import Any

from accounts.commands import ActorCommand
from accounts.roles import ROLES
from accounts.services import create_user
from quantsite.common.errors import RuleError


class Command(ActorCommand):
    """Makes an active person with the given roles."""

    help = "Make an active person. The password is asked for, read from standard input, or made up and printed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The command's options."""
        parser.add_argument("name")
        parser.add_argument("--role", action="append", default=[], choices=ROLES, help="may be given several times")
        parser.add_argument("--email", default="")
        source = parser.add_mutually_exclusive_group()
        source.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
        source.add_argument("--random-password", action="store_true", help="make a password up and print it")

    def handle(self, **options: Any) -> None:
        """Make the person and say so."""
        password = _password(options)
        user = create_user(self.actor, options["name"], password, options["role"], options["email"])
        roles = ", ".join(options["role"]) or "no role"
        self.stdout.write(f"{user.username} may log in now ({roles})")
        if options["random_password"]:
            self.stdout.write(f"password: {password}")


def _password(options: dict[str, Any]) -> str:
    if options["random_password"]:
        return secrets.token_urlsafe(15)
    if options["password_stdin"]:
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Password (again): ") != password:
        raise RuleError("password_mismatch", "The two passwords differ.")
    return password
