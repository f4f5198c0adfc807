"""The columns of a login at CTP fronts, with its secrets sealed; the models that carry them are in the apps above."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import models
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from accounts.sealing import seal, sealed_by_newest, unseal
from marketdata.domain.ctp.login import Confirm, LoginTerms, front_addresses
from quantsite.common.errors import RuleError

SECRETS = ("password", "auth_code")
PLAIN = ("fronts", "broker_id", "user_id", "app_id", "product_info")
LETTERS = {"broker_id": 10, "user_id": 15, "app_id": 32, "product_info": 10, "password": 40, "auth_code": 16}
"""What CTP's fields hold; all of it is ASCII, since the binding writes anything else wrongly."""


class CtpLogin(models.Model):
    """Where and as whom to log in. ``password`` and ``auth_code`` are sealed texts, never shown and never logged."""

    fronts = models.TextField(_("fronts"), help_text=_("One a line, such as tcp://180.168.146.187:10201."))
    broker_id = models.CharField(_("broker"), max_length=10, help_text=_("The broker's number, such as 9999."))
    user_id = models.CharField(_("user at the broker"), max_length=15)
    app_id = models.CharField(_("AppID"), max_length=32, blank=True, help_text=_("As registered for this program."))
    product_info = models.CharField("UserProductInfo", max_length=10, blank=True)
    password = models.TextField(_("password"), blank=True, editable=False)
    auth_code = models.TextField(_("authentication code"), blank=True, editable=False)
    around_the_clock = models.BooleanField(
        _("test front at other hours"),
        default=False,
        help_text=_("Connected at all hours; the market's clock is that of its quotes."),
    )
    changed_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        abstract = True

    @property
    def place(self) -> str:
        """What the secrets are bound to."""
        raise NotImplementedError

    def terms(self, confirm: Confirm = Confirm.AUTO) -> LoginTerms:
        """What the session logs in with. Raises ``RuleError`` as ``unseal`` and ``front_addresses``."""
        secrets = {name: unseal(getattr(self, name), f"{self.place}:{name}") for name in SECRETS}
        return LoginTerms(
            broker=self.broker_id,
            user=self.user_id,
            fronts=front_addresses(self.fronts.splitlines()),
            password=secrets["password"],
            app_id=self.app_id,
            auth_code=secrets["auth_code"],
            product_info=self.product_info,
            confirm=confirm,
        )

    def take(self, given: Mapping[str, Any]) -> None:
        """Set what is given; a secret given as '' stays as it was. Raises ``RuleError`` and changes nothing.

        ``fronts`` are addresses, the rest is text.
        """
        demand_fitting({name: given[name] for name in LETTERS if name in given})
        fronts = front_addresses(given["fronts"]) if "fronts" in given else None
        sealed = {
            name: seal(given[name], f"{self.place}:{name}")
            for name in SECRETS
            if given.get(name)
        }  # fmt: skip
        for name, value in {**{name: given[name] for name in PLAIN if name in given}, **sealed}.items():
            setattr(self, name, value)
        if fronts is not None:
            self.fronts = "\n".join(fronts)
        if missing := [name for name in ("broker_id", "user_id") if not getattr(self, name)]:
            told = _t("A login needs a broker and a user there.")
            raise RuleError("login_incomplete", told, fields=dict.fromkeys(missing, told))

    def reseal(self) -> bool:
        """Seal the secrets by the newest key; whether anything was not. Raises ``RuleError`` as ``unseal``."""
        old = [name for name in SECRETS if not sealed_by_newest(getattr(self, name))]
        for name in old:
            about = f"{self.place}:{name}"
            setattr(self, name, seal(unseal(getattr(self, name), about), about))
        return bool(old)

    def told(self) -> dict[str, Any]:
        """For the audit trail: of the secrets only whether they are there."""
        return {
            **{name: getattr(self, name) for name in PLAIN},
            **{name: bool(getattr(self, name)) for name in SECRETS},
        }


def demand_fitting(given: Mapping[str, str]) -> None:
    """Raises ``RuleError`` ``login_field`` naming the field, and of a secret not its value."""
    for name, value in given.items():
        fits = len(value) <= LETTERS[name] and value.isascii() and (value.isprintable())
        if not fits:
            told = _t("%(field)s holds at most %(most)d letters and digits without accents or Chinese.")
            told %= {"field": name, "most": LETTERS[name]}
            raise RuleError("login_field", told, fields={name: told})


def reseal_all(rows: Iterable[CtpLogin]) -> int:
    """How many rows were sealed anew."""
    changed = [row for row in rows if row.reseal()]
    for row in changed:
        row.save(update_fields=SECRETS)
    return len(changed)
