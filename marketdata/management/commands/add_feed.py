"""``manage.py add_feed SOURCE``: where the feed of a source logs in."""

from argparse import ArgumentParser
from typing import Any

from accounts.commands import ActorCommand
from accounts.ctp_secrets import secret_of
from marketdata.feed_logins import set_feed_login
from marketdata.publishing.kinds import check_source


class Command(ActorCommand):
    """Makes the login, or changes it."""

    help = "Store the login of a source of market data, for run_feed SOURCE --kind ctp."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where and as whom."""
        parser.add_argument("source", metavar="SOURCE", help="name of the source")
        parser.add_argument("--md-front", nargs="+", required=True, metavar="URL", help="tcp://host:port, in turn")
        parser.add_argument("--broker", default="", metavar="ID")
        parser.add_argument("--ctp-user", default="", metavar="ID")

        parser.add_argument("--around-the-clock", action="store_true", help="a test front that plays other hours")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Store it and say so."""
        check_source(options["source"])
        login = set_feed_login(
            self.actor,
            options["source"],
            fronts=options["md_front"],
            broker_id=options["broker"],
            user_id=options["ctp_user"],
            around_the_clock=options["around_the_clock"],
            password=secret_of("QUANTSITE_CTP_PASSWORD", "Password"),
        )
        self.stdout.write(
            f"{login.source}: {login.user_id} @ {login.broker_id}, {len(login.fronts.splitlines())} fronts"
        )
