"""``manage.py rotate_credentials``: stored passwords of brokers and feeds are sealed by the newest key."""

from typing import Any

from django.db import transaction

from accounts.audit import record
from accounts.commands import ActorCommand
from accounts.permissions import require
from marketdata.ctp_login import reseal_all
from marketdata.live_models import FeedLogin
from trading.broker_models import BrokerLogin


class Command(ActorCommand):
    """Everything or nothing; afterwards older keys may leave QUANTSITE_CREDENTIAL_KEY."""

    help = "Seal all stored credentials by the first key of QUANTSITE_CREDENTIAL_KEY."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Seal them and say how many."""
        require(self.actor, "trading.change_brokerlogin")
        require(self.actor, "marketdata.change_feedlogin")
        with transaction.atomic():
            count = reseal_all(BrokerLogin.objects.select_for_update(of=("self",)).select_related("account"))
            count += reseal_all(FeedLogin.objects.select_for_update())
            record(self.actor, "credentials.rotate", after={"sealed": count})
        self.stdout.write(f"{count} logins sealed by the newest key")
