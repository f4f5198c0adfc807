"""What can be done to instances from the console: which buttons a person has, what a question says, what it does."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.models import User
from quantsite.common.errors import RuleError
from strategies import services
from strategies.choices import OnFailure
from strategies.console.able import Able
from strategies.console.rolling import asked_for, targets
from strategies.console.words import counted_strategies, lots
from strategies.domain.lifecycle import Stage, Verb
from strategies.instance_models import StrategyInstance
from trading.console.stop_page import counted_accounts, counted_lots, counted_orders

Given = Mapping[str, Any]
"""What a question's form sent."""


@dataclass(frozen=True)
class Deed:
    """One thing to do: its button, and how it looks. ``icon`` is a Material Symbol, ``css`` an end of a class."""

    verb: str
    title: str | Promise
    icon: str
    css: str
    needs: tuple[Verb, ...]
    done: str | Promise
    brief: bool = False
    """Whether rows of the list offer it."""


DEEDS: dict[str, Deed] = {
    deed.verb: deed
    for deed in (
        Deed(
            "start", gettext_lazy("Start"), "play_arrow", "main", (Verb.START,), gettext_lazy("Started: %(who)s."), True
        ),
        Deed(
            "resume", gettext_lazy("Go on"), "resume", "main", (Verb.RESUME,), gettext_lazy("Goes on: %(who)s."), True
        ),
        Deed("pause", gettext_lazy("Pause"), "pause", "stop", (Verb.PAUSE,), gettext_lazy("Paused: %(who)s."), True),
        Deed("stop", gettext_lazy("Stop"), "stop", "stop", (Verb.STOP,), gettext_lazy("Stopped: %(who)s."), True),
        Deed(
            "flatten",
            gettext_lazy("Flatten"),
            "close_fullscreen",
            "last",
            (Verb.FLATTEN,),
            gettext_lazy("Asked to close its lots: %(who)s."),
            True,
        ),
        Deed("roll", gettext_lazy("Roll now"), "swap_horiz", "stop", (), gettext_lazy("Asked to roll: %(who)s.")),
        Deed(
            "promote",
            gettext_lazy("Promote"),
            "upgrade",
            "main",
            (Verb.PROMOTE,),
            gettext_lazy("Promoted: %(who)s."),
        ),
        Deed(
            "ask-approval",
            gettext_lazy("Ask for approval"),
            "how_to_reg",
            "main",
            (Verb.APPROVE,),
            gettext_lazy("Proposed: a second person decides on %(who)s."),
        ),
        Deed(
            "go-live",
            gettext_lazy("Go live"),
            "rocket_launch",
            "last",
            (Verb.GO_LIVE,),
            gettext_lazy("Live, and stopped until somebody starts it: %(who)s."),
        ),
        Deed(
            "demote",
            pgettext_lazy("strategy", "Take back"),
            "undo",
            "stop",
            (Verb.TO_PAPER, Verb.TO_BACKTESTED, Verb.TO_DRAFT),
            gettext_lazy("Taken back: %(who)s."),
        ),
        Deed("retire", gettext_lazy("Retire"), "archive", "stop", (Verb.RETIRE,), gettext_lazy("Retired: %(who)s.")),
    )
}
BULK = ("start", "pause", "stop", "flatten")
"""What can be done to several at once, in the order of the buttons."""
BACKWARD = {Stage.PAPER: Verb.TO_PAPER, Stage.BACKTESTED: Verb.TO_BACKTESTED, Stage.DRAFT: Verb.TO_DRAFT}
MOST_AT_ONCE = 500


def offers(able: Able, instance: StrategyInstance, *, brief: bool = False, holds: bool = True) -> list[dict[str, Any]]:
    """The buttons that a person has for an instance; ``brief``: those of a row. Flat ones are not flattened."""
    made = []
    for verb in offered_verbs(able, instance, brief=brief, holds=holds):
        deed = DEEDS[verb]
        url = f"{reverse('admin:strategies_strategyinstance_do', args=[deed.verb])}?id={instance.pk}"
        made.append({"verb": deed.verb, "title": deed.title, "icon": deed.icon, "css": deed.css, "url": url})
    return made


def offered_verbs(able: Able, instance: StrategyInstance, *, brief: bool = False, holds: bool = True) -> list[str]:
    """The verbs of these buttons, in their order."""
    verbs = set(able.verbs(instance))
    found = []
    for deed in DEEDS.values():
        if (brief and not deed.brief) or (deed.verb == "flatten" and not holds):
            continue
        if _offered(able, deed, instance, verbs):
            found.append(deed.verb)
    return found


def _offered(able: Able, deed: Deed, instance: StrategyInstance, verbs: set[Verb]) -> bool:
    """Whether a person may do it, and there is anything to do."""
    if deed.verb == "roll":
        return able.may_roll(instance) and bool(targets(instance))
    if deed.verb == "ask-approval" and not able.may_change(instance):
        return False
    return bool(verbs.intersection(deed.needs))


@dataclass(frozen=True)
class Reach:
    """What stands behind some instances now, counted for the words of a question."""

    instances: int
    accounts: int
    orders: int
    order_accounts: int
    lots: int
    lot_accounts: int
    lines: tuple[dict[str, Any], ...]


def reach_of(instances: Sequence[StrategyInstance]) -> Reach:
    """Counted by what their own orders have filled and have at the exchange: the truth, not a picture of it."""
    lines: list[dict[str, Any]] = []
    for row in instances:
        held, working = services.held_lots(row), services.working_orders(row).count()
        shown = [f"{code} {lots(count)}" for code, count in held.items()]
        size = sum(abs(count) for count in held.values())
        lines.append({"instance": row, "held": shown, "lots": size, "orders": working, "account": row.account.code})
    with_orders, with_lots = ({line["account"] for line in lines if line[name]} for name in ("orders", "lots"))
    return Reach(
        len(lines),
        len({line["account"] for line in lines}),
        sum(line["orders"] for line in lines),
        len(with_orders),
        sum(line["lots"] for line in lines),
        len(with_lots),
        tuple(lines),
    )


def named(instances: Sequence[StrategyInstance]) -> str:
    """One by its name, several by their number."""
    return instances[0].shown_name if len(instances) == 1 else counted_strategies(len(instances))


def button(deed: Deed, reach: Reach, who: str) -> str:
    """What a question's button says: counted."""
    words = {
        "title": deed.title,
        "who": who,
        "lots": counted_lots(reach.lots),
        "accounts": counted_accounts(max(reach.lot_accounts, 1)),
    }
    if deed.verb == "flatten":
        return _("Flatten %(lots)s on %(accounts)s: %(who)s") % words
    return _("%(title)s: %(who)s") % words


def said(deed: Deed, reach: Reach) -> list[str]:
    """What will happen, sentence by sentence."""
    orders, lots_held = counted_orders(reach.orders), counted_lots(reach.lots)
    words = {"orders": orders, "lots": lots_held, "accounts": counted_accounts(reach.accounts)}
    told: dict[str, Sequence[str]] = {
        "start": (
            _("It is warmed up from stored bars, then trades by its decisions on %(accounts)s."),
            _("What it still holds of its own it goes on with: %(lots)s."),
        ),
        "resume": (_("It may open positions again, from its next decision on."),),
        "pause": (
            _("It goes on to decide and to record, and opens nothing: orders that would open are withdrawn."),
            _("It keeps %(lots)s, and still closes by its own decisions."),
        ),
        "stop": (_("It decides no more. At work now: %(orders)s; held: %(lots)s."),),
        "flatten": (
            _("Its orders are withdrawn (%(orders)s), and what its own fills left is closed at the market (%(lots)s)."),
            _("One that runs is paused: it would open again with its next decision."),
            _("Lots of other strategies and by hand on the same account stay as they are."),
        ),
        "roll": (
            _("Its own orders on that leg are withdrawn. What it holds is closed there and opened in the new one."),
            _("It begins once both are quoted. Where only one is filled for too long, the rest goes at the market."),
            _("It sees the new contract's prices without the spread, unless its execution says otherwise."),
        ),
        "go-live": (
            _("From now on its orders go to a real market. It begins flat and stopped: it is started by itself."),
        ),
        "retire": (_("It stays to be looked at and can never run again. It must hold nothing."),),
    }
    return [sentence % words for sentence in told.get(deed.verb, ())]


def endings(reach: Reach, chosen: str) -> list[dict[str, Any]]:
    """What may become of orders and lots of instances that stop, counted."""
    orders, held = counted_orders(reach.orders), counted_lots(reach.lots)
    words = {"orders": orders, "lots": held}
    texts = {
        OnFailure.LEAVE: _("leave everything: %(orders)s stay at work, %(lots)s stay"),
        OnFailure.CANCEL: _("withdraw %(orders)s, keep %(lots)s"),
        OnFailure.FLATTEN: _("withdraw %(orders)s, close %(lots)s at the market"),
    }
    return [{"value": each.value, "text": text % words, "chosen": each == chosen} for each, text in texts.items()]


def phrase_of(deed: Deed, instances: Sequence[StrategyInstance]) -> str:
    """What must be typed before lots are closed or real money is at stake; the same in every language."""
    if deed.verb not in {"flatten", "go-live"}:
        return ""
    word = "CLOSE" if deed.verb == "flatten" else "LIVE"
    return f"{word} {instances[0].key}" if len(instances) == 1 else f"{word} {len(instances)}"


def missing_for(deed: Deed, instance: StrategyInstance) -> list[Any]:
    """The gates that a step asks for, each with what is missing."""
    stages = {
        "start": instance.state.stage,
        "resume": instance.state.stage,
        "promote": Stage.BACKTESTED if instance.state.stage is Stage.DRAFT else Stage.PAPER,
        "ask-approval": Stage.APPROVED,
        "go-live": Stage.LIVE,
    }
    stage = stages.get(deed.verb)
    return services.gates_for(instance, stage) if stage else []


def downward(able: Able, instance: StrategyInstance) -> list[str]:
    """The stages that this person may take an instance back to, the highest first."""
    verbs = able.verbs(instance)
    return [stage.value for stage, verb in BACKWARD.items() if verb in verbs]


def perform(user: User, deed: Deed, instance: StrategyInstance, given: Given) -> None:
    """Do it, by the verb of the services. Raises what that raises, ``RuleError`` ``reason_missing`` besides."""
    reason = str(given.get("reason", "")).strip()
    if not reason:
        raise RuleError("reason_missing", _("Say why."), fields={"reason": _("Say why.")})
    _WORK[deed.verb](user, instance, given, reason)


def _version(instance: StrategyInstance, given: Given) -> int | None:
    """The version that the person has looked at; None where the form did not tell."""
    text = str(given.get(f"version_{instance.pk}", ""))
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _roll(user: User, row: StrategyInstance, given: Given, why: str) -> None:
    leg, to = asked_for(str(given.get("target", "")))
    services.roll_now(user, row.pk, leg, to, why)


Work = Callable[[User, StrategyInstance, Given, str], object]
_WORK: dict[str, Work] = {
    "start": lambda user, row, given, why: services.start(user, row.pk, version=_version(row, given), reason=why),
    "resume": lambda user, row, given, why: services.resume(user, row.pk, version=_version(row, given), reason=why),
    "pause": lambda user, row, _given, why: services.pause(user, row.pk, reason=why),
    "stop": lambda user, row, given, why: services.stop(user, row.pk, then=str(given.get("then", "")), reason=why),
    "flatten": lambda user, row, _given, why: services.flatten(user, row.pk, reason=why),
    "roll": _roll,
    "promote": lambda user, row, given, why: services.promote(user, row.pk, version=_version(row, given), reason=why),
    "ask-approval": lambda user, row, given, why: services.ask_approval(
        user, row.pk, str(given.get("account", "")), why
    ),
    "go-live": lambda user, row, given, why: services.go_live(user, row.pk, version=_version(row, given), reason=why),
    "demote": lambda user, row, given, why: services.demote(
        user, row.pk, str(given.get("to", "")), why, then=str(given.get("then", "")) or None
    ),
    "retire": lambda user, row, _given, why: services.retire(user, row.pk, why),
}
