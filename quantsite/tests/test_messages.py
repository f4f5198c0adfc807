"""The check of the translation catalogues finds what it is there for."""

from pathlib import Path

import polib
import pytest

from quantsite.testing.messages import Message, check_catalogue, messages_of, python_of_template, update_catalogue

PYTHON = """
title = _("Run")
count = ngettext("%(n)d run", "%(n)d runs", n)
state = pgettext("order", "open")
spoken = gettext(variable)
refused = say("%(name)s is wrong.", name=name)
NOTED = {"a": unsaid("%(name)s is right.")}
said = say(NOTED[kind], **given)
"""
TEMPLATE = """{% load i18n %}
    <p>{% translate "It's here" %}</p>
  {% blocktranslate trimmed count n=total %}
     {{ n }} bar
  {% plural %}
     {{ n }} bars
  {% endblocktranslate %}
{% translate "open" context "order" %}
"""


def texts(source: str) -> list[tuple[str, str, str]]:
    return [(message.text, message.plural, message.context) for message in messages_of(source, "x")]


def test_texts_of_python() -> None:
    assert texts(PYTHON) == [
        ("Run", "", ""),
        ("%(n)d run", "%(n)d runs", ""),
        ("open", "", "order"),
        ("%(name)s is wrong.", "", ""),
        ("%(name)s is right.", "", ""),
    ]


def test_texts_of_a_template_whatever_its_indentation() -> None:
    found = texts(python_of_template(TEMPLATE, "x.html"))

    assert found == [("It's here", "", ""), ("%(n)s bar", "%(n)s bars", ""), ("open", "", "order")]


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    path = tmp_path / "django.po"
    path.write_text('msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n', encoding="utf-8")
    return path


def fill(path: Path, **changes: object) -> None:
    """Translate the only entry with what the case asks for."""
    file = polib.pofile(str(path))
    for name, value in changes.items():
        setattr(file[0], name, value)
    file.save(str(path))


MESSAGE = Message("%(n)d of {total}", "", "", "a.py:1")


def test_a_new_text_is_missing_then_untranslated_then_right(catalogue: Path) -> None:
    assert check_catalogue(catalogue, [MESSAGE]) == ["missing: '%(n)d of {total}' (a.py:1)"]
    update_catalogue(catalogue, [MESSAGE])
    assert check_catalogue(catalogue, [MESSAGE]) == ["untranslated: '%(n)d of {total}'"]
    fill(catalogue, msgstr="{total} 之 %(n)d")
    assert check_catalogue(catalogue, [MESSAGE]) == []
    update_catalogue(catalogue, [MESSAGE])
    assert check_catalogue(catalogue, [MESSAGE]) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"msgstr": "{total} 之 %(m)d"}, "other placeholders than the text's"),
        ({"msgstr": "之 %(n)d"}, "other placeholders than the text's"),
        ({"msgstr": "{total} 之 %(n)d", "flags": ["fuzzy"]}, "fuzzy"),
    ],
)
def test_a_translation_that_would_not_do_is_named(catalogue: Path, changes: dict[str, object], fault: str) -> None:
    update_catalogue(catalogue, [MESSAGE])
    fill(catalogue, **changes)

    assert check_catalogue(catalogue, [MESSAGE]) == [f"{fault}: '%(n)d of {{total}}'"]


def test_a_text_that_is_gone_is_obsolete_until_the_update(catalogue: Path) -> None:
    update_catalogue(catalogue, [MESSAGE])

    assert check_catalogue(catalogue, []) == ["obsolete: '%(n)d of {total}'"]
    update_catalogue(catalogue, [])
    assert check_catalogue(catalogue, []) == []
