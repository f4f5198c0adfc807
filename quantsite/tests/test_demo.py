"""The demo: what it refuses, that its trial tells what is wrong, and (long) that all of it works."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError

from accounts.models import Proposal, User
from quantsite.common.errors import ConflictError
from quantsite.demo import contents, desk, trial
from quantsite.demo.contents import Credentials
from quantsite.management.commands import demo
from quantsite.tests.settings_runs import KEYS, run_python
from quantsite.web.ports import free_port
from trading import services as trading
from trading.account_models import TradingAccount
from trading.limit_models import KillSwitch, RiskLimit
from trading.verbs.new_order import NewOrder

START = "import django; django.setup(); from quantsite.management.commands import demo; demo.refuse_servers()"


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"DATABASE_URL": "postgres://desk@db/quantsite", "REDIS_URL": "redis://c", **KEYS}, "unset DATABASE_URL"),
        ({"QUANTSITE_ENVIRONMENT": "live"}, "is live"),
    ],
)
def test_it_runs_on_the_embedded_size_and_on_paper_only(tmp_path: Path, variables: dict[str, str], reason: str) -> None:
    done = run_python(START, tmp_path, **variables)
    assert done.returncode == 1
    assert reason in done.stderr
    assert run_python(START, tmp_path).returncode == 0


def test_a_port_in_use_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"Port {port} is in use"):
            demo.refuse_taken(port)
    demo.refuse_taken(free_port())


@pytest.mark.embedded
@pytest.mark.django_db
def test_each_start_gives_the_demo_people_new_passwords() -> None:
    first, second = contents.make_people(), contents.make_people()
    assert [person.role for person in first] == ["administrator", "risk officer", "trader", "researcher"]
    for old, new in zip(first, second, strict=True):
        user = User.objects.get(username=new.name)
        assert user.check_password(new.password)
        assert not user.check_password(old.password)
        assert [group.name for group in user.groups.all()] == [new.role]


@pytest.mark.embedded
@pytest.mark.django_db(transaction=True)
def test_the_traders_account_is_made_once() -> None:
    contents.make_people()
    assert [contents.make_account(), contents.make_account()] == [True, False]
    account = TradingAccount.objects.select_related("state").get()
    assert (account.code, account.state.balance) == (contents.ACCOUNT, contents.CAPITAL)
    assert [contents.make_risk(), contents.make_risk()] == [True, False]
    assert [RiskLimit.objects.count(), Proposal.objects.filter(status="open").count()] == [4, 1]
    assert not KillSwitch.objects.active().exists()
    people = {name: User.objects.get(username=name) for name in contents.NAMES}
    sees = {name: TradingAccount.objects.visible_to(user).exists() for name, user in people.items()}
    assert sees == {"ada": True, "rita": True, "bob": True, "alice": False}
    assert [desk.make_desk(), desk.make_desk()] == [True, False]
    assert set(TradingAccount.objects.values_list("code", flat=True)) == {contents.ACCOUNT, *desk.CAPITAL}
    asked = NewOrder(contents.traded_instrument(), "buy", "open", "limit", 1, "first", 3600.0)
    assert trading.create_order(people["bob"], contents.ACCOUNT, asked)[1]


@pytest.mark.django_db
def test_nobody_elses_password_is_changed(ada: User) -> None:
    with pytest.raises(ConflictError, match="ada is somebody of yours"):
        contents.make_people()
    password = ada.password
    ada.refresh_from_db()
    assert ada.password == password


def test_the_trial_says_what_is_wrong_with_a_platform_that_is_not_there() -> None:
    people = {name: Credentials(name, "none", role) for name, role in contents.NAMES.items()}
    results = trial.run_all(f"http://127.0.0.1:{free_port()}", people)
    assert [result.name for result in results] == list(trial.CHECKS)
    assert all("refused" in result.error for result in results)


@pytest.mark.soak
@pytest.mark.servers
def test_the_whole_demo_checks_itself(tmp_path: Path) -> None:
    own = tmp_path / "var"
    kept = {name: value for name, value in os.environ.items() if name not in demo.SERVERS}
    done = subprocess.run(
        [sys.executable, "manage.py", "demo", "--check"],
        cwd=settings.BASE_DIR,
        env={**kept, "QUANTSITE_VAR_DIR": str(own), "PYTHONUNBUFFERED": "1"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(trial.CHECKS)} of {len(trial.CHECKS)} checks passed" in done.stdout
    assert not (own / "quantsite.sqlite3").exists(), "the trial must not touch the user's data"
