"""What rows keep as codes is told in words: verbs of the audit trail, kinds of strategies' log lines, failures."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.utils.translation import override

from accounts.audit_words import verb_word
from quantsite.common.errors import ConflictError
from strategies.domain.lifecycle import STATES, TRANSITIONS, Verb, after
from strategies.labels import FAILURES, LOG_KINDS

APPS = ("accounts", "marketdata", "trading", "strategies", "backtests", "quantsite")
PLACES = {"record": 1, "write": 2, "line": 1}
"""Functions that keep a code, and which of their arguments it is."""


def written(function: str, app: str = "") -> Iterator[tuple[str, Path]]:
    """Every literal code that is given to a function of that name, with the file."""
    for name in [app] if app else APPS:
        for path in sorted((settings.BASE_DIR / name).rglob("*.py")):
            if "tests" in path.parts or "testing" in path.parts:
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and _name(node.func) == function and len(node.args) > PLACES[function]:
                    yield from ((code, path) for code in _literals(node.args[PLACES[function]]))


def _name(called: ast.expr) -> str:
    return called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""


def _literals(argument: ast.expr) -> Iterator[str]:
    if isinstance(argument, ast.IfExp):
        yield from _literals(argument.body)
        yield from _literals(argument.orelse)
    elif isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        yield argument.value


def test_every_verb_of_the_audit_trail_has_words() -> None:
    verbs = {verb for verb, _path in written("record") if "." in verb and "{" not in verb}
    verbs |= {f"strategy.{verb}" for verb, _path in written("write", "strategies")}
    assert len(verbs) > 60
    with override("zh-hans"):
        assert sorted(verb for verb in verbs if verb_word(verb) == verb) == []
        assert verb_word("strategy.promote") == "策略 · 已晋级"
    assert verb_word("a.stranger") == "a.stranger"


def test_every_kind_of_a_strategys_log_has_a_word() -> None:
    kinds = {kind for function in ("line", "write") for kind, _path in written(function, "strategies")}
    assert len(kinds) > 20
    assert sorted(kinds - LOG_KINDS.keys()) == []


@pytest.mark.parametrize("verb", list(Verb))
def test_what_cannot_be_done_now_is_told_without_codes_in_chinese(verb: Verb) -> None:
    for state in STATES:
        if (state, verb) in TRANSITIONS:
            continue
        with override("zh-hans"), pytest.raises(ConflictError) as refused:
            after(state, verb)
        assert not any(letter.isascii() and letter.isalpha() for letter in refused.value.text), refused.value.text


def test_why_it_failed_is_told_in_chinese() -> None:
    with override("zh-hans"):
        assert not [code for code, words in FAILURES.items() if str(words).isascii()]
