"""Checking the audit chain from its first link to its head."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from django.conf import settings
from django.db.models import Subquery
from django.db.models.functions import Coalesce

from accounts import audit_chain
from accounts.audit import head_is_sound
from accounts.models import AuditEntry, AuditHead

CHUNK = 2_000  # rows read at once: some megabytes
MAX_NAMED = 1_000  # findings listed one by one; beyond, the table as a whole is lost

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: ``kind`` is altered, removed, inserted, unlinked or head; rows ``first..last``."""

    kind: str
    first: int
    last: int
    text: str


@dataclass
class Report:
    """What a check found; ``last_hash`` and ``entries`` together are an anchor to note elsewhere."""

    entries: int = 0
    last_hash: str = audit_chain.GENESIS
    findings: list[Finding] = field(default_factory=list)

    @property
    def intact(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "intact": self.intact}


def verify(progress: Progress | None = None, anchor: tuple[int, str] | None = None) -> Report:
    """Check every link and the head, while others may go on writing.

    ``progress`` is told (done, total) after each chunk. ``anchor`` is a number and hash noted at an earlier
    check: only this shows that somebody put back an older copy of entries and head together.
    """
    walk = _Walk(anchor)
    head = _head()
    while walk.position < head["count"]:  # writers meanwhile: go on to where they are
        for link in _links(walk.position, head["count"]):
            walk.step(link)
            if progress and link["seq"] % CHUNK == 0:
                progress(link["seq"], head["count"])
        walk.expect(head["count"] + 1)
        head = _head()
    walk.finish(head)
    if progress:
        progress(head["count"], head["count"])
    return walk.report


class _Walk:
    """The state of a check: where it is, what the next link must follow, what it found."""

    def __init__(self, anchor: tuple[int, str] | None) -> None:
        self.report = Report()
        self.anchor = anchor
        self.position = 0
        self.last_hash: str | None = audit_chain.GENESIS  # None after a gap: nothing to compare with

    def step(self, link: Mapping[str, Any]) -> None:
        """Check one link against itself and against the one before."""
        seq = link["seq"]
        self.expect(seq)
        if not audit_chain.same(link["hash"], audit_chain.link_hash(settings.AUDIT_KEY, link)):
            self.found("altered", seq, seq, f"entry {seq} was altered: it does not match its hash")
        elif self.last_hash is not None and link["prev_hash"] != self.last_hash:
            self.found("unlinked", seq, seq, f"entry {seq} does not follow entry {seq - 1}")
        if self.anchor and self.anchor[0] == seq and self.anchor[1] != link["hash"]:
            self.found("altered", seq, seq, f"entry {seq} is not the one that was noted as anchor")
        self.position, self.last_hash = seq, link["hash"]
        self.report.entries += 1

    def expect(self, seq: int) -> None:
        """Report the rows missing before ``seq``."""
        first, last = self.position + 1, seq - 1
        if first <= last:
            which = f"entry {first} was" if first == last else f"entries {first} to {last} were"
            self.found("removed", first, last, f"{which} removed")
            self.position, self.last_hash = last, None

    def finish(self, head: Mapping[str, Any]) -> None:
        """Check the head, what stands beyond it or before the first, and the anchor."""
        count, last_hash = head["count"], head["last_hash"]
        if not head["mac"]:
            self.found("head", count, count, "the head row was removed")
        elif not head_is_sound(count, last_hash, head["mac"]):
            self.found("head", count, count, "the head row was altered: it does not match its MAC")
        elif self.last_hash not in (None, last_hash) and not self._named(count):
            self.found("altered", count, count, f"entry {count} is not the one that the head names")
        for seq in _strangers(count, head["highest"]):
            self.found("inserted", seq, seq, f"entry {seq} was inserted: the head counts {count}")
        if self.anchor and self.anchor[0] > count:
            self.found("removed", count + 1, self.anchor[0], f"the anchor names entry {self.anchor[0]}; it is gone")
        self.report.last_hash = last_hash

    def found(self, kind: str, first: int, last: int, text: str) -> None:
        """Note a finding."""
        if len(self.report.findings) < MAX_NAMED:
            self.report.findings.append(Finding(kind, first, last, text))

    def _named(self, seq: int) -> bool:
        return any(finding.first <= seq <= finding.last for finding in self.report.findings)


def _head() -> Mapping[str, Any]:
    """The head and the highest number in use, by one statement, so that no writer comes between."""
    highest = Subquery(AuditEntry.objects.order_by("-seq").values("seq")[:1])
    found = AuditHead.objects.filter(pk=1).annotate(highest=Coalesce(highest, 0))
    head = found.values("count", "last_hash", "mac", "highest").first()
    if head is not None:
        return head
    top = AuditEntry.objects.order_by("-seq").first()
    last = (top.seq, top.hash) if top else (0, audit_chain.GENESIS)
    return {"count": last[0], "last_hash": last[1], "mac": "", "highest": last[0]}


def _links(after: int, until: int) -> Iterator[dict[str, Any]]:
    """Links in order, ``after`` excluded, read in chunks by key so that memory stays small."""
    while True:
        rows = AuditEntry.objects.filter(seq__gt=after, seq__lte=until).order_by("seq")
        chunk = list(rows.values(*audit_chain.FIELDS, "hash")[:CHUNK])
        yield from chunk
        if len(chunk) < CHUNK:
            return
        after = chunk[-1]["seq"]


def _strangers(count: int, highest: int) -> list[int]:
    """Numbers that no writer gave: below 1, or beyond the head as it was when it was read."""
    below = AuditEntry.objects.filter(seq__lt=1)
    beyond = AuditEntry.objects.filter(seq__gt=count, seq__lte=highest)
    return list((below | beyond).order_by("seq").values_list("seq", flat=True)[:MAX_NAMED])
