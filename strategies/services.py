"""The verbs of strategy instances, under one roof; each stands in the file of its subject."""

from strategies.verbs.activity import flatten, pause, resume, start, stop
from strategies.verbs.approval import approve, ask_approval, waiting_on, withdraw_request
from strategies.verbs.breaches import breached_limit, fail, take_back
from strategies.verbs.evidence import Finding, gates_for, write_evidence
from strategies.verbs.gate_rows import set_gate
from strategies.verbs.holdings import held_lots, working_orders
from strategies.verbs.instances import (
    ChangeOutcome,
    change_instance,
    create_instance,
    grant_instance,
    revoke_instance,
    set_parameters,
)
from strategies.verbs.rolling import roll_now
from strategies.verbs.stages import demote, go_live, promote, retire
from strategies.verbs.terms import NewInstance, terms_of

__all__ = [
    "ChangeOutcome",
    "Finding",
    "NewInstance",
    "approve",
    "ask_approval",
    "breached_limit",
    "change_instance",
    "create_instance",
    "demote",
    "fail",
    "flatten",
    "gates_for",
    "go_live",
    "grant_instance",
    "held_lots",
    "pause",
    "promote",
    "resume",
    "retire",
    "revoke_instance",
    "roll_now",
    "set_gate",
    "set_parameters",
    "start",
    "stop",
    "take_back",
    "terms_of",
    "waiting_on",
    "withdraw_request",
    "working_orders",
    "write_evidence",
]
