"""``verify_audit`` finds what somebody with the database's password did, on both databases."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from accounts import audit_chain
from accounts.audit import AuditError, record
from accounts.audit_verify import Report, verify
from accounts.models import Alarm, AuditCheck, AuditEntry, AuditHead
from accounts.tests.tampering import triggers_off, write_entries

pytestmark = [pytest.mark.embedded, pytest.mark.django_db]


def named(report: Report) -> list[tuple[str, int, int]]:
    """Kind and rows of each finding."""
    return [(finding.kind, finding.first, finding.last) for finding in report.findings]


def tamper(statement: str, *values: Any) -> None:
    """Run SQL that the triggers would refuse."""
    with triggers_off(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def forged(seq: int, **said: Any) -> AuditEntry:
    """A row by somebody who does not have the key, but knows all hashes."""
    before = AuditEntry.objects.filter(seq__lt=seq).order_by("-seq").first()
    link = {
        "seq": seq,
        "actor_id": None,
        "actor_name": "system",
        "verb": "test.verb",
        "object_type": "",
        "object_id": "",
        "object_text": "",
        "before": None,
        "after": None,
        "request_id": "",
        "created_at": timezone.now(),
        "prev_hash": before.hash if before else audit_chain.GENESIS,
        **said,
    }
    return AuditEntry(**link, hash=audit_chain.link_hash("a wrong key of thirty-two characters", link))


def test_a_whole_chain_is_whole() -> None:
    assert verify().as_dict() == {"entries": 0, "last_hash": "0" * 64, "findings": [], "intact": True}
    entries = write_entries(5)
    report = verify()
    assert (report.entries, report.last_hash, report.findings) == (5, entries[-1].hash, [])


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("verb", "other"),
        ("actor_name", "mallory"),
        ("object_text", "another thing"),
        ("after", '{"index": 2, "price": 9999.5}'),
        ("before", "{}"),
        ("request_id", "f00"),
        ("created_at", "2020-01-01 00:00:00+00:00"),
        ("prev_hash", "0" * 64),
        ("hash", "f" * 64),
    ],
)
def test_an_altered_row_is_named(column: str, value: str) -> None:
    write_entries(5)
    tamper(f"UPDATE accounts_auditentry SET {column} = %s WHERE seq = 3", value)
    assert ("altered", 3, 3) in named(verify())
    assert {finding.first for finding in verify().findings} <= {3, 4}  # the next one may not follow any more


def test_the_altered_last_row_is_named() -> None:
    write_entries(3)
    tamper("UPDATE accounts_auditentry SET verb = 'other' WHERE seq = 3")
    assert named(verify()) == [("altered", 3, 3)]


@pytest.mark.parametrize(("gone", "found"), [([3], (3, 3)), ([1], (1, 1)), ([2, 3, 4], (2, 4)), ([5], (5, 5))])
def test_removed_rows_are_named_the_last_ones_too(gone: list[int], found: tuple[int, int]) -> None:
    write_entries(5)
    for seq in gone:
        tamper("DELETE FROM accounts_auditentry WHERE seq = %s", seq)
    assert named(verify()) == [("removed", *found)]


def test_an_emptied_table_is_found() -> None:
    write_entries(3)
    tamper("DELETE FROM accounts_auditentry")
    assert named(verify()) == [("removed", 1, 3)]


@pytest.mark.parametrize("seq", [6, 9, 0, -4])
def test_an_inserted_row_is_named(seq: int) -> None:
    write_entries(5)
    forged(seq).save(force_insert=True)
    assert named(verify()) == [("inserted", seq, seq)]


def test_a_row_put_in_place_of_another_is_altered() -> None:
    write_entries(5)
    tamper("DELETE FROM accounts_auditentry WHERE seq = 3")
    forged(3).save(force_insert=True)
    assert ("altered", 3, 3) in named(verify())


def test_a_row_copied_to_the_end_is_inserted() -> None:
    """Its content is genuine; its number is part of its hash."""
    write_entries(3)
    genuine = AuditEntry.objects.get(seq=2)
    genuine.seq = 4
    genuine.save(force_insert=True)
    assert named(verify()) == [("inserted", 4, 4)]


def test_cutting_the_end_off_shows_even_with_the_head_moved_back() -> None:
    entries = write_entries(5)
    tamper("DELETE FROM accounts_auditentry WHERE seq = 5")
    tamper("UPDATE accounts_audithead SET count = 4, last_hash = %s", entries[3].hash)
    assert [finding.kind for finding in verify().findings] == ["head"]


def test_entries_written_later_do_not_heal_a_head_that_was_moved_back() -> None:
    entries = write_entries(5)
    tamper("DELETE FROM accounts_auditentry WHERE seq = 5")
    tamper("UPDATE accounts_audithead SET count = 4, last_hash = %s", entries[3].hash)
    write_entries(2)
    assert [finding.kind for finding in verify().findings] == ["head"]


def test_without_its_head_the_trail_can_be_checked_but_not_written() -> None:
    write_entries(2)
    tamper("DELETE FROM accounts_audithead")
    assert [finding.kind for finding in verify().findings] == ["head"]
    with pytest.raises(AuditError, match="verify_audit"), transaction.atomic():
        record(None, "test.verb")
    assert AuditEntry.objects.count() == 2


def test_an_older_copy_put_back_shows_only_against_an_anchor() -> None:
    old_head = (write_entries(3), AuditHead.objects.values().get())[1]
    write_entries(2)
    whole = verify()
    anchor = (whole.entries, whole.last_hash)
    assert verify(anchor=anchor).intact
    tamper("DELETE FROM accounts_auditentry WHERE seq > 3")
    tamper("UPDATE accounts_audithead SET count = 3, last_hash = %s, mac = %s", old_head["last_hash"], old_head["mac"])
    assert verify().intact
    assert named(verify(anchor=anchor)) == [("removed", 4, 5)]
    write_entries(2)
    assert named(verify(anchor=anchor)) == [("altered", 5, 5)]


def test_another_key_fits_nothing(settings: Any) -> None:
    write_entries(2)
    settings.AUDIT_KEY = "another key of at least thirty-two characters"
    assert [finding.kind for finding in verify().findings] == ["altered", "altered", "head"]


def test_big_tables_are_read_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.audit_verify.CHUNK", 2)
    write_entries(5)
    told: list[tuple[int, int]] = []
    assert verify(lambda done, total: told.append((done, total))).entries == 5
    assert told == [(2, 5), (4, 5), (5, 5)]


def test_the_command_names_rows_and_fails() -> None:
    write_entries(4)
    out = StringIO()
    call_command("verify_audit", stdout=out)
    anchor = out.getvalue().split("anchor: ")[1].strip()
    assert out.getvalue().startswith("4 entries, none altered, removed or inserted")
    call_command("verify_audit", "--anchor", anchor, stdout=StringIO())
    tamper("DELETE FROM accounts_auditentry WHERE seq = 2")
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("verify_audit", stdout=out)
    assert ended.value.code == 1
    assert "entry 2 was removed" in out.getvalue()


def test_the_command_prints_one_json_object() -> None:
    write_entries(2)
    tamper("UPDATE accounts_auditentry SET verb = 'other' WHERE seq = 1")
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("verify_audit", "--json", stdout=out)
    said = json.loads(out.getvalue())
    assert said["intact"] is False
    assert (said["findings"][0]["kind"], said["findings"][0]["first"]) == ("altered", 1)


def test_a_broken_chain_is_an_alarm_until_a_check_is_clean() -> None:
    write_entries(3)
    forged(9).save(force_insert=True)
    with pytest.raises(SystemExit):
        call_command("verify_audit", stdout=StringIO())
    alarm = Alarm.objects.open().get(code="audit_chain_broken")
    assert (alarm.severity, alarm.text) == ("critical", "entry 9 was inserted: the head counts 3")
    assert not AuditCheck.objects.latest().intact
    tamper("DELETE FROM accounts_auditentry WHERE seq = 9")
    call_command("verify_audit", stdout=StringIO())
    assert not Alarm.objects.open().exists()
    assert AuditCheck.objects.latest().intact


def test_a_mistyped_anchor_is_a_sentence() -> None:
    with pytest.raises(CommandError, match="NUMBER:HASH"):
        call_command("verify_audit", "--anchor", "5")
