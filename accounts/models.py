"""People, the audit chain and alarms."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from quantsite.web.retold import retold_values


class User(AbstractUser):
    """A person who may log in once approved; ``is_active`` is false before approval and after deactivation."""

    language = models.CharField(
        _("language"), max_length=16, blank=True, default="", help_text=_("Empty: the browser's choice.")
    )
    approved_at = models.DateTimeField(_("approved at"), null=True, blank=True, editable=False)
    login_epoch = models.PositiveIntegerField(default=0, editable=False)  # part of the session hash: see below

    class Meta(AbstractUser.Meta):
        default_permissions = ("add", "change", "view")  # a person is deactivated, never deleted
        permissions = [
            ("approve_user", _("Can approve a registration")),
            ("deactivate_user", _("Can deactivate a person")),
            ("assign_groups", _("Can give and take roles")),
        ]
        constraints = [
            # "Alice" beside "alice" would be an impersonation.
            models.UniqueConstraint(Lower("username"), name="accounts_user_username_any_case"),
        ]

    @property
    def state(self) -> str:
        """``active``, ``waiting`` (registered, never approved) or ``inactive``."""
        if self.is_active:
            return "active"
        return "inactive" if self.approved_at else "waiting"

    def _get_session_auth_hash(self, secret: str | bytes | None = None) -> str:
        """Django's session hash with ``login_epoch`` in it: raising the epoch ends every session at once."""
        value = f"{self.password}:{self.login_epoch}"
        return salted_hmac("accounts.User.session", value, secret=secret, algorithm="sha256").hexdigest()


class AuditEntry(models.Model):
    """One link of the audit chain; triggers refuse UPDATE, DELETE and TRUNCATE (migration 0002)."""

    seq = models.BigIntegerField(_("number"), primary_key=True)
    # A person with entries is never deleted: the row could not be set to null.
    actor = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="audit_entries", verbose_name=_("actor")
    )
    actor_name = models.CharField(_("actor's name"), max_length=150)
    verb = models.CharField(_("verb"), max_length=64)
    object_type = models.CharField(_("kind of object"), max_length=100, blank=True)
    object_id = models.CharField(_("object"), max_length=64, blank=True)
    object_text = models.CharField(_("description"), max_length=200, blank=True)
    before = models.JSONField(_("before"), null=True, blank=True)
    after = models.JSONField(_("after"), null=True, blank=True)
    request_id = models.CharField(_("request"), max_length=64, blank=True)
    created_at = models.DateTimeField(_("time"))
    prev_hash = models.CharField(_("hash of the entry before"), max_length=64)
    hash = models.CharField(_("hash"), max_length=64)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit trail")
        default_permissions = ("view",)
        ordering = ["-seq"]
        indexes = [
            # The console filters by person, by verb, by thing and by day.
            models.Index(fields=["actor_name", "-seq"], name="accounts_audit_actor"),
            models.Index(fields=["verb", "-seq"], name="accounts_audit_verb"),
            models.Index(fields=["object_type", "object_id", "-seq"], name="accounts_audit_object"),
            models.Index(fields=["created_at"], name="accounts_audit_time"),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.actor_name} {self.verb} {self.object_text}".rstrip()


class AuditHead(models.Model):
    """The chain's end, one row: how many entries there are, the last one's hash, and a MAC over both."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    count = models.BigIntegerField()
    last_hash = models.CharField(max_length=64)
    mac = models.CharField(max_length=64)

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="accounts_audithead_single")]


class AuditCheck(models.Model):
    """One run of ``verify_audit``; the console shows the latest."""

    created_at = models.DateTimeField(auto_now_add=True)
    entries = models.BigIntegerField()
    last_hash = models.CharField(max_length=64)
    findings = models.JSONField(default=list)

    class Meta:
        default_permissions = ()
        get_latest_by = "id"

    @property
    def intact(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


class Severity(models.TextChoices):
    """How soon a person must act; ``RANK`` orders them."""

    INFO = "info", _("information")
    WARNING = "warning", _("warning")
    CRITICAL = "critical", _("critical")


RANK: dict[str, int] = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


class AlarmQuerySet(models.QuerySet["Alarm"]):
    """Reads of alarms."""

    def open(self) -> "AlarmQuerySet":
        """Those whose cause has not gone away."""
        return self.filter(cleared_at=None)

    def worst_first(self) -> "AlarmQuerySet":
        """Open before cleared, nobody's before acknowledged, critical before warning, oldest first."""
        rank = models.Case(
            *(models.When(severity=severity, then=-value) for severity, value in RANK.items()),
            output_field=models.SmallIntegerField(),
        )
        return self.annotate(rank=rank).order_by(
            models.F("cleared_at").desc(nulls_first=True),
            models.F("acknowledged_at").desc(nulls_first=True),
            "rank",
            "first_at",
            "id",
        )


class Alarm(models.Model):
    """Something a person must respond to; one open row for each code and subject, repeats counted."""

    code = models.CharField(_("code"), max_length=64)
    subject = models.CharField(_("subject"), max_length=200, blank=True)
    text = models.TextField(_("text"))  # as in the source, with the places of ``values``: each reader's language
    values = models.JSONField(default=dict, blank=True, editable=False)
    severity = models.CharField(_("severity"), max_length=10, choices=Severity.choices)
    count = models.PositiveIntegerField(_("times"), default=1)
    first_at = models.DateTimeField(_("first"))
    last_at = models.DateTimeField(_("last"))
    acknowledged_by = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("acknowledged by")
    )
    acknowledged_at = models.DateTimeField(_("acknowledged at"), null=True, blank=True)
    cleared_at = models.DateTimeField(_("cleared at"), null=True, blank=True)

    objects = AlarmQuerySet.as_manager()

    class Meta:
        verbose_name = _("alarm")
        verbose_name_plural = _("alarms")
        default_permissions = ("view",)
        permissions = [("acknowledge_alarm", _("Can acknowledge an alarm"))]
        constraints = [
            models.UniqueConstraint(
                fields=["code", "subject"], condition=models.Q(cleared_at=None), name="accounts_alarm_one_open"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.subject}".rstrip()

    @property
    def shown_text(self) -> str:
        """The sentence in the reader's language."""
        text = gettext(self.text)
        return text % retold_values(self.values) if self.values else text


class Lease(models.Model):
    """Who may do what only one process may do: a feed publish, a gateway trade. Times are the database's.

    ``epoch`` goes up by one with every taking; what the holder writes carries the epoch it holds (``leases.py``).
    """

    name = models.CharField(_("name"), max_length=80, primary_key=True, help_text=_("Such as feed:replay."))
    holder = models.CharField(_("holder"), max_length=200, blank=True, help_text=_("Host and process."))
    epoch = models.PositiveBigIntegerField(_("epoch"), default=0)
    expires_at = models.DateTimeField(_("ends"), null=True)
    taken_at = models.DateTimeField(_("taken"), null=True)

    class Meta:
        verbose_name = _("lease")
        verbose_name_plural = _("leases")
        default_permissions = ("view",)
        ordering = ["name"]

    def __str__(self) -> str:
        return f"{self.name}: {self.holder or '-'}"


class ProposalStatus(models.TextChoices):
    """Where a proposal stands; an open one past its time is expired, whoever looks."""

    OPEN = "open", pgettext_lazy("proposal", "waiting")
    APPROVED = "approved", pgettext_lazy("proposal", "approved")
    REFUSED = "refused", pgettext_lazy("proposal", "refused")
    WITHDRAWN = "withdrawn", pgettext_lazy("proposal", "withdrawn")
    EXPIRED = "expired", pgettext_lazy("proposal", "expired")
    STALE = "stale", pgettext_lazy("proposal", "overtaken")


class Proposal(models.Model):
    """A change that needs a second person. ``before`` is what stood when it was proposed, ``after`` what is to stand.

    ``kind`` names who applies it (``proposals.py``), ``target`` what it is about, in that kind's own words.
    """

    kind = models.CharField(_("what"), max_length=32)
    target = models.CharField(_("of"), max_length=200)
    before = models.JSONField(_("before"), null=True)
    after = models.JSONField(_("after"), null=True)
    reason = models.TextField(_("reason"))
    status = models.CharField(_("state"), max_length=10, choices=ProposalStatus.choices, default=ProposalStatus.OPEN)
    proposed_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("proposed by"))
    proposed_at = models.DateTimeField(_("proposed at"))
    expires_at = models.DateTimeField(_("expires at"))
    decided_by = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("decided by")
    )
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    decision_reason = models.TextField(_("why it was decided so"), blank=True)

    class Meta:
        verbose_name = _("proposal")
        verbose_name_plural = _("proposals")
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [("approve_proposal", _("Can approve and refuse proposals of others"))]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "target"], condition=models.Q(status="open"), name="accounts_proposal_one_open"
            ),
            models.CheckConstraint(  # "not decided_by" alone would let an approval by nobody pass
                condition=~models.Q(status__in=("approved", "refused"))
                | (models.Q(decided_by__isnull=False) & ~models.Q(decided_by=models.F("proposed_by"))),
                name="accounts_proposal_two_persons",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.kind} {self.target}"
