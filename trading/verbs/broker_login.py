"""How an account logs in at its broker: set by administrators, its secrets sealed and told to nobody."""

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import record
from accounts.permissions import require
from marketdata.ctp_login import SECRETS
from quantsite.common.errors import RuleError
from trading.account_models import TradingAccount
from trading.broker_models import BrokerLogin
from trading.choices import AccountKind
from trading.permissions import find_account
from trading.verbs import risk_revision

if TYPE_CHECKING:
    from accounts.models import User

POLICIES = ("confirm", "market_as_limit", "around_the_clock")


def set_broker_login(actor: "User | None", account_code: str, **given: object) -> BrokerLogin:
    """The login with what is given changed: columns of ``BrokerLogin``, ``fronts`` as a list of addresses.

    A secret that is '' stays. Another broker or user is another account there: live trading ends, two persons allow it
    anew. A running gateway takes a changed login over when it is started again. Raises ``MissingError``,
    ``RefusedError``, ``ValidationError``, ``RuleError`` for a field that does not fit or an account of another kind.
    """
    require(actor, "trading.change_brokerlogin")
    account = find_account(actor, account_code)
    if account.kind != AccountKind.CTP:
        told = _("Account %(code)s is %(kind)s: only an account of kind ctp logs in at a broker.")
        raise RuleError("not_at_a_broker", told % {"code": account.code, "kind": account.kind})
    with transaction.atomic():
        risk_revision.hold()
        login = BrokerLogin.objects.select_for_update().filter(account=account).first()
        before = _told(login) if login else None
        login = login or BrokerLogin(account=account)
        login.take({name: value for name, value in given.items() if name not in POLICIES})
        for name in POLICIES:
            setattr(login, name, given.get(name, getattr(login, name)))
        login.clean_fields(exclude=["account"])
        login.save()
        after = _told(login)
        if before and any(before[name] != after[name] for name in ("broker_id", "user_id")):
            _end_live(actor, account)
        entered = [name for name in SECRETS if given.get(name)]
        record(actor, "broker_login.set", account, before=before, after={**after, "entered": entered})
    return login


def _end_live(actor: "User | None", account: TradingAccount) -> None:
    if TradingAccount.objects.filter(pk=account.pk, live_enabled=True).update(live_enabled=False):
        risk_revision.bump()
        record(actor, "account.live_off", account, before={"live_enabled": True}, after={"reason": "another login"})


def _told(login: BrokerLogin) -> dict[str, object]:
    return {**login.told(), **{name: getattr(login, name) for name in POLICIES}}
