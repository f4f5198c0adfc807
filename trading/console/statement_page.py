"""The statement of a trading day as a sum that adds up before the reader's eyes, and what each line is made of."""

from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from trading.books_models import BookAdoption
from trading.console.account_page import fill_line, money_between
from trading.console.figures import money, percent, price, signed, tone
from trading.ledger.prices import BROKER, GIVEN, LAST, PUBLISHED
from trading.ledger_models import BalanceSnapshot
from trading.order_models import Fill

MOST_FILLS = 2_000
TOLERANCE = Decimal("0.0005")
"""Yuan: rows keep six decimals each, and a day has up to some hundred fills."""


def sum_lines(figures: dict[str, Any], own: dict[str, Decimal] | None = None) -> list[dict[str, Any]]:
    """The lines of a statement from the balance before to the balance after, each with its sign.

    ``own`` are the sums of the entries that a line stands for, where they are known; a line that they contradict says
    so.
    """
    lines = (
        ("pre_balance", "", _("Balance brought forward")),
        ("deposit", "+", _("Deposits")),
        ("withdraw", "−", _("Withdrawals")),
        ("close_profit", "+", _("Close profit, by date")),
        ("position_profit", "+", _("Position profit at the settlement prices")),
        ("commission", "−", _("Commission")),
    )
    return [_line(name, sign, word, figures, own or {}) for name, sign, word in lines]


def _line(name: str, sign: str, word: str, figures: dict[str, Any], own: dict[str, Decimal]) -> dict[str, Any]:
    value = Decimal(str(figures[name]))
    known = own.get(name)
    return {
        "sign": sign,
        "word": word,
        "value": money(value),
        "checked": known is not None,
        "agrees": known is None or abs(known - value) <= TOLERANCE,
        "own": "" if known is None else money(known),
    }


def total(figures: dict[str, Any]) -> dict[str, Any]:
    """The balance at the end, and whether the lines above it come to it."""
    value = {name: Decimal(str(figures[name])) for name in (*PLUS, *MINUS, "balance")}
    computed = sum(value[name] for name in PLUS) - sum(value[name] for name in MINUS)
    return {
        "value": money(value["balance"]),
        "agrees": abs(computed - value["balance"]) <= TOLERANCE,
        "computed": money(computed),
        "margin": money(figures["margin"]),
        "available": money(figures["available"]),
        "risk": "∞" if figures["risk_degree"] is None else percent(figures["risk_degree"]),
    }


PLUS = ("pre_balance", "deposit", "close_profit", "position_profit")
MINUS = ("withdraw", "commission")


def page_context(snapshot: BalanceSnapshot) -> dict[str, Any]:
    """Everything that the statement's page needs beside the theme's own context; reads ``account``."""
    before = (
        BalanceSnapshot.objects.filter(account=snapshot.account, undone_at=None, seq__lt=snapshot.seq)
        .order_by("-seq")
        .values_list("seq", flat=True)
        .first()
        or 0
    )
    adopted = BookAdoption.objects.filter(account=snapshot.account, seq__gt=before, seq__lte=snapshot.seq).first()
    before = before if adopted is None else adopted.seq
    fills = Fill.objects.filter(account=snapshot.account, seq__gt=before, seq__lte=snapshot.seq)
    rows = list(fills.select_related("instrument").order_by("pk")[: MOST_FILLS + 1])
    own = money_between(snapshot.account, before, snapshot.seq)
    if len(rows) <= MOST_FILLS:
        own["commission"] = sum((row.commission for row in rows), Decimal(0))
        own["close_profit"] = sum((row.close_profit for row in rows), Decimal(0))
    if adopted is not None:
        for name in ADOPTED:
            own[name] = own.get(name, Decimal(0)) + Decimal(str(adopted.book["funds"][name]))
    own["position_profit"] = sum((Decimal(str(line["position_profit"])) for line in snapshot.rows), Decimal(0))
    figures = {name: getattr(snapshot, name) for name in (*PLUS, *MINUS, *ENDS)}
    return {
        "statement": snapshot,
        "account": snapshot.account,
        "lines": sum_lines(figures, own),
        "total": total(figures),
        "by_trade": signed(snapshot.close_profit_by_trade),
        "positions": [position_line(line, snapshot.prices) for line in snapshot.rows],
        "held_sums": {"profit": signed(own["position_profit"])},
        "fills": [fill_line(row) for row in rows[:MOST_FILLS]],
        "fill_sums": {"commission": money(own.get("commission")), "profit": signed(own.get("close_profit"))},
        "left_out": len(rows) > MOST_FILLS,
    }


ADOPTED = ("deposit", "withdraw", "commission", "close_profit")
"""Entries of the day that the broker's figures held already when they were adopted."""

ENDS = ("balance", "margin", "available", "risk_degree")


def position_line(line: dict[str, Any], prices: dict[str, Any]) -> dict[str, Any]:
    """One position as a statement prints it, with where its settlement price is from."""
    told = prices.get(line["instrument"], {})
    return {
        **line,
        "is_long": line["side"] == "long",
        "side": _("long") if line["side"] == "long" else _("short"),
        "open": price(line["open_price"], TICK),
        "base": price(line["base_price"], TICK),
        "settlement": price(line["settlement_price"], TICK),
        "source": source_word(told.get("source", "")),
        "margin": money(line["margin"]),
        "profit": signed(line["position_profit"]),
        "tone": tone(line["position_profit"]),
        "open_profit": signed(line["open_profit"]),
        "open_tone": tone(line["open_profit"]),
    }


TICK = 1
"""Settlement prices lie off the grid: as many decimals as they have, up to two."""


def source_word(source: str) -> str:
    """Where a settlement price is from."""
    words = {
        GIVEN: _("given by hand"),
        BROKER: _("told by the broker"),
        PUBLISHED: _("published by the exchange"),
        LAST: _("last price"),
    }
    return words.get(source, "")
