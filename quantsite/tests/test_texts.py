"""Sentences of packages that know no Django, in the reader's language."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import translation

from marketdata.domain.intervals import parse_interval
from quantsite.common.errors import RuleError
from quantsite.common.texts import (
    Translator,
    did_you_mean,
    kept,
    respoken,
    say,
    sentences,
    stored,
    unsaid,
    use_translator,
)

ROOT = Path(__file__).parents[2]
BARE = """
import sys
from marketdata.domain.intervals import parse_interval
from quantsite.common.errors import RuleError
try:
    parse_interval("5x")
except RuleError as error:
    print(error.text)
print("django" in sys.modules)
"""


@pytest.fixture
def served() -> Iterator[None]:
    """The project's translator is back after the test."""
    before = use_translator(None)
    yield
    use_translator(before)


def test_a_template_takes_its_values(served: None) -> None:
    assert say("%(name)s must be at least %(least)g, not %(value)r.", name="fast", least=1.0, value="0") == (
        "fast must be at least 1, not '0'."
    )
    assert say("100%%") == "100%"
    with pytest.raises(KeyError, match="name"):
        say("%(name)s", value=1)


def test_the_translator_gets_the_template_not_the_sentence(served: None) -> None:
    asked: list[str] = []

    def translator(template: str) -> str:
        asked.append(template)
        return "%(day)s: closed"

    before: Translator = use_translator(translator)
    assert say("%(day)s is no trading day.", day="2024-05-01") == "2024-05-01: closed"
    assert asked == ["%(day)s is no trading day."]
    assert use_translator(before) is translator


def test_a_noted_template_and_sentences_without_a_hint(served: None) -> None:
    assert unsaid("%(a)s") == "%(a)s"
    assert sentences("No.", did_you_mean(None), "Known: a.") == "No. Known: a."
    assert sentences("", "No.", did_you_mean("slow")) == "No. Did you mean 'slow'?"
    assert sentences("没有。", "", "可用的：a。") == "没有。可用的：a。"


def test_a_kept_sentence_is_stored_and_spoken_later(served: None) -> None:
    inner = kept("%(day)s is no trading day.", day="2024-05-01")
    written = json.loads(json.dumps(stored(kept("%(path)s: %(reason)s", path="a", reason=inner))))
    assert respoken(written) == "a: 2024-05-01 is no trading day."
    use_translator(lambda template: template.replace(": ", "：").replace("is no trading day.", "休市。"))
    assert respoken(written) == "a：2024-05-01 休市。"
    assert respoken([]) == ""
    assert (respoken(12), stored("a")) == (12, "a")


@pytest.mark.parametrize(("language", "text"), [("en", "'5x' is no bar interval: "), ("zh-hans", "'5x' 不是")])
def test_the_project_speaks_the_language_that_is_active(language: str, text: str) -> None:
    with translation.override(language), pytest.raises(RuleError) as caught:
        parse_interval("5x")
    assert caught.value.text.startswith(text)


def test_a_bare_interpreter_speaks_english() -> None:
    done = subprocess.run([sys.executable, "-c", BARE], cwd=ROOT, capture_output=True, text=True, check=True)
    sentence, django = done.stdout.splitlines()
    assert sentence.startswith("'5x' is no bar interval: use one of 1m, 3m")
    assert django == "False"
