"""Commands that act for somebody, and letting people in from the shell."""

import io
import os
import socket
import subprocess
import sys
from argparse import ArgumentParser
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.commands import ActorCommand
from accounts.models import AuditEntry, User
from quantsite.common.errors import RuleError

GOOD = "a long enough pass phrase"


class Act(ActorCommand):
    """Breaks a rule, or says who acts."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--break", action="store_true")

    def handle(self, **options: Any) -> str:
        if options["break"]:
            raise RuleError(
                "broken", "The rule is broken. It has no volume.", fields={"price": "Off grid.", "volume": "no volume"}
            )
        return self.actor.username if self.actor else "system"


@pytest.mark.django_db
def test_the_actor_is_a_person_or_the_system(alice: User, capsys: pytest.CaptureFixture[str]) -> None:
    assert call_command(Act()) == "system"
    assert call_command(Act(), user="alice") == "alice"


@pytest.mark.django_db
def test_an_unknown_or_inactive_actor_is_a_sentence(alice: User) -> None:
    User.objects.update(is_active=False)
    for name in ("alice", "nobody"):
        with pytest.raises(CommandError, match=f"no active person named {name}"):
            call_command(Act(), user=name)


@pytest.mark.django_db
def test_a_broken_rule_is_a_sentence_with_its_fields() -> None:
    with pytest.raises(CommandError, match=r"^The rule is broken\. It has no volume\.; price: Off grid\.$"):
        call_command(Act(), "--break")


@pytest.mark.embedded
@pytest.mark.django_db
def test_missing_tables_are_a_sentence() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_user RENAME TO accounts_user_hidden")
    with pytest.raises(CommandError, match="migrate"):
        call_command(Act(), user="alice")


@pytest.mark.servers
def test_a_database_that_is_away_is_a_sentence() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"postgres://desk@127.0.0.1:{free.getsockname()[1]}/desk"
    environment = {
        **os.environ,
        "DATABASE_URL": nobody,
        "QUANTSITE_SECRET_KEY": "s" * 60,
        "QUANTSITE_AUDIT_KEY": "a" * 60,
    }

    done = subprocess.run(
        [sys.executable, "manage.py", "verify_audit"],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 1
    assert "CommandError: The database cannot be reached: start it, or mend DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.django_db
def test_an_operator_lets_people_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{GOOD}\n"))
    out = io.StringIO()
    call_command("add_user", "dora", "--role", "trader", "--role", "researcher", "--password-stdin", stdout=out)
    dora = User.objects.get(username="dora")
    assert dora.check_password(GOOD)
    assert (dora.is_active, dora.is_staff, dora.is_superuser) == (True, True, False)
    assert sorted(dora.groups.values_list("name", flat=True)) == ["researcher", "trader"]
    assert "dora may log in now" in out.getvalue()
    assert GOOD not in out.getvalue()
    entry = AuditEntry.objects.get()
    assert (entry.actor_name, entry.verb, entry.object_text) == ("system", "user.create", "dora")


@pytest.mark.django_db
def test_a_made_up_password_is_printed_once_and_works() -> None:
    out = io.StringIO()
    call_command("add_user", "dora", "--role", "risk officer", "--random-password", stdout=out)
    password = out.getvalue().split("password: ")[1].strip()
    assert User.objects.get(username="dora").check_password(password)


@pytest.mark.django_db
def test_a_weak_password_lets_nobody_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    with pytest.raises(CommandError, match="password"):
        call_command("add_user", "dora", "--role", "trader", "--password-stdin")
    assert not User.objects.exists()


@pytest.mark.django_db
def test_a_person_without_the_right_lets_nobody_in(bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{GOOD}\n"))
    with pytest.raises(CommandError, match=r"accounts\.add_user"):
        call_command("add_user", "dora", "--role", "trader", "--password-stdin", "--user", "bob")
    assert not User.objects.filter(username="dora").exists()
    assert AuditEntry.objects.get().verb == "refused"
