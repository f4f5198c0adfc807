"""Logins at brokers: sealed, bound to their place, changed by administrators only, and shown to nobody."""

import json
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, User
from accounts.sealing import seal, sealed_by_newest, unseal
from marketdata.feed_logins import set_feed_login
from marketdata.live_models import FeedLogin
from quantsite.common.errors import RefusedError, RuleError
from trading import services
from trading.account_models import TradingAccount
from trading.broker_models import BrokerLogin

KEY, OLD = "k" * 60, "o" * 60
FRONTS = ["180.168.146.187:10201", "tcp://180.168.146.187:10202"]
PASSWORD = "s3cret-pässwörd".encode("ascii", "ignore").decode()


@pytest.fixture(autouse=True)
def _keys(settings: LazySettings) -> None:
    settings.CREDENTIAL_KEYS = [KEY]


def add(code: str = "LIVE", actor: User | None = None, **login: object) -> BrokerLogin:
    """An account at a broker."""
    given = {"fronts": FRONTS, "broker_id": "9999", "user_id": "123456", "password": PASSWORD, "auth_code": "0" * 16}
    account = services.add_account(actor, code, kind="ctp", login={**given, **login})
    return BrokerLogin.objects.get(account=account)


def test_what_is_sealed_is_read_only_at_its_place_and_by_its_key(settings: LazySettings) -> None:
    sealed = seal("word", "account:A:password")
    assert "word" not in sealed
    assert sealed != seal("word", "account:A:password")
    assert unseal(sealed, "account:A:password") == "word"
    assert (seal("", "x"), unseal("", "x")) == ("", "")
    with pytest.raises(RuleError, match="cannot be read"):
        unseal(sealed, "account:B:password")
    with pytest.raises(RuleError, match="cannot be read"):
        unseal(sealed[:-8] + "AAAAAAA=", "account:A:password")
    settings.CREDENTIAL_KEYS = [OLD]
    with pytest.raises(RuleError, match="not in QUANTSITE_CREDENTIAL_KEY"):
        unseal(sealed, "account:A:password")
    settings.CREDENTIAL_KEYS = []
    with pytest.raises(RuleError, match="is not set"):
        seal("word", "account:A:password")


@pytest.mark.django_db
def test_the_session_gets_everything_and_the_trail_no_secret() -> None:
    login = add(app_id="client_quantsite_1.0", product_info="QS")
    terms = login.login()
    assert (terms.password, terms.auth_code) == (PASSWORD, "0" * 16)
    assert terms.fronts == ("tcp://180.168.146.187:10201", "tcp://180.168.146.187:10202")
    assert PASSWORD not in repr(terms)
    row = BrokerLogin.objects.values().get()
    trail = json.dumps(list(AuditEntry.objects.values()), default=str)
    assert PASSWORD not in f"{row}{trail}"
    assert (AuditEntry.objects.get(verb="broker_login.set").after or {})["entered"] == ["password", "auth_code"]
    services.set_broker_login(None, "LIVE", fronts=["ssl://front.example.com:41205"], password="")
    again = BrokerLogin.objects.get().login()
    assert (again.fronts, again.password) == (("ssl://front.example.com:41205",), PASSWORD)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"fronts": ["180.168.146.187"]}, "fronts"),
        ({"fronts": ["http://180.168.146.187:10201"]}, "fronts"),
        ({"fronts": ["tcp://180.168.146.187:99999"]}, "fronts"),
        ({"broker_id": "99999999999"}, "broker_id"),
        ({"user_id": "张三"}, "user_id"),
        ({"broker_id": ""}, "broker_id"),
        ({"password": "x" * 41}, "password"),
    ],
)
def test_what_does_not_fit_is_refused_by_name_and_nothing_is_made(given: dict[str, Any], field: str) -> None:
    with pytest.raises(RuleError) as refused:
        add("LIVE", None, **given)
    assert field in refused.value.fields
    assert "x" * 41 not in refused.value.text
    assert not TradingAccount.objects.exists()


@pytest.mark.django_db
def test_money_and_logins_belong_to_their_kind_of_account(ada: User) -> None:
    with pytest.raises(RuleError, match="leave the capital out"):
        services.add_account(ada, "LIVE", kind="ctp", capital=Decimal(5))
    with pytest.raises(RuleError, match="Only an account of kind ctp"):
        services.add_account(ada, "SIM", login={"fronts": FRONTS})
    add(actor=ada)
    with pytest.raises(RuleError, match="at its broker"):
        services.deposit(ada, "LIVE", Decimal(5))
    services.add_account(ada, "SIM", capital=Decimal(5))
    with pytest.raises(RuleError, match="of kind ctp"):
        services.set_broker_login(ada, "SIM", fronts=FRONTS)


@pytest.mark.django_db
def test_only_administrators_change_a_login_and_another_user_ends_live_trading(ada: User, rita: User) -> None:
    add()
    TradingAccount.objects.update(live_enabled=True)
    with pytest.raises(RefusedError):
        services.set_broker_login(rita, "LIVE", user_id="7")
    services.set_broker_login(ada, "LIVE", app_id="client_other_1.0")
    assert TradingAccount.objects.get().live_enabled
    services.set_broker_login(ada, "LIVE", user_id="7")
    assert not TradingAccount.objects.get().live_enabled


@pytest.mark.django_db
def test_rotation_seals_everything_by_the_newest_key(settings: LazySettings) -> None:
    add()
    set_feed_login(None, "md", fronts=FRONTS, broker_id="9999", user_id="1", password="other")
    settings.CREDENTIAL_KEYS = [OLD, KEY]
    out = StringIO()
    call_command("rotate_credentials", stdout=out)
    assert "2 logins" in out.getvalue()
    settings.CREDENTIAL_KEYS = [OLD]
    assert BrokerLogin.objects.get().login().password == PASSWORD
    assert FeedLogin.objects.get().terms().password == "other"
    assert sealed_by_newest(FeedLogin.objects.get().password)
    call_command("rotate_credentials", stdout=(out := StringIO()))
    assert "0 logins" in out.getvalue()


@pytest.mark.django_db
def test_the_command_takes_secrets_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANTSITE_CTP_PASSWORD", PASSWORD)
    monkeypatch.setenv("QUANTSITE_CTP_AUTH_CODE", "1234")
    words = ["LIVE", "--kind", "ctp", "--td-front", *FRONTS, "--broker", "9999", "--ctp-user", "1", "--app-id", "a_b_1"]
    out = StringIO()
    call_command("add_account", *words, stdout=out)
    assert out.getvalue().strip() == "LIVE: ctp, 1 @ 9999"
    login = BrokerLogin.objects.get()
    assert (login.login().password, login.login().auth_code) == (PASSWORD, "1234")
    with pytest.raises(CommandError, match="No front is named"):
        call_command("add_account", "LIVE2", "--kind", "ctp", "--broker", "9999", "--ctp-user", "1")
    call_command("add_feed", "md", "--md-front", FRONTS[0], "--broker", "9999", "--ctp-user", "1", stdout=out)
    assert FeedLogin.objects.get().terms().password == PASSWORD


@pytest.mark.django_db
def test_the_page_takes_a_secret_and_never_shows_it(client: Client, ada: User, rita: User) -> None:
    login = add()
    url = reverse("admin:trading_brokerlogin_change", args=[login.pk])
    client.force_login(ada)
    page = client.get(url).content.decode()
    assert "180.168.146.187:10201" in page
    assert PASSWORD not in page
    assert login.password not in page
    posted = {"fronts": "10.0.0.1:41205", "broker_id": "9999", "user_id": "123456", "confirm": "person"}
    assert client.post(url, {**posted, "new_password": "new-one"}).status_code == 302
    changed = BrokerLogin.objects.get()
    assert (changed.login().password, changed.confirm) == ("new-one", "person")
    refused = client.post(url, {**posted, "fronts": "nowhere"})
    assert "is no address of a front" in refused.content.decode()
    trail = json.dumps(list(AuditEntry.objects.values()), default=str)
    assert "new-one" not in trail
    assert changed.password not in trail
    client.force_login(rita)
    assert client.get(url).status_code == 200
    assert client.post(url, posted).status_code == 403


@pytest.mark.django_db
def test_a_new_login_is_made_on_the_page(client: Client, ada: User) -> None:
    services.add_account(ada, "LIVE", kind="ctp")
    client.force_login(ada)
    account = TradingAccount.objects.get()
    posted = {"account": account.pk, "fronts": FRONTS[0], "broker_id": "9999", "user_id": "1", "new_password": "pw"}
    assert client.post(reverse("admin:trading_brokerlogin_add"), {**posted, "confirm": "auto"}).status_code == 302
    assert BrokerLogin.objects.get().login().password == "pw"
